"""States of one number as a kernel reads them: where they lie, or in a copy that is put back after each step.

A step count may be of whole numbers, or on another device than its parameter: whoever put it there reads it there, so
it is the one that counts.  On a GPU they are read there if all of them are there (a capturable or fused optimizer's),
else on the host.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from steepest.torch.gpu import is_on_host
from steepest.torch.layout import PLAIN


class HostNumbers:
    """The copies of those of these numbers that a kernel cannot read; of the others nothing is kept.

    there: whether the kernel reads them on a device, where all of them are.
    """

    def __init__(self, numbers: Sequence[Tensor], *, there: bool = False) -> None:
        unreadable = () if there else [place for place, n in enumerate(numbers) if not _is_readable(n)]
        self.copies = {place: _copy(numbers[place]) for place in unreadable}

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


def are_there(numbers: Sequence[Tensor], p: Tensor) -> bool:
    """Whether a kernel can read all of these where the parameter is."""
    return all(number.device == p.device and _is_plain(number) for number in numbers)


def _is_readable(number: Tensor) -> bool:
    return is_on_host(number) and _is_plain(number)


def _is_plain(number: Tensor) -> bool:
    return number.dtype in (torch.float32, torch.float64) and type(number) in PLAIN


def _copy(number: Tensor) -> Tensor:
    return torch.tensor(number.item(), dtype=torch.float64, device="cpu")  # plain, also where the number is a wrapper
