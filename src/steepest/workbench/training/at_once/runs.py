"""The loop of several runs at once: one gradient for all, and then what each run does by itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from steepest.workbench.model.diagnostics import RUNS_AT_ONCE
from steepest.workbench.model.job import LEAST_AT_ONCE, AtStep, EndedOne, Evaluated, EvaluatedOne, StopRequested
from steepest.workbench.model.user_code import in_one_line
from steepest.workbench.training.at_once.gradients import Gradients
from steepest.workbench.training.at_once.shared import BatchesOfSeeds
from steepest.workbench.training.isolation import (
    own_randomness,
    random_states,
    same_states,
    seed_generators,
    set_random_states,
    threads_for,
)
from steepest.workbench.training.run import Run


class NotAtOnce(Exception):  # noqa: N818 - it is no error of anybody
    """These runs cannot be trained at once; those that have not ended are to be trained one by one, from the start."""


@dataclass
class Member:
    """One of the runs.

    Args:
        place: Its number among those that were given.
        run: Itself.
        random: The random states in which it trains.
        seconds: That its own part of the steps took, since the last point of its curve.
    """

    place: int
    run: Run
    random: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


class RunsAtOnce:
    """Trains runs at once, of one task and one length; what one of them does reaches no other.

    Runs of one seed see the batches and the random numbers that each would see alone.  Runs of several seeds do where
    a step draws no random number; where it does, `NotAtOnce` is raised.

    Args:
        runs: Not begun.
        ended: Is told the place of each run that has ended or was interrupted, and its outcome.
    """

    def __init__(self, runs: Sequence[Run], ended: EndedOne) -> None:
        self.members = [Member(place, run) for place, run in enumerate(runs)]
        self.draws = len({run.seed for run in runs}) == 1
        self.ended = ended

    def train(self, stop: StopRequested, at_step: AtStep, evaluated: EvaluatedOne) -> None:
        """Train all to their ends, unless something ends them before.

        Args:
            stop: Whether to interrupt the runs; asked after each step.
            at_step: Is told of progress.
            evaluated: Is told the place of a run, the step and the metric; whether to end that run there.

        Raises:
            NotAtOnce: They cannot be trained at once.
            Exception: The task raised, as in a run alone.
        """
        with own_randomness(self.members[0].run.seed):
            for member in self.members:
                seed_generators(member.run.seed)
                member.run.prepare()
                member.random = random_states()
            with threads_for(self.members[0].run.model):
                self._begin()
                self._loop(stop, at_step, evaluated)

    def _begin(self) -> None:
        for member in self.members:
            set_random_states(member.random)
            member.run.begin()
            member.random = random_states()
        self._leave_those_elsewhere()
        runs = [member.run for member in self.members]
        if any(not run.trace.step for run in runs):
            for run in runs:
                run.trace.metrics.append((0, 0.0, RUNS_AT_ONCE, float(len(runs))))
        try:
            self.gradients = Gradients(runs[0].task, [run.model for run in runs], self.draws)
        except Exception as error:
            raise NotAtOnce(in_one_line(error)) from error
        self.batches = BatchesOfSeeds(runs)
        self._begin_sums()

    def _leave_those_elsewhere(self) -> None:
        """Runs that are continued are trained at once where most of them are; the others are left to be made alone."""
        steps = [member.run.trace.step for member in self.members]
        step = max(steps, key=steps.count)
        self.members = [member for member in self.members if member.run.trace.step == step]
        if len(self.members) < min(LEAST_AT_ONCE, len(steps)):
            raise NotAtOnce("they were interrupted at different steps")

    def _begin_sums(self) -> None:
        """The losses since the last point of the curves."""
        if not self.members:
            return
        device = next(self.members[0].run.model.parameters()).device
        dtype = torch.float32 if device.type == "mps" else torch.float64  # which has no other
        self.losses, self.count = torch.zeros(len(self.members), dtype=dtype, device=device), 0

    def _loop(self, stop: StopRequested, at_step: AtStep, evaluated: EvaluatedOne) -> None:
        set_random_states(self.members[0].random)
        started = time.perf_counter()
        while self.members:
            self._step()
            is_stopped = stop()
            if self.members[0].run.is_at_point() or is_stopped:
                self._share_time(time.perf_counter() - started)
                self._add_losses()
                if self.members[0].run.is_at_point():
                    self._at_point(at_step, evaluated)
                if is_stopped:
                    self._interrupt()
                    return
                self._begin_sums()
                started = time.perf_counter()

    def _step(self) -> None:
        run = self.members[0].run
        try:
            taken = [next(self.batches) for _ in range(run.task.accumulate)]
            losses = self.gradients.take(taken, self.batches.own)
            for member in self.members:
                began = time.perf_counter()
                member.run.step(member.run.training.follow_gradients)
                member.seconds += time.perf_counter() - began
        except Exception as error:  # whose it is shows when the runs are made alone
            raise NotAtOnce(in_one_line(error)) from error
        self.losses += losses
        self.count += 1

    def _share_time(self, seconds: float) -> None:
        """Each run has its share of what was done for all, and the time of what it did alone."""
        shared = (seconds - sum(member.seconds for member in self.members)) / len(self.members)
        for member in self.members:
            member.run.trace.seconds += shared + member.seconds
            member.seconds = 0.0

    def _add_losses(self) -> None:
        for member, loss in zip(self.members, self.losses, strict=True):
            member.run.add(loss, self.count)

    def _at_point(self, at_step: AtStep, evaluated: EvaluatedOne) -> None:
        if not self.draws and not same_states(random_states(), self.members[0].random):
            raise NotAtOnce("a step draws random numbers, which differ with the seed")
        at_step(self.members[0].run.trace.step)
        left = [k for k, member in enumerate(self.members) if not self._ends(member, partial(evaluated, member.place))]
        if left and len(left) < len(self.members):
            self._keep(left)
        self.members = [self.members[k] for k in left]
        if self.members and not self.draws:
            set_random_states(self.members[0].random)

    def _ends(self, member: Member, evaluated: Evaluated) -> bool:
        run = member.run
        if not self.draws and run.trace.step in run.evaluation_steps:  # an evaluation may draw
            set_random_states(member.random)
        try:
            outcome = run.at_point(_nobody, evaluated)
        except Exception as error:
            outcome = run.diverged_by(error)
        if outcome is not None:
            self.ended(member.place, outcome)
        return outcome is not None

    def _keep(self, left: list[int]) -> None:
        self.gradients.keep(left)
        self.batches.keep([self.members[k].run for k in left])

    def _interrupt(self) -> None:
        now = random_states()
        for member in self.members:
            set_random_states(now if self.draws else member.random)
            self.ended(member.place, member.run.interrupted(looks_ahead=False))


def _nobody(step: int) -> None:
    """The progress of all is told once."""
