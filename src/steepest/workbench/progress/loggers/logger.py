"""The interface of a logger, what it is given, and how names are written where not every character may stand."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from steepest.workbench.model.key import Key
from steepest.workbench.model.outcome import Outcome
from steepest.workbench.model.plan import Plan

LOSS = "train_loss"
"""The name of the training loss, as in `curves.parquet`."""


@dataclass(frozen=True)
class LoggedStudy:
    """A study: what it does, its folder, and the identity that it keeps when it continues."""

    plan: Plan
    folder: Path
    identity: str

    @property
    def name(self) -> str:
        """The task, and the beginning of the identity: a study that was started over is another one."""
        return f"{plain(self.plan.task)}-{self.identity[:8]}"

    @property
    def parameters(self) -> dict[str, Any]:
        """The plan, with the names of the optimizers in place of all that they are."""
        optimizers = ", ".join(each["name"] for each in self.plan.optimizers)
        return {name: value for name, value in asdict(self.plan).items() if value != ()} | {"optimizers": optimizers}


@dataclass(frozen=True)
class LoggedRun:
    """A run that has ended: what identifies it, all that it measured, and when it ended, in seconds since 1970."""

    key: Key
    outcome: Outcome
    ended: float
    metric: str

    @property
    def name(self) -> str:
        """Of one line, different for each run of a study."""
        return f"{plain(self.key.optimizer)}-{self.key.rate:.3g}-seed-{self.key.seed}-{digest(repr(self.key))[:6]}"

    @property
    def parameters(self) -> dict[str, Any]:
        """The setting, and what it is of."""
        key = self.key
        return {"phase": key.phase, "optimizer": key.optimizer, "lr": key.rate} | key.values | {"seed": key.seed}

    @property
    def began(self) -> float:
        """When its steps would have begun without the evaluations in between, in seconds since 1970."""
        return self.ended - self.outcome.trace.seconds

    @property
    def final(self) -> float | None:
        """The metric that decides; None where the run failed."""
        return self.outcome.final(self.metric)

    @property
    def points(self) -> list[tuple[str, int, float, float]]:
        """The curves: name, step, value, and seconds since 1970."""
        trace, began = self.outcome.trace, self.began
        losses = [(LOSS, step, loss, began + seconds) for step, seconds, loss in trace.curve]
        return losses + [(name, step, value, began + seconds) for step, seconds, name, value in trace.metrics]


@dataclass(frozen=True)
class LoggedResult:
    """The end of a study: the verdict in sentences, the recommended lines by rank, the files of the report."""

    verdict: list[str]
    warnings: list[str]
    rows: list[tuple[str, float, str]]
    """Optimizer, median over the fresh seeds, and the line to paste."""
    report: Path
    files: list[Path]

    @property
    def text(self) -> str:
        """The verdict, the warnings and the recommended lines, in Markdown."""
        rows = [f"| {name} | {median:.4g} | `{call}` |" for name, median, call in self.rows]
        table = ["| optimizer | median | setting |", "|---|---|---|", *rows]
        return "\n\n".join([*self.verdict, *(f"Note: {each}" for each in self.warnings), "\n".join(table)])


class Logger(Protocol):
    """Writes a study down.  An error that it raises ends its work, and nothing else.

    A study may be opened again, and then it is given the runs again that it was given before: what is there already is
    not written twice.
    """

    def open(self, study: LoggedStudy) -> None:
        """The study begins, or continues."""
        ...

    def run(self, run: LoggedRun) -> None:
        """A run has ended."""
        ...

    def result(self, result: LoggedResult) -> None:
        """The study has ended, and its report is written."""
        ...

    def close(self) -> None:
        """Nothing follows."""
        ...


def plain(name: str) -> str:
    """A name of letters, digits and `-_.=` alone, for files and addresses; not longer than 80."""
    return re.sub(r"[^A-Za-z0-9_.=-]+", "-", name).strip("-.")[:80] or "x"


def digest(text: str) -> str:
    """Sixteen hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
