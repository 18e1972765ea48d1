"""How a study gets on where there is no terminal: a line at the start, one a minute, one at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import IO

from steepest.workbench.model.cost import Cost
from steepest.workbench.model.key import OF_OPTIMIZERS, Key
from steepest.workbench.model.outcome import has_failed
from steepest.workbench.model.plan import Plan
from steepest.workbench.model.stage_gain import StageGain
from steepest.workbench.progress import stage_words
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.progress.words import LIVE, about, sentence

EVERY = 60.0
"""Seconds between two lines."""


class PlainLines(Watcher):
    """Writes lines to a stream.

    Args:
        stream: For example standard error, which a cluster keeps in a file.
        clock: Seconds; of a test.
    """

    def __init__(self, stream: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._started = self._last = clock()
        self._task, self._metric, self._runs, self._done, self._found, self._failed = "", "", 0, 0, 0, 0
        self._beginning = True

    def live(self, address: str) -> None:
        """Where the report can be seen."""
        self._print(LIVE.format(address))

    def cost(self, cost: Cost) -> None:
        """What is left."""
        self._print(f"{sentence(cost)}.")

    def remark(self, sentence: str) -> None:
        """How the runs will be made."""
        self._print(sentence)

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """Say what begins, or goes on."""
        self._task, self._metric, self._runs, self._found = plan.task, plan.metric, runs, done
        if done:
            self._print(f"{plan.task}: going on with {done} of about {runs} runs done.")

    def at_step(self, step: int, worker: int = 0) -> None:
        """Say how far it is, once a minute."""
        if self._clock() - self._last >= EVERY:
            self._print(f"{self._task}: {self._done} of about {self._runs} runs{self._failures()}{self._left()}")

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """Count the run."""
        self._done += 1
        self._runs = max(self._runs, self._done)
        self._failed += key.phase in OF_OPTIMIZERS and has_failed(status)

    def stage(self, gain: StageGain) -> None:
        """Say what was gained."""
        for line in (stage_words.sentence(gain, self._metric), *stage_words.edges(gain)):
            self._print(f"{line}.")

    def close(self) -> None:
        """Say how it ended."""
        if self._task:
            took = about(self._clock() - self._started)
            self._print(f"{self._task}: {self._done} runs{self._failures()}, {took}.")

    def _failures(self) -> str:
        return f", {self._failed} failed" if self._failed else ""

    def _left(self) -> str:
        made = self._done - self._found
        if made <= 0:
            return ""
        return f", about {about((self._clock() - self._started) / made * (self._runs - self._done))} left"

    def _print(self, line: str) -> None:
        self._last = self._clock()
        print(line, file=self._stream, flush=True)
