"""Operations of a rule as functions that Triton compiles: those that it has not itself, or not rounded as NumPy does.

They are handed to Triton (`functions.py`) as they stand here, or run by its interpreter; one that the interpreter has
no other way to do right has a twin in `interpreted_operations.py`.  They do not call each other.
"""

import triton.language as tl
from triton.language.extra import libdevice


def number(x: tl.constexpr):
    """A constant, in float64."""
    return tl.full((), x, tl.float64)


def divide(x, y):
    """The quotient, rounded to nearest: `/` of float32 would be an approximation."""
    x, y = tl.broadcast(x, y)
    if x.dtype == tl.float64:
        return x / y
    else:  # noqa: RET505 - Triton compiles what follows a `return`
        return tl.div_rn(x, y)


def sqrt(x):
    """The square root, rounded to nearest; `tl.sqrt` of float32 would be an approximation."""
    if x.dtype == tl.float64:
        return tl.sqrt(x)
    else:  # noqa: RET505
        return tl.sqrt_rn(x)


def exp(x):
    """By way of float64: Triton lets libdevice flush small float32 numbers to zero."""
    return libdevice.exp(x.to(tl.float64)).to(x.dtype)  # pyright: ignore[reportAttributeAccessIssue]


def log(x):
    """By way of float64, as `exp`."""
    return libdevice.log(x.to(tl.float64)).to(x.dtype)  # pyright: ignore[reportAttributeAccessIssue]


def power(x, y):
    """x to the power of y, two float64."""
    x, y = tl.broadcast(x, y)
    return libdevice.pow(x, y)


def cos(x):
    """The cosine of a float64."""
    return libdevice.cos(x)


def floor(x):
    """The largest whole number that is not larger."""
    return tl.floor(x)


def falsehood(x):
    """Whether a number is 0."""
    return x == 0


def negative(x):
    """-x, of zero too: Triton's own is 0 - x."""
    return x * -1.0


def sign(x):
    """-1, 0 or 1; 0 for NaN."""
    return (x > 0).to(x.dtype) - (x < 0).to(x.dtype)


def maximum(x, y):
    """The larger; NaN if one of them is NaN."""
    x, y = tl.broadcast(x, y)
    return tl.where((x >= y) | (x != x), x, y)  # noqa: PLR0124 - only NaN differs from itself


def minimum(x, y):
    """The smaller; NaN if one of them is NaN."""
    x, y = tl.broadcast(x, y)
    return tl.where((x <= y) | (x != x), x, y)  # noqa: PLR0124


def where(condition, x, y):
    """x where the condition holds; a condition that was computed on the host is 0 or 1."""
    return tl.where(condition != 0, x, y)


def to_float64(x):
    """How a number is written to an array of float64."""
    return x.to(tl.float64)


def to_float32(x):
    """How a number is written to an array of float32, rounded to nearest even."""
    return x.to(tl.float32)


def to_float16(x):
    """How a number is written to an array of float16: by way of float32, as the processor's kernel does."""
    return x.to(tl.float32).to(tl.float16)


def to_bfloat16(x):
    """How a number is written to an array of bfloat16: by way of float32, rounded to nearest even."""
    return x.to(tl.float32).to(tl.bfloat16)
