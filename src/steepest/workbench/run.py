"""The only training loop: one task, one optimizer, one rate, one seed, from the first step to the verdict.

A run can be stopped between two steps and continued later, bit for bit, in another process.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from steepest.workbench.batches import Batches
from steepest.workbench.errors import TaskError, UsageError
from steepest.workbench.isolation import own_randomness, random_states, set_random_states, threads_for
from steepest.workbench.optimizers import Candidate
from steepest.workbench.task import Task, TaskFunction

POINTS = 100  # of a loss curve: each is the mean over the steps since the last, so none is lost

TRAINED, FAILED, DIVERGED, INTERRUPTED = "trained", "failed to train", "diverged", "interrupted"


@dataclass
class Trace:
    """What a run has measured so far.

    Args:
        step: Steps taken.
        seconds: Time spent in them, without evaluations.
        curve: (step, seconds, mean training loss since the point before).
        metrics: (step, seconds, name, value).
    """

    step: int = 0
    seconds: float = 0.0
    curve: list[tuple[int, float, float]] = field(default_factory=list)
    metrics: list[tuple[int, float, str, float]] = field(default_factory=list)

    def first(self, metric: str) -> float:
        """The metric before the first step."""
        return next(value for _, _, name, value in self.metrics if name == metric)

    def last(self, metric: str) -> float:
        """The metric when it was last measured."""
        return next(value for _, _, name, value in reversed(self.metrics) if name == metric)


@dataclass
class Outcome:
    """How a run ended.

    Args:
        status: trained, failed to train, diverged, or interrupted.
        reason: Why it is not trained, in words; empty where it is.
        trace: What it measured.
        saved: All that is needed to go on, where it was interrupted.
    """

    status: str
    reason: str
    trace: Trace
    saved: bytes | None = None

    def final(self, metric: str) -> float | None:
        """The metric at the end; None where the run did not get there with finite numbers."""
        return None if self.status == DIVERGED else self.trace.last(metric)


class Run:
    """One run, ready to train.

    Args:
        make: The function `task(seed)`.
        candidate: The optimizer.
        rate: Its learning rate.
        seed: Of initialisation, data order and everything else that is drawn.
        steps: How many; the task's own number if None.
        saved: What an interrupted run left, to continue it.
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
    ) -> None:
        self.make, self.candidate, self.rate, self.seed = make, candidate, rate, seed
        self.steps, self.saved = steps, saved
        self.trace = Trace()

    def train(
        self, stop: Callable[[], bool] = lambda: False, tick: Callable[[int], None] = lambda step: None
    ) -> Outcome:
        """Train to the end, or until `stop()` is true after a step.  `tick(step)` is told of progress.

        Raises:
            TaskError: The task raised, or broke its contract.
        """
        with own_randomness(self.seed):
            self._prepare()
            with threads_for(self.model):
                self._begin()
                return self._finish() if self._loop(stop, tick) else self._interrupted()

    def _prepare(self) -> None:
        self.task = checked(self.make(self.seed))
        self.steps = self.steps or self.task.steps
        self.model = self.task.model.train()
        self.optimizer = self.candidate.build(self.model.parameters(), self.rate)
        self.initial_rates = [group["lr"] for group in self.optimizer.param_groups]
        follows_by_itself = any("schedules" in group for group in self.optimizer.param_groups)
        self.schedule = None if follows_by_itself else self.candidate.curve(self.rate)
        self.curve_steps = _spread(POINTS, self.steps)
        self.evaluation_steps = _spread(self.task.evaluations, self.steps)
        self.batches = Batches(self.task.train)
        self.total, self.count = torch.zeros((), dtype=torch.float64), 0

    def _begin(self) -> None:
        if self.saved is None:
            self._evaluate()
        else:
            self._restore(self.saved)

    def _loop(self, stop: Callable[[], bool], tick: Callable[[int], None]) -> bool:
        """Take the steps.  False if stopped before the end."""
        trace, steps = self.trace, self.steps or 0
        started = time.perf_counter()
        while trace.step < steps:
            self._step()
            trace.step += 1
            if trace.step in self.curve_steps:
                self._synchronize()
                trace.seconds += time.perf_counter() - started
                finite = self._point()
                if trace.step in self.evaluation_steps:
                    finite = self._evaluate() and finite
                if not finite:
                    break
                tick(trace.step)
                started = time.perf_counter()
            if stop() and trace.step < steps:
                trace.seconds += time.perf_counter() - started
                return False
        return True

    def _step(self) -> None:
        self.optimizer.zero_grad()
        loss = self.task.loss(self.model, next(self.batches))
        if not (isinstance(loss, torch.Tensor) and loss.numel() == 1):
            raise TaskError(
                f"`loss(model, batch)` returned {_what(loss)}, but a run minimises one number; "
                "return a tensor with a single element, such as a mean over the batch."
            )
        loss.backward()
        if self.schedule is not None:
            self._set_rates(self.schedule(self.trace.step) / self.rate)
        self.optimizer.step()
        # Left on its device and not read here: reading it would make every step of a GPU wait.
        self.total += loss.detach().reshape(()).to(self.total.device)
        self.count += 1

    def _set_rates(self, factor: float) -> None:
        for group, initial in zip(self.optimizer.param_groups, self.initial_rates, strict=True):
            group["lr"] = initial * factor

    def _point(self) -> bool:
        loss = self.total.item() / self.count
        self.trace.curve.append((self.trace.step, self.trace.seconds, loss))
        self.total, self.count = torch.zeros_like(self.total), 0
        return math.isfinite(loss)

    def _evaluate(self) -> bool:
        """Measure the metrics, and say whether they and the parameters are finite."""
        metrics = evaluated(self.task)
        self.trace.metrics += [(self.trace.step, self.trace.seconds, *item) for item in metrics.items()]
        self.model.train()
        finite = all(bool(p.isfinite().all()) for p in self.model.parameters())
        return finite and math.isfinite(metrics[self.task.metric])

    def _finish(self) -> Outcome:
        status, reason = judged(self.task, self.trace, self.steps or 0, self.model)
        return Outcome(status, reason, self.trace)

    def _synchronize(self) -> None:
        if torch.cuda.is_available() and next(self.model.parameters()).is_cuda:
            torch.cuda.synchronize()

    def _interrupted(self) -> Outcome:
        state = {
            "trace": vars(self.trace),
            "total": self.total.item(),
            "count": self.count,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": random_states(),
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        return Outcome(INTERRUPTED, "", self.trace, buffer.getvalue())

    def _restore(self, saved: bytes) -> None:
        state = torch.load(io.BytesIO(saved), weights_only=True)
        self.trace = Trace(**state["trace"])
        self.total, self.count = torch.tensor(state["total"], dtype=torch.float64), state["count"]
        self.batches.skip(self.trace.step)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        set_random_states(state["random"])


def judged(task: Task, trace: Trace, steps: int, model: torch.nn.Module) -> tuple[str, str]:
    """A finished run's status, and the reason where it is not `trained`."""
    if trace.curve and not math.isfinite(trace.curve[-1][2]):
        return DIVERGED, f"the training loss was not finite at step {trace.step}"
    if not all(bool(p.isfinite().all()) for p in model.parameters()):
        return DIVERGED, f"a parameter was not finite at step {trace.step}"
    first, last = trace.first(task.metric), trace.last(task.metric)
    if not math.isfinite(last):
        return DIVERGED, f"{task.metric} was not finite at step {trace.step}"
    if not task.better(last, first):
        return FAILED, f"{task.metric} ended at {last:.4g}, no better than {first:.4g} before the first step"
    if task.baseline is not None and not task.better(last, task.baseline):
        return (
            FAILED,
            f"{task.metric} ended at {last:.4g}, no better than a constant prediction's {task.baseline:.4g}",
        )
    return TRAINED, ""


def checked(task: Any) -> Task:
    """The task itself, if it is one and has something to train."""
    if not isinstance(task, Task):
        raise TaskError(f"The task function returned {_what(task)}; return a steepest.workbench.Task.")
    if not any(parameter.requires_grad for parameter in task.model.parameters()):
        raise TaskError("The task's model has no parameter that requires a gradient, so there is nothing to train.")
    if task.steps < 1 or task.evaluations < 1:
        raise TaskError(
            f"The task asks for steps={task.steps} and evaluations={task.evaluations}; both are at least 1."
        )
    return task


def evaluated(task: Task) -> dict[str, float]:
    """The metrics of the model as it is, measured without touching its gradients or the random state."""
    task.model.eval()
    states = random_states()
    with torch.no_grad():
        metrics = task.evaluate(task.model)
    set_random_states(states)
    if not (isinstance(metrics, Mapping) and task.metric in metrics):
        named = f"the names {', '.join(map(repr, metrics))}" if isinstance(metrics, Mapping) else _what(metrics)
        raise TaskError(
            f"`evaluate(model)` returned {named}, but the task's metric is {task.metric!r}; "
            f"return a dictionary with that name, or give the task another `metric`."
        )
    return {str(name): float(value) for name, value in metrics.items()}


def _spread(count: int, steps: int) -> set[int]:
    """`count` steps from 1 to `steps`, evenly; all of them if there are fewer."""
    if steps < 1:
        raise UsageError(f"A run of {steps} steps trains nothing; give a number of steps of at least 1.")
    return {math.ceil(steps * (point + 1) / count) for point in range(count)}


def _what(thing: Any) -> str:
    shape = getattr(thing, "shape", None)
    name = type(thing).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}" + (
        f" of shape {tuple(shape)}" if shape is not None else ""
    )
