"""From a study of Optuna to results that a search knows from the start."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from steepest.workbench.errors import UsageError
from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import SEARCH, Key, settings_text
from steepest.workbench.model.outcome import PRUNED, TRAINED
from steepest.workbench.model.plan import Known
from steepest.workbench.search.median_rule import Told
from steepest.workbench.search.pruner import Ended

RATES = ("lr", "learning_rate", "rate")
"""What a parameter of an Optuna study may be called that is the rate."""
STATUS = "status"
"""The attribute of a trial that says how a run of ours ended."""


def known_trials(study: Any, space: Iterable[Dimension], higher_is_better: bool) -> Known:
    """What an Optuna study knows: rate, other values as the record has them, value of the metric.

    Completed trials as they are.  Of a pruned one, a result that it could have had, as of runs that our own rule ends;
    infinite, or minus infinite where a higher value is better, if nothing says what that is, and for a trial that
    failed with a value that is not a number.  Left out are trials that are waiting, running, or failed for another
    reason, as they say nothing of their parameters; and those with a value that the search cannot have.

    Raises:
        UsageError: It has several objectives, another direction, or no trial that can be used.
    """
    if len(study.directions) > 1:
        raise UsageError("The Optuna study has several objectives, and a metric is one; give a study of this metric.")
    if (study.direction.name == "MAXIMIZE") != higher_is_better:
        raise UsageError(
            f"The Optuna study wants to {study.direction.name.lower()} its value, and of the task's metric a "
            f"{'higher' if higher_is_better else 'lower'} value is better; give a study of the same metric."
        )
    sign, trials, dimensions = -1.0 if higher_is_better else 1.0, list(study.trials), {one.name: one for one in space}
    told = _told(trials, sign)
    settings = [(trial, _setting(trial.params, dimensions), _value(trial, sign, told)) for trial in trials]
    found = [(*setting, sign * value) for _, setting, value in settings if setting is not None and value is not None]
    if not any(math.isfinite(value) for *_, value in found):
        raise UsageError(_unusable(trials))
    return tuple(found)


def _unusable(trials: list[Any]) -> str:
    has = sorted({name for trial in trials for name in trial.params}) or ["none"]
    states = sorted({trial.state.name.lower() for trial in trials})
    return (
        f"No trial of the Optuna study can be used: a completed one with a rate called {', '.join(RATES)} is "
        f"needed, and its {len(trials)} trials have the parameters {', '.join(has)}"
        + (f", and are {' or '.join(states)}." if states else ".")
    )


def _value(trial: Any, sign: float, told: Told) -> float | None:
    """The result of a trial, lower is better; infinite where it failed; None where it says nothing."""
    if trial.state.name == "COMPLETE":
        return None if sign * trial.value == -math.inf else sign * trial.value
    if trial.state.name == "PRUNED":
        return told.result(_ended(trial, PRUNED, sign))
    return math.inf if trial.state.name == "FAIL" and _was_no_number(trial) else None


def _was_no_number(trial: Any) -> bool:
    """Whether a trial failed by its result: one of a study of ours, or one whose last value is not a number.

    That it was told NaN alone leaves no trace in a study of Optuna.
    """
    values = trial.intermediate_values
    return STATUS in trial.user_attrs or (bool(values) and not math.isfinite(values[max(values)]))


def _setting(parameters: Mapping[str, Any], dimensions: Mapping[str, Dimension]) -> tuple[float, str] | None:
    """What a trial has set; without what the search has no dimension for, since the model can say nothing of it."""
    rate = next((parameters[name] for name in RATES if name in parameters), None)
    values = {name: value for name, value in parameters.items() if name in dimensions}
    if not _is_number(rate) or rate <= 0 or not all(_fits(dimensions[name], value) for name, value in values.items()):
        return None
    return float(rate), settings_text(values)


def _fits(dimension: Dimension, value: Any) -> bool:
    return value in dimension.choices if dimension.choices else _is_number(value)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _told(trials: Iterable[Any], sign: float) -> Told:
    """The completed trials, by which those that were pruned are judged."""
    told = Told()
    for trial in trials:
        if trial.state.name == "COMPLETE":
            told.add(_ended(trial, TRAINED, sign))
    return told


def _ended(trial: Any, status: str, sign: float) -> Ended:
    evaluations = [(step, sign * value) for step, value in sorted(trial.intermediate_values.items())]
    result = sign * trial.value if status == TRAINED else math.inf
    return Ended(Key(SEARCH, "", math.nan, trial.number), status, result, evaluations)
