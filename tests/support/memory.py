"""The layouts and shapes of the tests: those of `steepest.testing`, and some more."""

from collections.abc import Sequence

from steepest.testing.memory import (
    GUARD,
    Guarded,
    Strides,
    channels_last,
    contiguous,
    every_second,
    first_columns,
    transposed,
)
from steepest.testing.memory import LAYOUTS as USUAL_LAYOUTS


def odd_where_it_does_not_matter(shape: Sequence[int]) -> Strides:
    """Dimensions of size 1 may have any stride."""
    return tuple(97 if n == 1 else s for n, s in zip(shape, contiguous(shape), strict=True))


LAYOUTS = (*USUAL_LAYOUTS, odd_where_it_does_not_matter)
SHAPES = ((2, 3, 4, 5), (3, 1, 5, 1), (1, 1, 1, 1), (37,), ())

__all__ = [
    "GUARD",
    "LAYOUTS",
    "SHAPES",
    "Guarded",
    "Strides",
    "channels_last",
    "contiguous",
    "every_second",
    "first_columns",
    "odd_where_it_does_not_matter",
    "transposed",
]
