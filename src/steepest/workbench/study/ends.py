"""Before anything is trained: whether the task and the optimizers can be made at the ends of what is searched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from steepest.workbench.errors import TaskError, UsageError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.user_code import in_one_line
from steepest.workbench.training.isolation import own_randomness
from steepest.workbench.training.trainer import Trainer


def check_ends(trainer: Trainer) -> None:
    """Make the task and each optimizer with the values at the ends of what the user wants searched.

    Raises:
        UsageError: An optimizer refuses a value.
        TaskError: The task function raised with one.
    """
    for candidate in trainer.candidates:
        for dimension in candidate.space:
            if dimension.trials == 0 and not dimension.of_task:  # the others are ranges of our own
                _check_optimizer(candidate, dimension)
    numbers = {one.name: one for candidate in trainer.candidates for one in candidate.space if one.of_task}
    for dimension in numbers.values():
        _check_task(trainer, dimension)


def _ends(dimension: Dimension) -> Iterator[Any]:
    yield from dimension.choices or (dimension.at(0.0), dimension.at(1.0))


def _check_optimizer(candidate: Candidate, dimension: Dimension) -> None:
    """Nothing is said of an optimizer that cannot be made of a small matrix at all."""
    for value in _ends(dimension):
        if (problem := _problem(candidate, {dimension.name: value})) and not _problem(candidate, {}):
            raise UsageError(
                f"{dimension.name} cannot be searched with {value}: {candidate.name} raised {problem}; give a range or "
                "choices that it takes."
            )


def _problem(candidate: Candidate, settings: dict[str, Any]) -> str:
    import torch

    try:
        candidate.build([torch.nn.Parameter(torch.zeros(2, 2))], candidate.centre, settings)
    except (TypeError, ValueError) as error:
        return in_one_line(error)
    return ""


def _check_task(trainer: Trainer, dimension: Dimension) -> None:
    for value in _ends(dimension):
        try:
            with own_randomness(trainer.seed):
                trainer.source.make(trainer.seed, **{dimension.argument: value})
        except Exception as error:  # the user's own code
            raise TaskError(
                f"{trainer.source.name} raised {in_one_line(error)} when it was made with {dimension.name}={value}, an "
                "end of what is to be searched; give a range or choices that it takes, or repair it."
            ) from error
