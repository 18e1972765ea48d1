"""From a study of Optuna to results that a search knows from the start, and from our record to a study of Optuna."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from steepest.workbench.errors import UsageError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.dimension import LOG, Dimension
from steepest.workbench.model.key import SEARCH, Key, settings_text
from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.model.plan import Known
from steepest.workbench.search.optuna_tpe import optuna_module
from steepest.workbench.store.record import Record

RATES = ("lr", "learning_rate", "rate")
"""What a parameter of an Optuna study may be called that is the rate."""


def known_trials(study: Any, space: Iterable[Dimension], higher_is_better: bool) -> Known:
    """The completed trials of an Optuna study: rate, other values as the record has them, value of the metric.

    Raises:
        UsageError: It has several objectives, another direction, or no trial with a rate.
    """
    if len(study.directions) > 1:
        raise UsageError("The Optuna study has several objectives, and a metric is one; give a study of this metric.")
    if (study.direction.name == "MAXIMIZE") != higher_is_better:
        raise UsageError(
            f"The Optuna study wants to {study.direction.name.lower()} its value, and of the task's metric a "
            f"{'higher' if higher_is_better else 'lower'} value is better; give a study of the same metric."
        )
    dimensions = list(space)
    found = [one for trial in study.trials if (one := _known(trial, dimensions)) is not None]
    if not found:
        has = sorted({name for trial in study.trials for name in trial.params}) or ["none"]
        raise UsageError(
            f"No trial of the Optuna study can be used: a completed one with a rate called {', '.join(RATES)} is "
            f"needed, and its {len(study.trials)} trials have the parameters {', '.join(has)}."
        )
    return tuple(found)


def _known(trial: Any, dimensions: Iterable[Dimension]) -> tuple[float, str, float] | None:
    """A trial; what the search has no dimension for is left out, since the model can say nothing of it."""
    rate = next((trial.params[name] for name in RATES if name in trial.params), None)
    if trial.state.name != "COMPLETE" or rate is None or rate <= 0 or not math.isfinite(trial.value):
        return None
    names = {one.name for one in dimensions}
    return float(rate), settings_text({k: v for k, v in trial.params.items() if k in names}), float(trial.value)


def exported(record: Record, candidate: Candidate) -> Any:
    """The trials of the search of one optimizer as a study of Optuna in memory.

    What a trial does not set, since it had its default, is no parameter of that trial.  A run that failed is a failed
    trial; its seed and its phase are user attributes.
    """
    optuna = optuna_module()
    plan = record.get("plan")
    study = optuna.create_study(direction="maximize" if plan["higher_is_better"] else "minimize")
    ended = [one for one in record.all_ended() if one[0].phase == SEARCH and one[0].optimizer == candidate.name]
    known = dict(_distributions(optuna, candidate, [key for key, _, _ in ended]))
    for key, status, final in ended:
        study.add_trial(_trial(optuna, key, known, final if status == TRAINED else None))
    return study


def _trial(optuna: Any, key: Key, known: Mapping[str, Any], value: float | None) -> Any:
    parameters = {"lr": key.rate, **key.values}
    states = optuna.trial.TrialState
    return optuna.trial.create_trial(
        state=states.FAIL if value is None else states.COMPLETE,
        params=parameters,
        distributions={name: known[name] for name in parameters},
        value=value,
        user_attrs={"seed": key.seed, "phase": key.phase},
    )


def _distributions(optuna: Any, candidate: Candidate, keys: list[Key]) -> Iterator[tuple[str, Any]]:
    """Of every parameter that a trial has; bounds are widened to what was tried, which is rounded."""
    kinds = optuna.distributions
    if rates := [key.rate for key in keys]:
        yield "lr", kinds.FloatDistribution(min(rates), max(rates), log=True)
    for one in candidate.space:
        if not (values := [key.values[one.name] for key in keys if one.name in key.values]):
            continue
        if one.choices:
            yield one.name, kinds.CategoricalDistribution(one.choices)
            continue
        low, high = (1 - one.high, 1 - one.low) if one.from_one else (one.low, one.high)
        low, high = min(low, *values), max(high, *values)
        if one.integer:
            yield one.name, kinds.IntDistribution(int(low), int(high), log=one.scale == LOG)
        else:
            yield one.name, kinds.FloatDistribution(low, high, log=one.scale == LOG and not one.from_one)
