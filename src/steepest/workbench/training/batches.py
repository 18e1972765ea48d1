"""The order in which a run sees its data: a pure function of the seed and the step."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from steepest.workbench.errors import TaskError


class Batches:
    """The batches of an iterable, which starts again whenever it ends.

    What the iterable draws from torch's global generator comes from a stream of its own.  The order of a DataLoader
    without a generator then depends on the seed alone, not on what the model draws meanwhile (dropout).
    """

    def __init__(self, train: Iterable[Any]) -> None:
        self.stream = _endless(train)
        self.state = torch.get_rng_state()
        self.taken = 0

    def __next__(self) -> Any:
        outer = torch.get_rng_state()
        torch.set_rng_state(self.state)
        batch = next(self.stream)
        self.state = torch.get_rng_state()
        torch.set_rng_state(outer)
        self.taken += 1
        return batch

    def skip(self, count: int) -> None:
        """Skip the batches that an interrupted run has had."""
        for _ in range(count):
            next(self)


def _endless(train: Iterable[Any]) -> Iterator[Any]:
    count = 0
    while True:
        before = count
        for batch in train:
            count += 1
            yield batch
        if count == before:
            if not count:
                raise TaskError("`train` is empty, so there is nothing to take a step on; give it batches.")
            raise TaskError(
                f"`train` ended after {count} batches and could not be iterated again; give an iterable that "
                "starts anew (a DataLoader, a list, a class with __iter__), not a generator."
            )
