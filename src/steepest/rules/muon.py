"""Muon."""

from math import sqrt

from steepest.ops import maximum
from steepest.tensor_ops import add_product, mix, norm, scaled_sum, to_bfloat16, transpose, whole


@whole
def muon(
    p, g, momentum_buffer,
    *, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True, ns_coefficients=(3.4445, -4.775, 2.0315), eps=1e-7,
    ns_steps=5, adjust_lr_fn=None, beyond_matrices=None,
):  # fmt: skip
    """Step along the momentum with all its singular values made equal.  Jordan, 2024; Liu et al., 2025."""
    momentum_buffer = (1 - momentum) * g if momentum_buffer is None else mix(momentum_buffer, g, 1 - momentum)
    update = mix(momentum_buffer, g, 1 - momentum) if nesterov else momentum_buffer
    matrix = _as_matrices(update, beyond_matrices)
    step = orthogonal(to_bfloat16(matrix), ns_coefficients, eps, ns_steps).reshape(p.shape)
    p = scaled_sum(p, step, 1 - lr * weight_decay, -lr * _ratio(matrix.shape[-2:], adjust_lr_fn))
    return p, momentum_buffer


def _as_matrices(x, how):
    if how == "flatten":  # the filters of a convolution are rows
        return x.reshape(len(x), -1)
    return x.reshape(-1, *x.shape[-2:]) if how == "batch" else x


def orthogonal(matrix, coefficients, eps, steps):
    """Nearly U V^T of the singular value decomposition, by Newton and Schulz's iteration."""
    a, b, c = coefficients
    x = transpose(matrix) if matrix.shape[-2] > matrix.shape[-1] else matrix
    x = x / maximum(norm(x), eps)  # no singular value above one
    for _ in range(steps):
        gram = x @ transpose(x)
        x = add_product(x, add_product(gram, gram, gram, b, c), x, a, 1.0)
    return transpose(x) if matrix.shape[-2] > matrix.shape[-1] else x


def _ratio(shape, adjust_lr_fn):
    rows, columns = shape
    if adjust_lr_fn == "match_rms_adamw":
        return 0.2 * sqrt(max(rows, columns))
    return sqrt(rows / columns if adjust_lr_fn == "spectral_unclamped" else max(1, rows / columns))
