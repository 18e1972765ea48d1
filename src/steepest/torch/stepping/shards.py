"""The shards of DTensors that a kernel walks, and what must still be true of them at the next step."""

from collections.abc import Sequence
from operator import is_

from torch import Tensor

from steepest.compiler.program import Program
from steepest.torch.internals import placement_getter, shard_getter
from steepest.torch.sharded import is_sharded, placement, shard
from steepest.torch.stepping.changed import ChangedError
from steepest.torch.stepping.stepped_parameter import SteppedParameter


class Shards:
    """The shards of the parameters and the state of some rows, and of their gradients."""

    def __init__(self, rows: Sequence[SteppedParameter], program: Program) -> None:
        sharded = type(rows[0].owner)
        self._shard, self._placement = shard_getter(sharded), placement_getter(sharded)
        self._owners = [row.owner for row in rows]
        self._divided = [*self._owners, *(row.kept[name] for row in rows for name in program.state)]
        self._shards = list(map(self._shard, self._divided))
        self._placements = list(map(self._placement, self._owners))
        self._of_gradients = self._placements

    def of(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """The shards of gradients.

        Raises ChangedError where one is not divided as its parameter, or a parameter or a state has another shard than
        it had: 0.3 us a parameter for all of this.
        """
        try:
            now, placements = map(self._shard, self._divided), list(map(self._placement, gradients))
            if not all(map(is_, now, self._shards)) or not all(
                map(is_, map(self._placement, self._owners), self._placements)
            ):
                raise ChangedError
            shards = list(map(self._shard, gradients))
        except AttributeError as error:  # no DTensor, or no gradient
            raise ChangedError from error
        if not all(map(is_, placements, self._of_gradients)):
            self._look(gradients)
            self._of_gradients = placements
        return shards if set(map(type, shards)) == {Tensor} else list(map(shard, gradients))

    def _look(self, gradients: Sequence[Tensor]) -> None:
        for p, g in zip(self._owners, gradients, strict=True):
            if not is_sharded(g) or placement(p) != placement(g):
                raise ChangedError
