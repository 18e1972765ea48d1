"""Loggers: a study written down where a team keeps its experiments: TensorBoard, MLflow, Weights & Biases.

A new one is a file in this folder with a class that follows `logger.Logger`, a line in `LOGGERS`, and an extra in
`pyproject.toml`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

from steepest.workbench.errors import UsageError, WorkbenchError, nearest
from steepest.workbench.progress.loggers.background import InBackground
from steepest.workbench.progress.loggers.logger import Logger
from steepest.workbench.progress.watcher import Watcher


class Kind(NamedTuple):
    """A kind of logger: the package that it needs, and the class in a file of this folder."""

    package: str
    file: str
    name: str


LOGGERS = {
    "tensorboard": Kind("tensorboardX", "to_tensorboard", "ToTensorBoard"),
    "mlflow": Kind("mlflow", "to_mlflow", "ToMLflow"),
    "wandb": Kind("wandb", "to_wandb", "ToWandb"),
}
"""By the name that is also that of the extra."""


def loggers(log_to: str | Sequence[str]) -> list[Watcher]:
    """A watcher for each `NAME` or `NAME:WHERE`, such as `mlflow:http://127.0.0.1:5000`.

    Raises:
        UsageError: There is no such logger.
        WorkbenchError: Its package is not installed.
    """
    wanted = [log_to] if isinstance(log_to, str) else list(log_to)
    return [_logger(each) for each in dict.fromkeys(wanted)]


def _logger(wanted: str) -> Watcher:
    name, _, where = wanted.partition(":")
    if name not in LOGGERS:
        known = ", ".join(LOGGERS)
        raise UsageError(f"There is no logger {name!r}{nearest(name, LOGGERS)}; log to {known}, or to NAME:WHERE.")
    package = LOGGERS[name].package
    if find_spec(package) is None:
        raise WorkbenchError(
            f"Logging to {name} needs {package}, which is not installed; type: pip install 'steepest[{name}]'"
        )
    return InBackground(wanted, partial(_made, name, where))


def _made(name: str, where: str) -> Logger:
    """The logger itself.  Its package may take seconds to import, so this runs beside the study."""
    kind = LOGGERS[name]
    return getattr(importlib.import_module(f"{__name__}.{kind.file}"), kind.name)(where)
