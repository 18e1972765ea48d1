"""The shards of DTensors that a kernel walks, and what must still be true of them at the next step."""

from collections.abc import Sequence
from operator import is_
from typing import Any

from torch import Tensor

from steepest.torch.internals import placement_getter, shard_getter
from steepest.torch.sharded import is_sharded, placement, shard
from steepest.torch.stepping.changed import ChangedError
from steepest.torch.stepping.stepped_parameter import SteppedParameter


class Shards:
    """How to come from the DTensors of some rows to their shards.

    states: how many of the tensors behind the parameters are DTensors too; numbers: how many behind those are none.
    """

    def __init__(self, rows: Sequence[SteppedParameter], states: int, numbers: int) -> None:
        owners = [row.owner for row in rows]
        self._shard, self._placement = shard_getter(type(owners[0])), placement_getter(type(owners[0]))
        self._sharded, self._numbers = len(rows) + states, [None] * numbers
        self._placements: list[Any] = []  # of parameters and states, from the first step on
        self._of_gradients = list(map(self._placement, owners))

    @property
    def placements(self) -> list[Any]:
        """The objects that say how each is divided, with the gradients last; None for a number."""
        return [*self._placements, *self._numbers, *self._of_gradients]

    def of_parameters(self, parameters: Sequence[Any]) -> list[Tensor]:
        """Their shards, if they are divided as they were."""
        return _arrived(list(map(self._shard, parameters)), parameters)

    def of(self, tensors: Sequence[Any]) -> list[Tensor]:
        """The shards of parameters and states; what comes behind them are numbers, which every process has.

        Raises ChangedError where one of them is divided otherwise than it was, or is no DTensor.
        """
        divided = tensors[: self._sharded]
        try:
            shards, now = list(map(self._shard, divided)), list(map(self._placement, divided))
        except AttributeError as error:
            raise ChangedError from error
        self._placements = self._placements or now
        if not all(map(is_, now, self._placements)):
            if now != self._placements:
                raise ChangedError
            self._placements = now
        return [*_arrived(shards, tensors), *tensors[self._sharded :]]

    def of_gradients(self, owners: Sequence[Any], gradients: Sequence[Any]) -> list[Tensor]:
        """The shards of gradients.

        Raises ChangedError where one is not divided as its parameter.
        """
        try:
            placements, shards = list(map(self._placement, gradients)), list(map(self._shard, gradients))
        except AttributeError as error:  # no DTensor, or no gradient
            raise ChangedError from error
        if not all(map(is_, placements, self._of_gradients)):
            for p, g in zip(owners, gradients, strict=True):
                if not is_sharded(g) or placement(p) != placement(g):
                    raise ChangedError
            self._of_gradients = placements
        return _arrived(shards, gradients)


def _arrived(shards: list[Tensor], tensors: Sequence[Any]) -> list[Tensor]:
    """The shards, after the communication that computes some of them."""
    return shards if set(map(type, shards)) == {Tensor} else list(map(shard, tensors[: len(shards)]))
