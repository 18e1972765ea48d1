"""A toy storage: float32 kept as two arrays of 16 bits, which lie at two addresses.  No bit is lost.

with halves.registered():
    ...                     # the state of every float32 parameter is kept so
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from llvmlite import ir
from torch import Tensor

from steepest.kernels.cpu import precision
from steepest.kernels.cpu.precision import FLOAT, I16, I32
from steepest.kernels.storage import STORAGES, Storage
from steepest.torch import layout
from steepest.torch.state import arrays as state
from support import numpy_backend

SIXTEEN = ir.Constant(I32, 16)


class Halves(Tensor):
    """A float32 tensor in two parts; whatever torch does with it, it does with the whole."""

    high: Tensor
    low: Tensor

    @staticmethod
    def __new__(cls, high: Tensor, low: Tensor) -> "Halves":
        made = Tensor._make_wrapper_subclass(  # pyright: ignore[reportAttributeAccessIssue]
            cls, high.shape, strides=high.stride(), dtype=torch.float32, device=high.device
        )
        made.high, made.low = high, low
        return made

    @classmethod
    def of(cls, whole: Tensor) -> "Halves":
        made = cls(*(torch.empty_like(whole, dtype=torch.int16) for _ in range(2)))
        made.fill_with(whole)
        return made

    def whole(self) -> Tensor:
        return torch.bitwise_or(self.high.int() << 16, self.low.int() & 0xFFFF).view(torch.float32)

    def fill_with(self, whole: Tensor) -> None:
        bits = whole.contiguous().view(torch.int32).reshape(whole.shape)
        self.high.copy_(bits >> 16)
        self.low.copy_(bits & 0xFFFF)

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        unwrapped = tuple(one.whole() if isinstance(one, Halves) else one for one in args)
        result = function(*unwrapped, **(kwargs or {}))
        if function._schema.is_mutable and isinstance(args[0], Halves):
            args[0].fill_with(unwrapped[0])
            return args[0]
        return result

    def __deepcopy__(self, memo: Any) -> "Halves":
        return Halves(self.high.clone(), self.low.clone())

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Halves, (self.high, self.low)


def _decode(builder: ir.IRBuilder, high: Any, low: Any) -> Any:
    upper = builder.shl(builder.zext(high, I32), SIXTEEN)
    return builder.bitcast(builder.or_(upper, builder.zext(low, I32)), FLOAT)


def _encode(builder: ir.IRBuilder, value: Any) -> list[Any]:
    bits = builder.bitcast(value, I32)
    return [builder.trunc(builder.lshr(bits, SIXTEEN), I16), builder.trunc(bits, I16)]


def _decode_in_numpy(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    return (high.astype(np.uint32) << 16 | low).view(np.float32)


def _encode_in_numpy(values: np.ndarray) -> list[np.ndarray]:
    bits = np.ascontiguousarray(values).view(np.uint32)
    return [(bits >> 16).astype(np.uint16), bits.astype(np.uint16)]


@contextlib.contextmanager
def registered() -> Iterator[None]:
    """Within it, a state that is made for a float32 parameter is kept in halves."""
    plain = state.new_array

    def new_array(p: Tensor) -> Tensor:
        return Halves.of(plain(p)) if p.dtype is torch.float32 else plain(p)

    with pytest.MonkeyPatch.context() as patch, torch.serialization.safe_globals([Halves]):
        patch.setitem(STORAGES, "halves", Storage({"": 2, "low": 2}))
        patch.setitem(precision.CODECS, "halves", precision.Codec((I16, I16), _decode, _encode, FLOAT))
        patch.setitem(numpy_backend.CODECS, "halves", (_decode_in_numpy, _encode_in_numpy))
        patch.setitem(layout.STORED, Halves, lambda value: layout.Stored("halves", (value.high, value.low)))
        patch.setattr(state, "new_array", new_array)
        yield
