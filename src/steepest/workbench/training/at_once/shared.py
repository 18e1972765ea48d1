"""What runs of one seed share when they are trained at once: the task's data, and the batches."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from steepest.workbench.task import Task, TaskFunction
from steepest.workbench.training.isolation import random_states, set_random_states
from steepest.workbench.training.run import Run


class TasksOfSeeds:
    """Tasks that share all but the model with the others of their seed, so that data is in memory once for each seed.

    Args:
        make: The function `task(seed)`.
    """

    def __init__(self, make: TaskFunction) -> None:
        self.make = make
        self.made: dict[int, tuple[Task, Any]] = {}

    def __call__(self, seed: int) -> Task:
        """The task with a model of its own; the random states are those after it was made."""
        if seed not in self.made:
            self.made[seed] = self.make(seed), random_states()
        task, states = self.made[seed]
        set_random_states(states)
        return replace(task, model=copy.deepcopy(task.model))


class BatchesOfSeeds:
    """The batches of runs: those of one seed have the same."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.of_seed = {run.seed: run.training.batches for run in reversed(runs)}
        for run in runs:
            run.training.batches = self.of_seed[run.seed]  # which counts for all of them
        self.keep(runs)

    def keep(self, runs: Sequence[Run]) -> None:
        """Go on with these runs alone."""
        self.seeds = sorted({run.seed for run in runs})
        self.places = torch.tensor([self.seeds.index(run.seed) for run in runs])

    @property
    def own(self) -> bool:
        """Whether each run has its own part of a batch."""
        return len(self.seeds) > 1

    def __next__(self) -> Any:
        found = [next(self.of_seed[seed]) for seed in self.seeds]
        return _together(found, self.places) if self.own else found[0]


def _together(batches: Sequence[Any], places: torch.Tensor) -> Any:
    """One batch, in whose tensors the first dimension is that of the runs."""
    first = batches[0]
    if isinstance(first, torch.Tensor):
        return torch.stack(list(batches))[places.to(first.device)]
    if isinstance(first, Mapping):
        return {name: _together([each[name] for each in batches], places) for name in first}
    if isinstance(first, tuple | list):
        parts = [_together(those, places) for those in zip(*batches, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    raise TypeError(f"a batch holds a {type(first).__name__}, which runs of several seeds cannot have together")
