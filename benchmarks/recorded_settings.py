"""Real runs of AdamW at spread settings, to try searches on: `python -m benchmarks.recorded_settings text spirals`.

`benchmarks.regret` makes a smooth model of a table.  The two problems here were recorded after `tune`'s strategy was
made, and nothing of it was chosen by them.  The tables of `digits-mlp` (`mlp4`, `mlp6`) are older: the strategy was
made while looking at them.  Each run has 300 steps, and its rate falls linearly to 0; the range of rates is three
decades around what a range test finds; every other range is that of the older tables.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import qmc
from torch import Tensor, nn
from torch.nn import functional

from steepest.workbench.analysis import range_test
from steepest.workbench.model import rising
from steepest.workbench.model.candidate import DECADES, Candidate
from steepest.workbench.model.dimension import LOG, Dimension
from steepest.workbench.model.optimizers import reference
from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.problems import _text
from steepest.workbench.study.cost import rising_steps
from steepest.workbench.task import Task, TaskFunction
from steepest.workbench.template import my_task
from steepest.workbench.training.rising_run import rising_run
from steepest.workbench.training.run import Run

STEPS = 300
AMOUNT = {"text": (208, (1, 2, 3)), "spirals": (192, (1, 2))}
"""Settings, and the seeds of each."""
OF_ADAMW = (
    Dimension("weight_decay", 1e-3, 10.0, scale=LOG),
    Dimension("beta1", 0.02, 0.5, scale=LOG, option="betas", place=0, from_one=True),
    Dimension("eps", 1e-10, 1e-3, scale=LOG),
    Dimension("beta2", 3e-4, 0.1, scale=LOG, option="betas", place=1, from_one=True),
)
"""The ranges of the older tables."""
CONTEXT = 6
"""Characters that are read to know the next."""


def spirals(seed: int, noise: float = 0.1) -> Task:
    """The task that `steepest new` writes; noise on the points of a batch is a number of the task."""

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        points, labels = batch
        return functional.cross_entropy(model(points + noise * torch.randn_like(points)), labels)

    return replace(my_task.task(seed), loss=loss, evaluations=1)


class Windows:
    """Batches of characters and the one that follows them."""

    def __init__(self, seed: int, size: int = 64) -> None:
        self.seed, self.size = seed, size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        text, _ = _text.split()
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            starts = torch.randint(len(text) - CONTEXT - 1, (self.size,), generator=generator)
            rows = text[starts[:, None] + torch.arange(CONTEXT + 1)]
            yield rows[:, :-1], rows[:, -1]


def _cross_entropy(model: Any, batch: tuple[Tensor, Tensor]) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1])


def _held_out(model: Any) -> dict[str, float]:
    rows = _text.held_out().unfold(1, CONTEXT + 1, 1).reshape(-1, CONTEXT + 1)
    return {"val_loss": _cross_entropy(model, (rows[:, :-1], rows[:, -1])).item()}


def text(seed: int, dropout: float = 0.25) -> Task:
    """The next character from the six before it, by a network of one hidden layer; dropout is a number of the task."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Embedding(_text.ALPHABET, 16), nn.Flatten(), nn.Linear(16 * CONTEXT, 64), nn.ReLU(), nn.Dropout(dropout),
        nn.Linear(64, _text.ALPHABET),
    )  # fmt: skip
    return Task(model, _cross_entropy, Windows(seed), _held_out, baseline=_text.constant_loss(), evaluations=1)


PROBLEMS: dict[str, tuple[TaskFunction, Dimension, float]] = {
    "text": (text, Dimension("dropout", 0.0, 0.5, of_task=True), 0.25),
    "spirals": (spirals, Dimension("noise", 0.0, 0.5, of_task=True), 0.1),
}
"""The task function, its number, and what that number is by default."""


def file_of(problem: str) -> Path:
    """Where a table is kept."""
    return Path(__file__).with_name(f"recorded_{problem}.npz")


def centre_of(make: TaskFunction, candidate: Candidate) -> float:
    """The middle of the rates, as a study finds it."""
    runs = [rising_run(make, candidate, seed, rising_steps(STEPS)) for seed in rising.SEEDS]
    found = range_test.bracket(runs)
    return candidate.centre if found is None else float(f"{math.sqrt(found.low * found.high):.2g}")


def final(make: TaskFunction, candidate: Candidate, rate: float, settings: dict[str, Any], seed: int) -> float:
    """The deciding metric at the end; infinite where the run failed."""
    made = partial(make, **candidate.task_values(settings))
    outcome = Run(made, candidate, rate, seed, steps=STEPS, settings=settings).train()
    value = outcome.final(make(seed).metric)
    return value if outcome.status == TRAINED and value is not None else math.inf


def record(problem: str) -> None:
    """Make what the table does not have yet, sixteen settings at a time."""
    make, own, default = PROBLEMS[problem]
    candidate = replace(reference(STEPS), space=(*OF_ADAMW, own))
    names = ["rate", *(one.name for one in candidate.space)]
    settings, seeds = AMOUNT[problem]
    points = qmc.Sobol(len(names), scramble=True, rng=6).random(512)[:settings]
    file = file_of(problem)
    held = dict(np.load(file)) if file.exists() else {}
    centre = float(held["centre"]) if held else centre_of(make, candidate)
    usual = {one.name: candidate.default_of(one) for one in OF_ADAMW} | {own.name: default}
    finals = list(held["finals"]) if held else []
    for place in range(len(finals), settings):
        rate = centre * 10 ** (DECADES * (float(points[place][0]) - 0.5))
        given = dict(zip(candidate.space, points[place][1:], strict=True))
        values = {one.name: one.at(float(at)) for one, at in given.items()}
        finals.append([final(make, candidate, rate, values, seed) for seed in seeds])
        if place % 16 == 15:
            kept = np.array(finals, np.float32)
            defaults = [0.5, *(one.position(usual[one.name]) for one in candidate.space)]
            np.savez_compressed(
                file, points=points[: len(kept)].astype(np.float32), finals=kept, defaults=defaults, centre=centre,
                names=names,
            )  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    for named in sys.argv[1:]:
        record(named)
