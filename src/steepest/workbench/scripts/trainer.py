"""Makes the runs of a script, for a study: what `training.Trainer` is for a task."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import queue
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from steepest.workbench.errors import TaskError, UsageError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.cost import Pace
from steepest.workbench.model.job import AtStep, Evaluated, Job, StopRequested
from steepest.workbench.model.key import Key, values_of
from steepest.workbench.model.outcome import FAILED, LAST, Outcome
from steepest.workbench.scripts import process
from steepest.workbench.scripts.candidate import ScriptCandidate, script_candidate
from steepest.workbench.scripts.devices import environment_of_slot
from steepest.workbench.scripts.judgement import Judgement
from steepest.workbench.scripts.left_behind import keep, left_in
from steepest.workbench.scripts.process import Script
from steepest.workbench.scripts.recipe import ScriptRecipe

_TELLS_EVERY = 0.5
"""Seconds between two signs of life of a run."""


@dataclass(frozen=True)
class ScriptSource:
    """The script, as a record names it."""

    name: str
    digest: str
    folder: str


@dataclass(frozen=True)
class ScriptTask:
    """What decides in a study of a script; a script knows no baseline and no target."""

    metric: str
    higher_is_better: bool
    baseline: float | None = None
    target: float | None = None


class ScriptTrainer:
    """Makes the runs of a script, each in a process group of its own.

    Args:
        recipe: The script, and how its runs are judged.
        folder: Where the output of each run is kept.
        seed: Of the study.
        slots: How many runs are made at the same time.
        first_slot: The number of the first of them, where others make runs too.

    Raises:
        UsageError: A range cannot be searched, or the script cannot be started.
    """

    steps = 0
    """The length of a run, which only the script knows."""

    def __init__(
        self, recipe: ScriptRecipe, *, folder: Path, seed: int = 0, slots: int = 1, first_slot: int = 0
    ) -> None:
        self.recipe, self.command = recipe, recipe.command
        self.command.check()
        script_candidate(self.command, {})  # raises where a range cannot be searched
        self.folder, self.seed, self.slots = folder, seed, slots
        self.first_task = ScriptTask(recipe.metric, recipe.higher_is_better)
        self.source = ScriptSource(self.command.name, self.command.digest(), self.command.folder)
        self._pattern, self._timeout = recipe.looked_for, recipe.timeout
        self._free: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(first_slot, first_slot + slots):
            self._free.put(slot)

    @property
    def candidates(self) -> list[Candidate]:
        """The script alone."""
        return [self.script]

    @cached_property
    def script(self) -> ScriptCandidate:
        """The script, with what it has of itself.

        Raises:
            UsageError: An argument is to be set that no optimizer of the script has.
            TaskError: The script failed before it made its optimizers.
        """
        known = self.recipe.from_script
        return script_candidate(self.command, self._values_of_the_script() if known is None else known)

    def recipe_elsewhere(self) -> ScriptRecipe:
        """The recipe for a process that is not to ask the script again what it has of itself.

        Raises:
            UsageError: An argument is to be set that no optimizer of the script has.
            TaskError: The script failed before it made its optimizers.
        """
        outside = self.command.set_from_outside()
        usual = {name: value for name, value in self.script.usual.items() if name in outside}
        return replace(self.recipe, from_script=usual)

    @property
    def controls(self) -> bool:
        """Whether the script runs with fresh seeds as it is, untuned."""
        return self.script.has_usual

    @property
    def judged_by(self) -> str:
        """Which value of its metric a run is judged by."""
        return LAST

    def candidate(self, name: str) -> Candidate:
        """The script."""
        return self.script

    def warm_up(self, candidate: Candidate, seed: int) -> Mapping[str, int]:
        """Nothing: a script compiles and measures what it likes itself."""
        return {}

    def pace(self, seed: int) -> Pace:
        """Not known before the first run has ended."""
        return Pace(0.0, math.nan)

    def card(self, seed: int) -> dict[str, str]:
        """What is run, in a few words."""
        one = self.script
        outside = ", ".join(
            f"{name} (the script itself has {one.usual[name]})" for name in self.command.set_from_outside()
        )
        seeds = (
            "{seed} in its arguments" if self.command.takes_seed() else "not told to it: runs differ by chance alone"
        )
        by = f"the pattern {self._pattern.written}" if self._pattern.is_given else "steepest.report, or what it prints"
        found = {
            "command": self.command.typed(),
            "set from outside": outside,
            "seeds": seeds,
            f"{self.first_task.metric} by": by,
            "output of each run": f"{self.folder}",
        }
        return {title: said for title, said in found.items() if said}

    def train(self, job: Job, stop: StopRequested, at_step: AtStep, evaluated: Evaluated) -> Outcome:
        """The outcome of a run.

        Args:
            job: The run.
            stop: Whether to interrupt the run; it is made again from its start then.
            at_step: Is told that it goes on.
            evaluated: Is told of each value of the deciding metric; whether to end the run there.
        """
        values = self.script.values(job.key.rate, job.key.values)
        from_outside = [one for one in self.command.set_from_outside() if one in values]
        judged = Judgement(self.first_task.metric, from_outside, self._pattern, self._timeout, evaluated)
        signs = _SignsOfLife(at_step)
        with self._slot() as environment:
            run = self._run(job.key, environment)
            try:
                ending = run.run(lambda: signs.give() or stop(), judged.reported)
            except UsageError as error:  # it was there when the study began
                return Outcome(FAILED, str(error), judged.trace)
        return judged.outcome(ending)

    def left_by(self, key: Key) -> dict[str, bytes]:
        """What a run left in its folder."""
        return left_in(self._folder_of(key))

    def keep(self, key: Key, left: Mapping[str, bytes]) -> None:
        """Keep what a run left on another machine."""
        keep(self._folder_of(key), left)

    def _folder_of(self, key: Key) -> Path:
        return self.folder / folder_of(key, self.script.rate_name)

    def _run(self, key: Key, environment: Mapping[str, str]) -> Script:
        values = self.script.values(key.rate, key.values)
        outside = self.command.environment(values, os.environ.get("PYTHONPATH", ""))
        return Script(
            self.command.at(values, key.seed),
            self._folder_of(key),
            environment={**environment, **outside},
            pattern=self._pattern,
            timeout=self._timeout,
        )

    @contextlib.contextmanager
    def _slot(self) -> Iterator[dict[str, str]]:
        """The variables of one of the runs that are made at the same time."""
        slot = self._free.get()
        try:
            yield environment_of_slot(slot, self.slots, os.environ)
        finally:
            self._free.put(slot)

    def _values_of_the_script(self) -> dict[str, Any]:
        """What the script itself gives to the arguments that are set from outside.

        It is started for that, and ended when it has made its optimizers.
        """
        if not (wanted := self.command.set_from_outside()):
            return {}
        environment = self.command.environment(dict.fromkeys(wanted), os.environ.get("PYTHONPATH", ""))
        with tempfile.TemporaryDirectory() as folder:
            script = Script(
                self.command.at(self._anywhere(), self.seed),
                Path(folder),
                environment=environment,
                timeout=self._timeout,
            )
            before = script.outside.before
            ending = script.run(stop=lambda: bool(script.outside.error) or all(name in before for name in wanted))
        if ending.outside.error:
            raise UsageError(ending.outside.error)
        missing = [name for name in wanted if name not in before]
        if missing and ending.status == process.FAILED:
            said = "\n".join(ending.last_lines)
            raise TaskError(f"{self.source.name} ended with exit code {ending.code} before it made {missing[0]}.", said)
        if missing:
            raise UsageError(_not_made(missing[0], ending.outside.made, self.source.name))
        return dict(before)

    def _anywhere(self) -> dict[str, Any]:
        """A value for each place: the script is only to make its optimizers."""
        one = script_candidate(self.command, {})
        setting = one.setting([0.5] * (1 + len(one.space)), one.searched(0), one.centre)
        return one.values(setting.rate, values_of(setting.others))


def _not_made(name: str, made: list[str], script: str) -> str:
    called = name.partition(".")[0]
    others = f"it makes {', '.join(made)}" if made else "it makes no optimizer of torch's kind"
    return f"--set {name}: {script} makes no {called}; {others}. Name one of its own optimizers."


class _SignsOfLife:
    """Tells twice a second that a run goes on."""

    def __init__(self, tell: AtStep) -> None:
        self._tell, self._last = tell, 0.0

    def give(self) -> None:
        """Tell it, if the last time is long enough ago."""
        if (now := time.monotonic()) - self._last > _TELLS_EVERY:
            self._last = now
            self._tell(0)


def folder_of(key: Key, rate_name: str) -> str:
    """The folder of a run's output, by its setting: `search/lr=0.01,width=64,seed=0`."""
    values = ({rate_name: f"{key.rate:g}"} if rate_name else {}) | key.values | {"seed": key.seed}
    name = re.sub(r"[^\w=,.+-]+", "-", ",".join(f"{one}={value}" for one, value in values.items()))
    digest = hashlib.sha256(repr(key).encode()).hexdigest()[:6]
    return f"{key.phase}/{name if len(name) <= 120 else f'{name[:110]}-{digest}'}"
