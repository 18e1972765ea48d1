"""States of one number as a kernel reads them: where they lie, or in a copy that is put back after each step.

A step count may be of whole numbers, or on another device than its parameter (a capturable optimizer's): whoever put it
there reads it there, so it is the one that counts.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from steepest.torch.layout import PLAIN


class HostNumbers:
    """The copies of those of these numbers that a kernel cannot read; of the others nothing is kept."""

    def __init__(self, numbers: Sequence[Tensor]) -> None:
        self.copies = {place: _copy(number) for place, number in enumerate(numbers) if not _is_readable(number)}

    def read(self, numbers: Sequence[Tensor]) -> list[Tensor]:
        """What a kernel reads in place of the numbers."""
        return [self.copies.get(place, number) for place, number in enumerate(numbers)]

    def fetch(self, numbers: Sequence[Tensor]) -> None:
        """Copy those that a kernel cannot read."""
        for place, copy in self.copies.items():
            copy.copy_(numbers[place].reshape(()))

    def put_back(self, numbers: Sequence[Tensor]) -> None:
        """Write what a step made of them into the tensors themselves."""
        for place, copy in self.copies.items():
            numbers[place].copy_(copy.expand(numbers[place].shape))


def _is_readable(number: Tensor) -> bool:
    return number.device.type == "cpu" and number.dtype in (torch.float32, torch.float64) and type(number) in PLAIN


def _copy(number: Tensor) -> Tensor:
    return torch.tensor(number.item(), dtype=torch.float64, device="cpu")  # plain, also where the number is a wrapper
