"""RMSprop, with Graves's centred form and momentum."""

from steepest.ops import maximum, sqrt, where


def rmsprop(
    p, g, square_avg, momentum_buffer, grad_avg, step,
    *, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False,
):  # fmt: skip
    """Divide the gradient by a running average of its magnitude.  Hinton, 2012, lecture 6e; Graves, 2013."""
    if weight_decay:
        g = g + weight_decay * p
    square_avg = alpha * square_avg + (1 - alpha) * g * g
    variance = square_avg
    if centered:
        grad_avg = alpha * grad_avg + (1 - alpha) * g
        centred = maximum(square_avg - grad_avg * grad_avg, 0.0)  # rounding can leave it just below zero
        variance = where(square_avg < 2 * square_avg, centred, square_avg)  # an overflow is not undone by another
    g = g / (sqrt(variance) + eps)
    if momentum:
        momentum_buffer = momentum * momentum_buffer + g
        g = momentum_buffer
    p = p - lr * g
    return p, square_avg, momentum_buffer, grad_avg
