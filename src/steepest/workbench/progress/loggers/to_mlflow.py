"""MLflow: a parent run for the study, and below it a run for each training run."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlflow.entities import Metric, Param, Run, RunTag  # pyright: ignore[reportMissingImports]  an extra
from mlflow.tracking import MlflowClient  # pyright: ignore[reportMissingImports]  an extra

from steepest.workbench.model.outcome import PRUNED, TRAINED
from steepest.workbench.progress.loggers.logger import LoggedResult, LoggedRun, LoggedStudy

STUDY, RUN = "steepest.study", "steepest.run"
"""Tags: the identity of the study, and the name of the training run."""
STATUS = {TRAINED: "FINISHED", PRUNED: "KILLED"}
"""How a training run ended; FAILED for all others."""
logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # it tells in the terminal that it makes tables
BATCH = 1000
"""Metrics in one call; servers refuse more."""


class ToMLflow:
    """Writes to MLflow's store by its client, which has no global state: parents are named explicitly.

    Args:
        where: The address of the tracking server or store; if empty, MLflow's own choice: MLFLOW_TRACKING_URI, or the
            SQLite file `mlflow.db` in the working directory.
    """

    def __init__(self, where: str) -> None:
        self.client = MlflowClient(tracking_uri=where or None)

    def open(self, study: LoggedStudy) -> None:
        """Find the study where it was logged before, or make it."""
        self.study = study
        self.experiment = self._experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME") or study.plan.task)
        parents = self._runs(f"tags.`{STUDY}` = '{study.identity}' and tags.`{RUN}` = 'study'")
        self.parent = next((one.info.run_id for one in parents), "") or self._new_parent()
        self.client.update_run(self.parent, status="RUNNING")
        self.there = set[str]()
        for one in list(self._runs(f"tags.`mlflow.parentRunId` = '{self.parent}'")):
            if one.info.status == "RUNNING":  # a killed process left it
                self.client.delete_run(one.info.run_id)
            else:
                self.there.add(one.data.tags[RUN])

    def run(self, run: LoggedRun) -> None:
        """A run with its hyperparameters, curves, and how it ended."""
        if run.name in self.there:
            return
        tags = {"mlflow.parentRunId": self.parent, STUDY: self.study.identity, RUN: run.name}
        tags |= {"outcome": run.outcome.status} | ({"reason": run.outcome.reason} if run.outcome.reason else {})
        made = self._create(run.name, tags, int(1000 * run.began))
        self._log_parameters(made, run.parameters)
        points = [Metric(allowed(name), value, int(1000 * time), step) for name, step, value, time in run.points]
        if run.final is not None:
            points.append(Metric("final", run.final, int(1000 * run.ended), run.outcome.trace.step))
        for first in range(0, len(points), BATCH):
            self.client.log_batch(made, metrics=points[first : first + BATCH])
        self.client.set_terminated(made, STATUS.get(run.outcome.status, "FAILED"), int(1000 * run.ended))
        self.there.add(run.name)

    def result(self, result: LoggedResult) -> None:
        """The verdict as the note of the parent, which the page of MLflow shows first; the report and its figures."""
        self.client.set_tag(self.parent, "mlflow.note.content", result.text)
        self.client.log_text(self.parent, result.text, "verdict.md")
        self.client.log_artifact(self.parent, str(result.report))
        for file in result.files:
            self.client.log_artifact(self.parent, str(file), "figures" if file.suffix == ".png" else None)
        for name, median, _ in result.rows:
            self.client.log_metric(self.parent, allowed(f"{name} median"), median)
        self.client.set_terminated(self.parent)
        self.parent = ""

    def close(self) -> None:
        """A study that was interrupted is killed, until it goes on."""
        if self.parent:
            self.client.set_terminated(self.parent, "KILLED")

    def _experiment(self, name: str) -> str:
        found = self.client.get_experiment_by_name(name)
        return self.client.create_experiment(name) if found is None else found.experiment_id

    def _new_parent(self) -> str:
        made = self._create(self.study.name, {STUDY: self.study.identity, RUN: "study"})
        self._log_parameters(made, self.study.parameters)
        return made

    def _create(self, name: str, tags: Mapping[str, Any], began: int | None = None) -> str:
        return self.client.create_run(self.experiment, began, dict(tags), name).info.run_id

    def _log_parameters(self, run: str, values: Mapping[str, Any]) -> None:
        params = [Param(allowed(name), str(value)[:6000]) for name, value in values.items()]
        self.client.log_batch(run, params=params, tags=[RunTag("mlflow.source.name", "steepest")])

    def _runs(self, wanted: str) -> Iterator[Run]:
        token: str | None = None
        while token != "":
            page = self.client.search_runs([self.experiment], wanted, page_token=token)
            yield from page
            token = page.token or ""


def allowed(name: str) -> str:
    """The name of a metric or a parameter, with the characters that MLflow takes."""
    return re.sub(r"[^\w\-. /]", "_", name)[:250].strip("./ ") or "_"
