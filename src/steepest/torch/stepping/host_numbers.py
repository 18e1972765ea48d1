"""States of one number as a kernel reads them: where they lie, or in a copy that is put back after each step.

A step count may be of whole numbers, or on another device than its parameter (a capturable optimizer's): whoever put it
there reads it there, so it is the one that counts.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from steepest.torch.layout import PLAIN


class HostNumbers:
    """What a kernel reads in place of these numbers."""

    def __init__(self, numbers: Sequence[Tensor]) -> None:
        self.read = [number if _is_readable(number) else _copy(number) for number in numbers]
        self.copied = [place for place, number in enumerate(numbers) if self.read[place] is not number]

    def fetch(self, numbers: Sequence[Tensor]) -> None:
        """Copy those that a kernel cannot read."""
        for place in self.copied:
            self.read[place].copy_(numbers[place].reshape(()))

    def put_back(self, numbers: Sequence[Tensor]) -> None:
        """Write what a step made of them into the tensors themselves."""
        for place in self.copied:
            numbers[place].copy_(self.read[place].expand(numbers[place].shape))


def _is_readable(number: Tensor) -> bool:
    return number.device.type == "cpu" and number.dtype in (torch.float32, torch.float64) and type(number) in PLAIN


def _copy(number: Tensor) -> Tensor:
    return number.detach().reshape(()).to(device="cpu", dtype=torch.float64, copy=True)
