"""The loop of a whole run: one task, one optimizer, one setting, one seed, from the first step to the verdict.

A run can be interrupted between two steps and continued later, bit for bit, in another process.  The loop of a range
test is `rising_run.py`: its rate changes at each step, and it measures the loss and nothing else.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch

from steepest.workbench.errors import UsageError
from steepest.workbench.model.candidate import Candidate, Settings
from steepest.workbench.model.job import AtStep, Evaluated, StopRequested
from steepest.workbench.model.outcome import DIVERGED, INTERRUPTED, PRUNED, Outcome, Trace
from steepest.workbench.task import TaskFunction
from steepest.workbench.training import divergence
from steepest.workbench.training.continued import (
    EVALUATED,
    LOSSES,
    QUICK,
    STEPS_AHEAD,
    difference,
    loaded,
    noted,
    stored,
)
from steepest.workbench.training.contract import checked, evaluated
from steepest.workbench.training.diagnostics import StepDiagnostics
from steepest.workbench.training.generators import generator_states, set_generator_states
from steepest.workbench.training.isolation import (
    own_randomness,
    random_states,
    seed_generators,
    set_random_states,
    threads_for,
)
from steepest.workbench.training.step import TrainingStep
from steepest.workbench.training.verdict import judged_by, verdict

Result = TypeVar("Result")
CURVE_POINTS = 100  # each is the mean loss over the steps since the point before, so no step is lost


class Run:
    """One run, ready to train.

    Args:
        make: The function `task(seed)`.
        candidate: The optimizer.
        rate: Its learning rate.
        seed: Of initialisation, data order and everything else that is drawn.
        steps: The number of steps; the task's own if None.
        saved: What an interrupted run left, to continue it.
        settings: Values of the other hyperparameters that are searched.
        measures_steps: Whether the steps that end at a point of the curve are measured, which changes nothing.
    """

    def __init__(
        self,
        make: TaskFunction,
        candidate: Candidate,
        rate: float,
        seed: int,
        *,
        steps: int | None = None,
        saved: bytes | None = None,
        settings: Settings | None = None,
        measures_steps: bool = False,
    ) -> None:
        self.make, self.candidate, self.rate, self.seed = make, candidate, rate, seed
        self.steps, self.saved, self.settings, self.measures_steps = steps, saved, settings, measures_steps
        self.trace = Trace()
        self.note, self.evaluation_seconds = "", 0.0

    def train(
        self,
        stop: StopRequested = lambda: False,
        at_step: AtStep = lambda step: None,
        evaluated: Evaluated = lambda step, value: False,
    ) -> Outcome:
        """Train to the end, unless something ends the run before.

        Args:
            stop: Whether to interrupt the run; asked after each step.
            at_step: Is told of progress.
            evaluated: Is told the step and the metric after each evaluation; whether to end the run there.

        What the task raises after the first step, while numbers are not finite, is the end of a run that diverged.

        Raises:
            Exception: The task raised, or broke its contract, while all numbers were finite.
        """
        with own_randomness(self.seed):
            self.prepare()
            with threads_for(self.model):
                self.begin()
                try:
                    return self._loop(stop, at_step, evaluated)
                except Exception as error:
                    return self.diverged_by(error)

    def prepare(self) -> None:
        """Make the task and what trains it."""
        self.task = checked(self.make(self.seed))
        self.steps = self.steps or self.task.steps
        self.model = self.task.model.train()
        self.trace.judged_by = judged_by(self.task)
        self.training = TrainingStep(self.task, self._build)
        self.schedule = None if self.training.follows_schedule() else self.candidate.curve(self.rate)
        self.curve_steps = _spread(CURVE_POINTS, self.steps)
        self.evaluation_steps = _spread(self.task.evaluations, self.steps)
        self.total, self.count = torch.zeros((), dtype=torch.float64), 0

    def begin(self) -> None:
        """Evaluate before the first step, or restore what was interrupted."""
        if self.saved is None:
            self._evaluate()
        else:
            self._continue(self.saved)

    def _loop(self, stop: StopRequested, at_step: AtStep, evaluated: Evaluated) -> Outcome:
        started = time.perf_counter()
        while True:
            self.add(self.step(self.training.take))
            if self.is_at_point():
                self._synchronize()
                self.trace.seconds += time.perf_counter() - started
                if outcome := self.at_point(at_step, evaluated):
                    return outcome
                started = time.perf_counter()
            if stop() and self.trace.step < (self.steps or 0):
                self.trace.seconds += time.perf_counter() - started
                return self.interrupted()

    def is_at_point(self) -> bool:
        """Whether the curve has a point at this step; the last step is one."""
        return self.trace.step in self.curve_steps

    def at_point(self, at_step: AtStep, evaluated: Evaluated) -> Outcome | None:
        """Add the point, and evaluate where it is time.  The outcome where the run ends here."""
        trace, steps = self.trace, self.steps or 0
        if not self._measure():
            return self._ended()
        at_step(trace.step)
        if trace.step in self.evaluation_steps:
            if self._is_pruned(evaluated):
                return self._noted(Outcome(PRUNED, f"a pruner ended the run at step {trace.step} of {steps}", trace))
            if self._is_out_of_patience():
                return self._ended()
        return self._ended() if trace.step >= steps else None

    def _ended(self) -> Outcome:
        return self._noted(Outcome(*verdict(self.task, self.trace, self.model), self.trace))

    def _noted(self, outcome: Outcome) -> Outcome:
        return noted(outcome, self.note)

    def _build(self, parameters: Iterable[Any]) -> Any:
        return self.candidate.build(parameters, self.rate, self.settings)

    def step(self, take: Callable[[], Result]) -> Result:
        """Take a step by `take`, at the rate of the schedule and measured where it is to be.  What `take` gives."""
        self._set_scheduled_rates(self.trace.step)
        if self.measures_steps and self.trace.step + 1 in self.curve_steps:
            with StepDiagnostics(self.model, self.training.optimizers.values()) as diagnostics:
                loss = take()
            found = diagnostics.measured().items()
            self.trace.metrics += [(self.trace.step + 1, self.trace.seconds, *item) for item in found]
        else:
            loss = take()
        self.trace.step += 1
        return loss

    def add(self, loss: torch.Tensor, count: int = 1) -> None:
        """Add the loss of a step, or of several, to what the next point of the curve is the mean of."""
        # The sum stays on its device: reading it here would make every step of a GPU wait.
        self.total += loss.detach().reshape(()).to(self.total.device)
        self.count += count

    def _set_scheduled_rates(self, step: int) -> None:
        if self.schedule is not None:
            self.training.set_rates(self.schedule(step) / self.rate)

    def _measure(self) -> bool:
        """Add a point to the curve, and evaluate where it is time.  Whether all is finite."""
        finite = self._point()
        return (self._evaluate() and finite) if self.trace.step in self.evaluation_steps else finite

    def _is_pruned(self, evaluated: Evaluated) -> bool:
        step = self.trace.step
        return evaluated(step, self.trace.last(self.task.metric)) and step < (self.steps or 0)

    def _is_out_of_patience(self) -> bool:
        patience = self.task.patience
        return patience is not None and self.trace.evaluations_since_best(self.task.metric) >= patience

    def _point(self) -> bool:
        loss = self.total.item() / self.count
        self.trace.curve.append((self.trace.step, self.trace.seconds, loss))
        self.total, self.count = torch.zeros_like(self.total), 0
        return math.isfinite(loss)

    def _evaluate(self) -> bool:
        """Measure the metrics.  Whether the deciding metric and the parameters are finite."""
        self.training.latest = lambda: evaluated(self.task)
        started = time.perf_counter()
        metrics = self.training.latest()
        self.evaluation_seconds = time.perf_counter() - started
        self.trace.metrics += [(self.trace.step, self.trace.seconds, *item) for item in metrics.items()]
        self.model.train()
        finite = all(bool(p.isfinite().all()) for p in self.model.parameters())
        return finite and math.isfinite(metrics[self.task.metric])

    def diverged_by(self, error: Exception) -> Outcome:
        """The outcome of a run that the exception ended; raises it again where it is the task's own."""
        if not (what := self._what_is_not_finite(error)):
            raise error
        if self.count:
            self._point()
        return self._noted(Outcome(DIVERGED, divergence.reason(error, what, self.trace.step), self.trace))

    def _what_is_not_finite(self, error: Exception) -> str:
        """What was not finite when the task raised; empty where the exception is the task's own."""
        if self.trace.step == 0 or divergence.is_the_machines(error):
            return ""
        return divergence.what_is_not_finite(self.task, self.total, self.training.latest)

    def _synchronize(self) -> None:
        if torch.cuda.is_available() and next(self.model.parameters()).is_cuda:
            torch.cuda.synchronize()

    def interrupted(self, looks_ahead: bool = True) -> Outcome:
        """The outcome of a run that stops here, to be continued.

        Args:
            looks_ahead: Whether the numbers that come next are stored too.
        """
        state = {
            "trace": vars(self.trace),
            "total": self.total.item(),
            "count": self.count,
            "model": self.model.state_dict(),
            **self.training.state(),
            "random": random_states(),
            "generators": generator_states(self.task),
        }
        trace, saved = Trace(**vars(self.trace)), stored(state)
        if not looks_ahead:
            return Outcome(INTERRUPTED, "", trace, saved)
        state = loaded(saved) | {"next": self._next_numbers(self.evaluation_seconds < QUICK)}
        return Outcome(INTERRUPTED, "", trace, stored(state))

    def _continue(self, saved: bytes) -> None:
        """Restore the run, and compare the numbers that come next with those that came next before."""
        state = loaded(saved)
        self._restore(state)
        if before := state.get("next"):  # a state of the first release has none
            now = self._next_numbers(EVALUATED in before)
            self.note = difference(before, now, exact=self.task.autocast is None)
            seed_generators(self.seed)
            self.prepare()
            self._restore(loaded(saved))

    def _next_numbers(self, evaluates: bool) -> dict[str, list[float]]:
        """The losses of the next steps and, where it takes no time, the metrics after them.  The run is over then."""
        step, found = self.trace.step, {LOSSES: [], **({EVALUATED: []} if evaluates else {})}
        try:
            for ahead in range(min(STEPS_AHEAD, (self.steps or 0) - step)):
                self._set_scheduled_rates(step + ahead)
                found[LOSSES].append(self.training.take().item())
            if evaluates:
                found[EVALUATED] += evaluated(self.task).values()
        except Exception:  # what the run would have raised, it raises when it comes there
            pass
        return found

    def _restore(self, state: dict[str, Any]) -> None:
        self.trace = Trace(**state["trace"] | {"judged_by": judged_by(self.task)})
        self.total, self.count = torch.tensor(state["total"], dtype=torch.float64), state["count"]
        self.training.restore(state, self.trace.step)
        self.model.load_state_dict(state["model"])
        set_random_states(state["random"])
        set_generator_states(self.task, state.get("generators", {}))


def _spread(count: int, steps: int) -> set[int]:
    """`count` steps from 1 to `steps`, evenly spaced; all steps if there are fewer."""
    if steps < 1:
        raise UsageError(f"A run of {steps} steps trains nothing; give a number of steps of at least 1.")
    return {math.ceil(steps * (point + 1) / count) for point in range(count)}
