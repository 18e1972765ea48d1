"""The record of a search that is written by hand: many hyperparameters, runs that failed or were ended early."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.dimension import LOG, Dimension
from steepest.workbench.model.key import FINALISTS, SEARCH, Key
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import DIVERGED, PRUNED, TRAINED, Outcome, Trace
from steepest.workbench.model.plan import Plan
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.store.manifest import manifest
from steepest.workbench.store.record import Record

SPACE = (
    *KNOWN["adamw"].space,
    Dimension("dropout", 0.0, 0.5, of_task=True),
    Dimension("width", choices=(32, 64, 128), of_task=True),
    Dimension("layers", 1, 4, integer=True, of_task=True),
    Dimension("noise_of_the_labels", 1e-7, 1e-2, scale=LOG, of_task=True),
)
"""Seven beside the rate: eight dimensions."""
STEPS = 100


def candidate(name: str = "adamw", space: tuple[Dimension, ...] = SPACE) -> Candidate:
    """AdamW under any name, with this space."""
    return Candidate(name, "AdamW", 1e-3, "", space=space)


def valley(point: np.ndarray) -> float:
    """Of the rate and the decay mostly; a cliff at high rates."""
    weights, middles = (1.5, 0.8, 0.05), (0.45, 0.6, 0.3)
    far = sum(weight * (at - middle) ** 2 for at, weight, middle in zip(point, weights, middles, strict=False))
    return math.inf if point[0] > 0.9 else float(0.06 * math.exp(8 * far))


def record_by_hand(
    folder: Path,
    candidates: tuple[Candidate, ...] = (candidate(),),
    trials: int = 40,
    result: Callable[[np.ndarray], float] = valley,
    prune: str = "none",
    **changes: Any,
) -> Path:
    """A record of so many trials of each at points of Halton's sequence; every tenth is ended early where it prunes."""
    described = [one.described() for one in candidates]
    plan = Plan("by-hand", described, f"trials={trials}", 3, STEPS, "val_loss", False, controls=False, prune=prune)
    folder.mkdir(parents=True, exist_ok=True)
    with Record(folder, write=True) as record:
        said = manifest(plan, candidates, ["steepest", "tune", "by-hand"])
        record.set(plan=asdict(plan), manifest=said, digests=["x"], finished=True, **changes)
        for one in candidates:
            _add_search(record, one, trials, result, prune != "none")
    return folder


def _add_search(
    record: Record, one: Candidate, trials: int, result: Callable[[np.ndarray], float], prunes: bool
) -> None:
    from scipy.stats import qmc

    space, found = SearchSpace(one, one.centre, one.space), {}
    for number, point in enumerate(qmc.Halton(1 + len(one.space), rng=0).random(trials)):
        key = Key(SEARCH, one.name, *_at(space.at(point.tolist())))
        found[key] = final = result(point)
        ended = prunes and number % 10 == 9
        record.add(key, _outcome(final, PRUNED if ended else TRAINED), "val_loss")
    best = sorted((key for key in found if math.isfinite(found[key])), key=lambda key: found[key])[:2]
    for key in best:
        for seed in (1, 2, 3):
            value = found[key] * (1 + 0.05 * seed)
            record.add(key._replace(phase=FINALISTS, seed=seed), _outcome(value, TRAINED), "val_loss")


def _at(setting: Any) -> tuple[float, int, str]:
    return setting.rate, 0, setting.others


def _outcome(final: float, status: str) -> Outcome:
    """A run that falls in ten evaluations from 3 to its end, or diverges at the second."""
    if not math.isfinite(final):
        return Outcome(DIVERGED, "", Trace(20, 0.2, [(20, 0.2, math.nan)], [(0, 0.0, "val_loss", 3.0)]))
    last = 30 if status == PRUNED else STEPS
    steps = range(0, last + 1, 10)
    metrics = [(step, step / 100, "val_loss", 3.0 + (final - 3.0) * step / STEPS) for step in steps]
    return Outcome(status, "", Trace(last, last / 100, [(s, t, v) for s, t, _, v in metrics[1:]], metrics))


def search_space(folder: Path) -> Mapping[str, Any]:
    """What the manifest of the record says of the space."""
    with Record(folder) as record:
        return record.get("manifest")["search_space"]
