"""Whoever wants to know how a study gets on."""

from steepest.workbench.model.key import Key
from steepest.workbench.model.plan import Plan


class Watcher:
    """Is told what happens; this one does nothing with it.  The terminal's progress line is another."""

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """The study starts: `done` of `runs` are there already."""

    def run(self, key: Key, steps: int, worker: int = 0) -> None:
        """A run of so many steps starts, or goes on."""

    def tick(self, step: int, worker: int = 0) -> None:
        """A worker's run has come to this step."""

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """A run has ended, or was found in the record."""

    def close(self) -> None:
        """The study is over, or interrupted."""
