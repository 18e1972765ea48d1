"""Tensors as views into guarded buffers: every byte that is not theirs is known, and looked at afterwards."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

GUARD = 64
"""Elements of pattern before and after: more than the widest vector."""

Strides = tuple[int, ...]
Layout = Callable[[Sequence[int]], Strides]


def _ordered(shape: Sequence[int], order: Sequence[int], step: int = 1) -> Strides:
    """Strides of a tensor whose dimensions lie in this order in memory, outermost first."""
    strides, size = [0] * len(shape), step
    for dimension in reversed(order):
        strides[dimension] = size
        size *= max(shape[dimension], 1)
    return tuple(strides)


def contiguous(shape: Sequence[int]) -> Strides:
    """Row by row."""
    return _ordered(shape, range(len(shape)))


def transposed(shape: Sequence[int]) -> Strides:
    """Column by column."""
    return _ordered(shape, range(len(shape))[::-1])


def channels_last(shape: Sequence[int]) -> Strides:
    """As images lie, in torch's `channels_last`; row by row where there are not four dimensions."""
    return _ordered(shape, (0, 2, 3, 1)) if len(shape) == 4 else contiguous(shape)


def every_second(shape: Sequence[int]) -> Strides:
    """A slice with step 2."""
    return _ordered(shape, range(len(shape)), step=2)


def first_columns(shape: Sequence[int]) -> Strides:
    """The first columns of a wider tensor."""
    return _ordered([*shape[:-1], shape[-1] + 3], range(len(shape))) if shape else ()


LAYOUTS: tuple[Layout, ...] = (contiguous, transposed, channels_last, every_second, first_columns)


class Guarded:
    """A tensor of these values, laid out so, in a buffer whose other bytes hold a pattern."""

    def __init__(self, values: Tensor, strides: Strides) -> None:
        extent = 1 + sum(s * (n - 1) for s, n in zip(strides, values.shape, strict=True))
        size = (extent + 2 * GUARD) * values.element_size()
        self.buffer = torch.arange(size, dtype=torch.int64).mul(37).add(11).to(torch.uint8)
        self._dtype, self._shape, self._strides = values.dtype, values.shape, strides
        self.tensor = self._seen_in(self.buffer)
        self.tensor.copy_(values)
        self._before = self.buffer.clone()

    def untouched(self) -> bool:
        """Whether every byte is as it was, the tensor's too."""
        return torch.equal(self.buffer, self._before)

    def intact(self) -> bool:
        """Whether every byte outside the tensor is as it was."""
        now, before = self.buffer.clone(), self._before.clone()
        self._seen_in(now).zero_()
        self._seen_in(before).zero_()
        return torch.equal(now, before)

    def _seen_in(self, buffer: Tensor) -> Tensor:
        return buffer.view(self._dtype).as_strided(self._shape, self._strides, GUARD)
