"""The interface of those who are told how a study gets on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from steepest.workbench.model.cost import Cost
from steepest.workbench.model.key import Key
from steepest.workbench.model.plan import Plan
from steepest.workbench.model.stage_gain import StageGain

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Results
    from steepest.workbench.model.outcome import Outcome


class Watcher:
    """Is told how a study gets on, and does nothing with it.  A subclass overrides the events that it uses."""

    @property
    def needs_past(self) -> bool:
        """Whether it is told `measured` of the runs that were in the record before, too."""
        return False

    def opened(self, plan: Plan, folder: Path, identity: str) -> None:
        """The record in this folder is open.  A study that continues has the identity that it had."""

    def live(self, address: str) -> None:
        """The report can be seen there as it grows."""

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """The study begins: `done` of about `runs` runs are in the record."""

    def cost(self, cost: Cost) -> None:
        """What is left to do, before it begins."""

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        """A run of so many steps starts, or continues."""

    def at_step(self, step: int, worker: int = 0) -> None:
        """The run of a worker has reached this step."""

    def evaluated(self, key: Key, step: int, value: float, worker: int = 0) -> None:
        """The run of a worker has been evaluated: the deciding metric at this step."""

    def measured(self, key: Key, outcome: Outcome, time: float) -> None:
        """All that a run has measured that ended at this time, in seconds since 1970.  `ended` follows."""

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """A run has ended, or was found in the record."""

    def stage(self, gain: StageGain) -> None:
        """A stage of the search of an optimizer is over, or was found in the record."""

    def result(self, results: Results, folder: Path, verdict: list[str], warnings: list[str]) -> None:
        """All runs have been made, and the report is written."""

    def close(self) -> None:
        """The last event, also of a study that was interrupted or that failed."""


class Watchers(Watcher):
    """Tells several watchers."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self.watchers = watchers

    @property
    def needs_past(self) -> bool:
        """Whether any of them does."""
        return any(one.needs_past for one in self.watchers)

    def opened(self, plan: Plan, folder: Path, identity: str) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.opened(plan, folder, identity)

    def live(self, address: str) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.live(address)

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.begin(plan, runs, done, workers)

    def cost(self, cost: Cost) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.cost(cost)

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.started(key, steps, worker)

    def at_step(self, step: int, worker: int = 0) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.at_step(step, worker)

    def evaluated(self, key: Key, step: int, value: float, worker: int = 0) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.evaluated(key, step, value, worker)

    def measured(self, key: Key, outcome: Outcome, time: float) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.measured(key, outcome, time)

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.ended(key, status, value, higher_is_better)

    def stage(self, gain: StageGain) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.stage(gain)

    def result(self, results: Results, folder: Path, verdict: list[str], warnings: list[str]) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.result(results, folder, verdict, warnings)

    def close(self) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.close()
