"""What Triton's interpreter cannot do, or not right, in place of `operations.py`: NumPy on the arrays behind it."""

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import triton.language as tl
from triton.runtime.interpreter import TensorHandle

NAN = 0x7FC00000


def bfloat16_bits(values: np.ndarray) -> np.ndarray:
    """The bits of float32 numbers in bfloat16, rounded to nearest even, as hardware does; the interpreter truncates."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    odd = (bits >> 16) & np.uint32(1)
    rounded = np.where(np.isnan(values), np.uint32(NAN), bits + np.uint32(0x7FFF) + odd)
    return (rounded >> 16).astype(np.uint16)


def to_bfloat16(x: Any) -> Any:
    """How a number is written to an array of bfloat16."""
    return _like(x, bfloat16_bits(_numbers(x).astype(np.float32)), tl.bfloat16)


def exp(x: Any) -> Any:
    """By way of float64."""
    return _of_each(np.exp, math.exp, x)


def log(x: Any) -> Any:
    """By way of float64."""
    return _of_each(np.log, math.log, x)


def cos(x: Any) -> Any:
    """The cosine of a float64."""
    return _of_each(np.cos, math.cos, x)


def power(x: Any, y: Any) -> Any:
    """x to the power of y, two float64."""
    return _of_each(np.power, math.pow, x, y)


def _of_each(of_arrays: Any, of_one: Callable[..., float], *given: Any) -> Any:
    """What Python's `math` gives: NumPy's functions of many numbers may differ from it in the last bit."""
    numbers = np.broadcast_arrays(*(_numbers(x).astype(np.float64) for x in given))
    found = of_arrays(*numbers)
    for place, one in enumerate(zip(*(array.ravel() for array in numbers), strict=True)):
        with contextlib.suppress(ValueError, OverflowError):  # which are NaN and infinity
            found.flat[place] = of_one(*map(float, one))
    widest = max(given, key=lambda x: _numbers(x).size)
    return _like(widest, found.astype(_numbers(widest).dtype), widest.dtype)


def _numbers(x: Any) -> np.ndarray:
    return x.handle.data


def _like(x: Any, values: np.ndarray, dtype: Any) -> Any:
    """A number or a block of them, as x is."""
    shape = x.type.get_block_shapes() if x.type.is_block() else []
    return tl.tensor(TensorHandle(values, dtype), tl.block_type(dtype, shape) if shape else dtype)
