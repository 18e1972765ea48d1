"""The interface of those who are told how a study gets on."""

from collections.abc import Sequence

from steepest.workbench.model.cost import Cost
from steepest.workbench.model.key import Key
from steepest.workbench.model.plan import Plan


class Watcher:
    """Is told how a study gets on, and does nothing with it.  A subclass overrides the events that it uses."""

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """The study begins: `done` of about `runs` runs are in the record."""

    def cost(self, cost: Cost) -> None:
        """What is left to do, before it begins."""

    def note(self, sentence: str) -> None:
        """How the runs will be made, in a sentence."""

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        """A run of so many steps starts, or continues; a worker may train several at once."""

    def at_step(self, step: int, worker: int = 0) -> None:
        """The run of a worker has reached this step."""

    def evaluated(self, key: Key, step: int, value: float, worker: int = 0) -> None:
        """The run of a worker has been evaluated: the deciding metric at this step."""

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """A run has ended, or was found in the record."""

    def close(self) -> None:
        """The study is over, or interrupted."""


class Watchers(Watcher):
    """Tells several watchers."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self.watchers = watchers

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.begin(plan, runs, done, workers)

    def cost(self, cost: Cost) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.cost(cost)

    def note(self, sentence: str) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.note(sentence)

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

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.ended(key, status, value, higher_is_better)

    def close(self) -> None:
        """Tell each of them."""
        for one in self.watchers:
            one.close()
