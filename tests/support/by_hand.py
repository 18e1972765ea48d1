"""A record that is written by hand, and the results of its study."""

import math
from collections.abc import Sequence
from pathlib import Path

from steepest.workbench.analysis.results import Results
from steepest.workbench.analysis.study_data import data_of
from steepest.workbench.analysis.summarize import summarize
from steepest.workbench.model.key import Key
from steepest.workbench.model.optimizers import KNOWN, YARDSTICK
from steepest.workbench.model.outcome import DIVERGED, TRAINED, Outcome, Trace
from steepest.workbench.store.record import Record


def _outcome(final: float | None, initial: float = 3.0, seconds: float = 1.0) -> Outcome:
    """A run of ten steps whose metric goes down in a straight line."""
    if final is None:
        return Outcome(DIVERGED, "", Trace(1, seconds, [(1, 0.1, math.nan)], [(0, 0.0, "val_loss", initial)]))
    values = [initial + (final - initial) * step / 10 for step in range(11)]
    metrics = [(step, seconds * step / 10, "val_loss", value) for step, value in enumerate(values)]
    return Outcome(TRAINED, "", Trace(10, seconds, [(s, t, v) for s, t, _, v in metrics[1:]], metrics))


def results_by_hand(
    folder: Path, search: dict, finalists: dict, finished: bool = True, untuned: Sequence = (), **changes: object
) -> Results:
    """The results of a record that is written by hand: optimizer -> rate -> final values; `untuned` are Adam's."""
    described = [KNOWN[name].described() for name in search]
    plan = {"task": "by-hand", "optimizers": described, "budget": "trials=3", "seeds": 3, "steps": 10}
    plan |= {"metric": "val_loss", "higher_is_better": False} | changes
    folder.mkdir(exist_ok=True)
    with Record(folder, write=True) as record:
        space = {name: {} for name in search}
        manifest = {
            "search_space": space,
            "rates": [],
            "versions": {},
            "machine": {},
            "command": [],
            "started": "",
            "git": None,
        }
        record.set(plan=plan, manifest=manifest, digests=["x"], target=1.5, baseline=None, finished=finished)
        for phase, runs in (("search", search), ("finalists", finalists)):
            for name, rates in runs.items():
                for rate, finals in rates.items():
                    for seed, final in enumerate(finals, start=phase == "finalists"):
                        record.add(Key(phase, name, rate, seed), _outcome(final), "val_loss")
        for seed, final in enumerate(untuned, start=1):
            name = "adam" if "adam" in search else YARDSTICK.name
            record.add(Key("default", name, 0.001, seed), _outcome(final), "val_loss")
        return summarize(data_of(record))


SEARCH = {"sgd": {0.01: [2.0], 0.1: [1.0], 1.0: [None]}, "adam": {1e-4: [2.5], 1e-3: [1.2], 1e-2: [0.9]}}


FINALISTS = {
    "sgd": {0.1: [1.0, 1.1, 1.2], 0.01: [2.0, 2.0, 2.0]},
    "adam": {1e-2: [0.8, 0.9, 1.0], 1e-3: [1.2, 1.2, 1.2]},
}
