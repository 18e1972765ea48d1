"""What Triton's interpreter cannot do, or not right, in place of `operations.py`: NumPy on the arrays behind it."""

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
    return _by_way_of_float64(np.exp, x)


def log(x: Any) -> Any:
    """By way of float64."""
    return _by_way_of_float64(np.log, x)


def power(x: Any, y: Any) -> Any:
    """x to the power of y, two float64."""
    wider = x if x.type.is_block() else y
    return _like(wider, np.power(*map(_numbers, (x, y))), tl.float64)


def _by_way_of_float64(function: Callable[[Any], Any], x: Any) -> Any:
    numbers = _numbers(x)
    return _like(x, function(numbers.astype(np.float64)).astype(numbers.dtype), x.dtype)


def _numbers(x: Any) -> np.ndarray:
    return x.handle.data


def _like(x: Any, values: np.ndarray, dtype: Any) -> Any:
    """A number or a block of them, as x is."""
    shape = x.type.get_block_shapes() if x.type.is_block() else []
    return tl.tensor(TensorHandle(values, dtype), tl.block_type(dtype, shape) if shape else dtype)
