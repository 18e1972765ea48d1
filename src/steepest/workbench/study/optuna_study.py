"""From our record to a study of Optuna."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.dimension import LOG
from steepest.workbench.model.key import SEARCH, Key
from steepest.workbench.model.outcome import PRUNED, TRAINED
from steepest.workbench.search.optuna_tpe import optuna_module
from steepest.workbench.store.record import Record
from steepest.workbench.study.optuna_prior import STATUS

Evaluations = Sequence[tuple[int, float]]


def exported(record: Record, candidate: Candidate) -> Any:
    """The trials of the search of one optimizer as a study of Optuna in memory.

    What a trial does not set, since it had its default, is no parameter of that trial.  Each has its evaluations as
    intermediate values.  A run that was ended early is a pruned trial, one that failed a failed trial; how the run
    ended, its seed and its phase are user attributes.
    """
    optuna = optuna_module()
    plan = record.get("plan")
    study = optuna.create_study(direction="maximize" if plan["higher_is_better"] else "minimize")
    runs = record.evaluated(plan["metric"])
    ended = [one for one in runs if one[0].phase == SEARCH and one[0].optimizer == candidate.name]
    known = dict(_distributions(optuna, candidate, [key for key, *_ in ended]))
    for key, status, final, evaluations in ended:
        study.add_trial(_trial(optuna, key, known, status, final, evaluations))
    return study


def _trial(
    optuna: Any, key: Key, known: Mapping[str, Any], status: str, final: float | None, evaluations: Evaluations
) -> Any:
    states = optuna.trial.TrialState
    state = states.PRUNED if status == PRUNED else states.FAIL if _failed(status, final) else states.COMPLETE
    parameters = {"lr": key.rate, **key.values}
    return optuna.trial.create_trial(
        state=state,
        params=parameters,
        distributions={name: known[name] for name in parameters},
        value={states.COMPLETE: final, states.PRUNED: _last(evaluations)}.get(state),
        intermediate_values=dict(evaluations),
        user_attrs={"seed": key.seed, "phase": key.phase, STATUS: status},
    )


def _failed(status: str, final: float | None) -> bool:
    return status != TRAINED or final is None


def _last(evaluations: Evaluations) -> float | None:
    """What Optuna takes for the value of a trial that it has pruned."""
    last = evaluations[-1][1] if evaluations else math.nan
    return None if math.isnan(last) else last


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
