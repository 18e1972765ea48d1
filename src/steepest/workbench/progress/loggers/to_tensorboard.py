"""TensorBoard: a folder for each run, with its curves and hyperparameters, and one for the verdict.

Written with tensorboardX, which takes 1.3 s of CPU to import, against 5.2 of torch.utils.tensorboard.
"""

from __future__ import annotations

import math
import re
import shutil
import time
from pathlib import Path
from typing import Any

from tensorboardX import summary  # pyright: ignore[reportMissingImports]  an extra
from tensorboardX.event_file_writer import EventsWriter  # pyright: ignore[reportMissingImports]  an extra
from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportMissingImports]  an extra

from steepest.workbench.progress.loggers.logger import LoggedResult, LoggedRun, LoggedStudy

WRITTEN = "written"
"""A file in the folder of a run that was written to its end; what a killed process left is written again."""


class ToTensorBoard:
    """Writes event files.

    Args:
        where: The folder that `tensorboard --logdir` is given; `tensorboard` in the study's folder if empty.
    """

    def __init__(self, where: str) -> None:
        self.where = where

    def open(self, study: LoggedStudy) -> None:
        """The folder of the study."""
        self.study = study
        self.folder = Path(self.where or study.folder / "tensorboard") / study.name

    def run(self, run: LoggedRun) -> None:
        """The curves, then the hyperparameters with the final metric."""
        place = self.folder / run.key.phase / run.name
        if (place / WRITTEN).exists():
            return
        with EventFile(place) as file:
            for name, step, value, at in run.points:
                if math.isfinite(value):
                    file.add(summary.scalar(tag(name), value), step, at)
            said, last = run.outcome.reason or run.outcome.status, run.outcome.trace.step
            file.add(summary.text("outcome", said), last, run.ended)
            final = {} if run.final is None else {tag(f"final/{run.metric}"): run.final}
            for each in summary.hparams(run.parameters, final):
                file.add(each, last, run.ended)
            for name, value in final.items():
                file.add(summary.scalar(name, value), last, run.ended)
        (place / WRITTEN).touch()

    def result(self, result: LoggedResult) -> None:
        """The verdict as text, and the report beside it."""
        place = self.folder / "study"
        with EventFile(place) as file:
            file.add(summary.text("verdict", result.text))
            plan = "\n".join(f"| {name} | {value} |" for name, value in self.study.parameters.items())
            file.add(summary.text("plan", f"| | |\n|---|---|\n{plan}"))
            file.add(summary.text("report", f"The report is `{(place / result.report.name).resolve()}`."))
        shutil.copy(result.report, place)

    def close(self) -> None:
        """Everything is written already."""


def tag(name: str) -> str:
    """The name as tensorboardX would change it, with a warning, in a curve but not in the table of hyperparameters."""
    return re.sub(r"[^-/\w.]", "_", name)


class EventFile:
    """A new event file, alone in its folder.

    A `SummaryWriter` writes from a thread of its own: on a full disk that thread ends, and what waits for it hangs.

    Args:
        folder: Is made; what a process that was killed has left in it is deleted.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        self._writer = EventsWriter(str(folder / "events"))

    def add(self, content: Any, step: int = 0, at: float | None = None) -> None:
        """Write a summary; `at` is in seconds since 1970."""
        self._writer.write_event(Event(wall_time=time.time() if at is None else at, step=step, summary=content))

    def __enter__(self) -> EventFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()
