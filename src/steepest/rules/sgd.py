"""Stochastic gradient descent, plain and with momentum."""


def sgd(p, g, momentum_buffer, *, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    """Step along the gradient, or along its running sum.  Sutskever et al., 2013, in torch's form."""
    if weight_decay:
        g = g + weight_decay * p
    if momentum:
        momentum_buffer = g if momentum_buffer is None else momentum * momentum_buffer + (1 - dampening) * g
        g = g + momentum * momentum_buffer if nesterov else momentum_buffer
    p = p - lr * g
    return p, momentum_buffer
