"""The order in which a run sees its data: a pure function of the seed and the step."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from steepest.workbench.errors import TaskError


class Batches:
    """The batches of an iterable, started again whenever it ends.

    What the iterable draws from torch's global generator comes from a stream of its own.  A DataLoader that
    was given no generator then has an order that depends on the seed alone, however much the model draws
    (dropout) meanwhile.
    """

    def __init__(self, train: Iterable[Any]) -> None:
        self.stream = _endless(train)
        self.state = torch.get_rng_state()

    def __next__(self) -> Any:
        outer = torch.get_rng_state()
        torch.set_rng_state(self.state)
        batch = next(self.stream)
        self.state = torch.get_rng_state()
        torch.set_rng_state(outer)
        return batch

    def skip(self, count: int) -> None:
        """Pass over batches that an interrupted run has seen."""
        for _ in range(count):
            next(self)


def _endless(train: Iterable[Any]) -> Iterator[Any]:
    seen = 0
    while True:
        before = seen
        for batch in train:
            seen += 1
            yield batch
        if seen == before:
            if not seen:
                raise TaskError("`train` is empty, so there is nothing to take a step on; give it batches.")
            raise TaskError(
                f"`train` ended after {seen} batches and could not be iterated again; give an iterable that "
                "starts anew (a DataLoader, a list, a class with __iter__), not a generator."
            )
