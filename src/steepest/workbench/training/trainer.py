"""One run of a study, wherever it is made: in this process or in a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steepest.workbench.errors import TaskError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.key import CONTROL, DIAGNOSIS, RANGE, Key
from steepest.workbench.model.loading import Source
from steepest.workbench.model.optimizers import NOTHING
from steepest.workbench.training.task_errors import Explaining

if TYPE_CHECKING:
    from steepest.workbench.model.outcome import Outcome
    from steepest.workbench.task import Task

Stop = Callable[[], bool]
Tick = Callable[[int], None]


@dataclass(frozen=True)
class Job:
    """A run to make: its key, how many steps, and what an interrupted one left."""

    key: Key
    steps: int
    saved: bytes | None = None


class Workshop:
    """Makes runs of one task with given optimizers.

    Args:
        source: The task.
        candidates: The optimizers.
    """

    def __init__(self, source: Source, candidates: Sequence[Candidate]) -> None:
        self.source = source
        self.shapes: list[tuple[int, ...]] | None = None
        self.starts: dict[int, list[float]] = {}
        self.candidates: Mapping[str, Candidate] = {one.name: one for one in [*candidates, NOTHING]}

    def warm_up(self, candidate: Candidate, seed: int) -> Mapping[str, int]:
        """Take two steps, so that no run's time has compiling in it; the bytes of state and of parameters."""
        from steepest.workbench.training.contract import sound
        from steepest.workbench.training.run import Run

        with Explaining(self.source.name, f"in its first two steps with {candidate.name}"):
            run = Run(self.task, candidate, candidate.centre, seed, steps=2)
            trace = run.train().trace
            sound(run.task, trace)
        return {
            "state": _bytes(run.optimizer.state_dict()["state"]),
            "parameters": _bytes(list(run.model.parameters())),
        }

    def task(self, seed: int) -> Task:
        """The task for a seed: a model of the same shapes for every seed, of the same values for the same one.

        Raises:
            TaskError: It is not.
        """
        from steepest.workbench.training.contract import checked

        made = checked(self.source.make(seed))
        shapes = [tuple(p.shape) for p in made.model.parameters()]
        if self.shapes is None:
            self.shapes = shapes
        elif shapes != self.shapes:
            raise TaskError(
                f"The model has parameters of shapes {_listed(shapes)} for seed {seed} and had {_listed(self.shapes)} "
                "before, so the runs would be of different models; let the seed decide values and orders alone."
            )
        start = [float(p.detach().double().abs().sum()) for p in made.model.parameters()]
        if self.starts.setdefault(seed, start) != start:
            raise TaskError(
                f"The model begins with other values for seed {seed} than the time before, so a run would go on from "
                "where another ended, or from a draw of its own; make the model inside the task function, after "
                "torch.manual_seed(seed)."
            )
        return made

    def make(self, job: Job, stop: Stop, tick: Tick) -> Outcome:
        """The run's outcome; interrupted where `stop()` was true before its end.

        Raises:
            TaskError: The task raised, or broke its contract.
        """
        with Explaining(self.source.name, f"with {job.key}"):
            return self._rising(job, stop) if job.key.phase == RANGE else self._run(job).train(stop, tick)

    def _run(self, job: Job):
        from steepest.workbench.training.diagnostics import Gauge
        from steepest.workbench.training.run import Run

        key = job.key
        return Run(
            self.task,
            NOTHING if key.phase == CONTROL else self.candidates[key.optimizer],
            key.rate,
            key.seed,
            steps=job.steps,
            saved=job.saved,
            settings=key.values,
            gauge=Gauge() if key.phase == DIAGNOSIS else None,
        )

    def _rising(self, job: Job, stop: Stop) -> Outcome:
        import time

        from steepest.workbench.model.outcome import INTERRUPTED, TRAINED, Outcome, Trace
        from steepest.workbench.training.rising_run import curve

        started = time.perf_counter()
        found = curve(self.task, self.candidates[job.key.optimizer], job.key.seed, job.steps, stop)
        seconds = time.perf_counter() - started
        steps = len(found.losses)
        points = [(step, seconds * step / steps, loss) for step, loss in enumerate(found.losses, 1)]
        return Outcome(INTERRUPTED if stop() else TRAINED, "", Trace(steps, seconds, points))


def _listed(shapes: Sequence[tuple[int, ...]], most: int = 4) -> str:
    shown = ", ".join("x".join(map(str, shape)) or "()" for shape in shapes[:most])
    return shown + (f" and {len(shapes) - most} more" if len(shapes) > most else "")


def _bytes(of: object) -> int:
    """The bytes of all tensors in a nest of containers, shared memory counted once."""
    import torch

    storages: dict[int, int] = {}

    def visit(one: object) -> None:
        if isinstance(one, torch.Tensor):
            storages[one.untyped_storage().data_ptr()] = one.untyped_storage().nbytes()
        elif isinstance(one, Mapping):
            for part in one.values():
                visit(part)
        elif isinstance(one, list | tuple):
            for part in one:
                visit(part)

    visit(of)
    return sum(storages.values())
