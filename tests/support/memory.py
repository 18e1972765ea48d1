"""Tensors as views into guarded buffers: every byte that is not theirs is known, and checked afterwards."""

from collections.abc import Sequence

import torch
from torch import Tensor

GUARD = 64
"""Elements of pattern before and after: more than the widest vector."""

Strides = tuple[int, ...]


def _ordered(shape: Sequence[int], order: Sequence[int], step: int = 1) -> Strides:
    """Strides of a tensor whose dimensions lie in this order in memory, outermost first."""
    strides, size = [0] * len(shape), step
    for dimension in reversed(order):
        strides[dimension] = size
        size *= max(shape[dimension], 1)
    return tuple(strides)


def contiguous(shape: Sequence[int]) -> Strides:
    return _ordered(shape, range(len(shape)))


def transposed(shape: Sequence[int]) -> Strides:
    return _ordered(shape, range(len(shape))[::-1])


def channels_last(shape: Sequence[int]) -> Strides:
    return _ordered(shape, (0, 2, 3, 1)) if len(shape) == 4 else contiguous(shape)


def every_second(shape: Sequence[int]) -> Strides:
    return _ordered(shape, range(len(shape)), step=2)


def padded_rows(shape: Sequence[int]) -> Strides:
    """The first columns of a wider tensor."""
    return _ordered([*shape[:-1], shape[-1] + 3], range(len(shape))) if shape else ()


def odd_where_it_does_not_matter(shape: Sequence[int]) -> Strides:
    """Dimensions of size 1 may have any stride."""
    return tuple(97 if n == 1 else s for n, s in zip(shape, contiguous(shape), strict=True))


LAYOUTS = (contiguous, transposed, channels_last, every_second, padded_rows, odd_where_it_does_not_matter)
SHAPES = ((2, 3, 4, 5), (3, 1, 5, 1), (1, 1, 1, 1), (37,), ())


class Guarded:
    """A tensor of these values, laid out so, in a buffer whose other bytes hold a pattern."""

    def __init__(self, values: Tensor, strides: Strides) -> None:
        extent = 1 + sum(s * (n - 1) for s, n in zip(strides, values.shape, strict=True))
        size = (extent + 2 * GUARD) * values.element_size()
        self.buffer = torch.arange(size, dtype=torch.int64).mul(37).add(11).to(torch.uint8)
        self.tensor = self.view(values.dtype, values.shape, strides)
        before = self.buffer.clone()
        self.tensor.copy_(values)
        self._pattern = before
        self._shape, self._strides, self._dtype = values.shape, strides, values.dtype

    def view(self, dtype: torch.dtype, shape: Sequence[int], strides: Strides) -> Tensor:
        return self.buffer.view(dtype).as_strided(shape, strides, GUARD)

    def intact(self) -> bool:
        """Whether every byte outside the tensor is as it was."""
        now = self.buffer.clone()
        now.view(self._dtype).as_strided(self._shape, self._strides, GUARD).zero_()
        then = self._pattern.clone()
        then.view(self._dtype).as_strided(self._shape, self._strides, GUARD).zero_()
        return torch.equal(now, then)
