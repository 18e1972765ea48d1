"""TensorBoard: a folder for each run, with its curves and hyperparameters, and one for the verdict.

Written with tensorboardX, which takes 1.3 s of CPU to import, against 5.2 of torch.utils.tensorboard.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter  # pyright: ignore[reportMissingImports]  an extra
from tensorboardX.summary import hparams  # pyright: ignore[reportMissingImports]  an extra

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
        with _fresh(place) as writer:
            for name, step, value, time in run.points:
                if math.isfinite(value):
                    writer.add_scalar(name, value, step, time)
            said = run.outcome.reason or run.outcome.status
            writer.add_text("outcome", said, run.outcome.trace.step, run.ended)
            final = {} if run.final is None else {f"final {run.metric}": run.final}
            _add_hyperparameters(writer, run.parameters, final, run.outcome.trace.step)
        (place / WRITTEN).touch()

    def result(self, result: LoggedResult) -> None:
        """The verdict as text, and the report beside it."""
        place = self.folder / "study"
        with _fresh(place) as writer:
            writer.add_text("verdict", result.text)
            plan = "\n".join(f"| {name} | {value} |" for name, value in self.study.parameters.items())
            writer.add_text("plan", f"| | |\n|---|---|\n{plan}")
            writer.add_text("report", f"The report is `{(place / result.report.name).resolve()}`.")
        shutil.copy(result.report, place)

    def close(self) -> None:
        """Everything is written already."""


def _fresh(place: Path) -> SummaryWriter:
    if place.exists():
        shutil.rmtree(place)
    return SummaryWriter(str(place))


def _add_hyperparameters(
    writer: SummaryWriter, values: Mapping[str, Any], metrics: Mapping[str, float], step: int
) -> None:
    """As `SummaryWriter.add_hparams`, which writes a second file, of the same name if the second is the same."""
    for summary in hparams(dict(values), dict(metrics)):
        writer.file_writer.add_summary(summary)
    for name, value in metrics.items():
        writer.add_scalar(name, value, step)
