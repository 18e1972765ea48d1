"""Weights & Biases: a run for each training run, in a group for the study, and one with the verdict.

Nothing leaves the machine, unless WANDB_MODE says otherwise: `wandb sync` uploads what was written offline.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import wandb  # pyright: ignore[reportMissingImports]  an extra

from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.progress.loggers.logger import LoggedResult, LoggedRun, LoggedStudy, digest, plain

WRITTEN = "written"
"""A file in the folder of a run that was written to its end; what a killed process left is written again."""
SETTINGS = wandb.Settings(silent=True, console="off", x_disable_stats=True, disable_git=True, disable_code=True)
"""A run is written when it has ended: what the machine does meanwhile is not what it did."""


class ToWandb:
    """Writes runs into the folder `wandb` of the study, or of WANDB_DIR.

    Args:
        where: The project; named after the task if empty.
    """

    def __init__(self, where: str) -> None:
        self.project = where

    def open(self, study: LoggedStudy) -> None:
        """The project and the group."""
        self.study = study
        self.project = self.project or plain(study.plan.task)
        self.folder = Path(os.environ.get("WANDB_DIR") or study.folder).resolve()
        self.mode: Any = os.environ.get("WANDB_MODE") or "offline"

    def run(self, run: LoggedRun) -> None:
        """A run with its hyperparameters and curves."""
        made = self._begin(run.name, run.key.phase, run.parameters)
        if made is None:
            return
        made.define_metric("*", step_metric="step")  # wandb's own count refuses a step that lies behind
        for name, step, value, _ in run.points:
            made.log({"step": step, name: value})
        made.summary.update({"outcome": run.outcome.status, "reason": run.outcome.reason, "final": run.final})
        self._end(made, 0 if run.outcome.status == TRAINED else 1)

    def result(self, result: LoggedResult) -> None:
        """The plan as the configuration, the verdict in the summary, the report and its figures as an artifact."""
        made = self._begin("study", "study", self.study.parameters)
        if made is None:
            return
        made.summary.update({"verdict": " ".join(result.verdict), "warnings": " ".join(result.warnings)})
        made.summary.update({f"{name} median": median for name, median, _ in result.rows})
        made.log({"report": wandb.Html(str(result.report), inject=False)})
        artifact = wandb.Artifact(f"{plain(self.study.plan.task)}-report", "report", description=result.text[:1000])
        for file in (result.report, *result.files):
            artifact.add_file(str(file))
        made.log_artifact(artifact)
        self._end(made, 0)

    def close(self) -> None:
        """Every run is finished already."""

    def _begin(self, name: str, phase: str, config: dict[str, Any]) -> Any:
        """A new run; None where it was written before."""
        identity = digest(f"{self.study.identity} {name}")
        for before in (self.folder / "wandb").glob(f"*run-*-{identity}"):
            if (before / WRITTEN).exists():
                return None
            shutil.rmtree(before)
        return wandb.init(
            project=self.project,
            group=self.study.name,
            name=name,
            id=identity,
            job_type=phase,
            config=config,
            dir=str(self.folder),
            mode=self.mode,
            reinit="create_new",
            settings=SETTINGS,
        )

    def _end(self, run: Any, code: int) -> None:
        folder = Path(run.dir).parent
        run.finish(exit_code=code)
        (folder / WRITTEN).touch()
