"""The manifest of a study: what a reader needs to know to repeat it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from steepest.workbench.model.candidate import DECADES, Candidate
from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.plan import Plan
from steepest.workbench.store.schema import SCHEMA_VERSION

PACKAGES = (
    "steepest",
    "torch",
    "numpy",
    "numba",
    "scikit-learn",
    "scipy",
    "polars",
    "altair",
    "vl-convert-python",
    "opda",
)


def manifest(plan: Plan, candidates: Sequence[Candidate], command: Sequence[str]) -> dict[str, Any]:
    """What a reader needs to know to repeat the study."""
    space = {
        candidate.name: {
            "class": candidate.described()["cls"],
            "options": dict(candidate.options),
            "usual_rate": candidate.centre,
            "source": candidate.source,
            "decades": 0 if plan.rates else DECADES,
            "also_searched": [one.described() | {"default": _default(candidate, one)} for one in candidate.space],
        }
        for candidate in candidates
    }
    return {
        "schema": SCHEMA_VERSION,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(command),
        "task": plan.task,
        "budget": plan.budget,
        "rates": list(plan.rates),
        "controls": plan.controls,
        "seed": plan.seed,
        "seeds": plan.seeds,
        "steps": plan.steps,
        "search_space": space,
        **({"script": candidates[0].described()["script"]} if plan.is_script else {}),
        "versions": _versions(),
        "machine": _machine(),
        "git": _git(),
    }


def _default(candidate: Candidate, dimension: Dimension) -> Any:
    """What a trial has that does not set the dimension; None where that is not known, or not a number or a word."""
    value = candidate.default_of(dimension)
    return value if isinstance(value, int | float | str) else None


def _versions() -> dict[str, str]:
    """Python's version and those of the packages that were used."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    """The processor and the accelerator, without the machine's name."""
    import torch

    found: dict[str, Any] = {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        found["accelerator"] = torch.cuda.get_device_name()
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _git() -> str | None:
    """The commit of the working directory, marked if files are changed; None outside a repository."""
    try:
        described = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        answer = subprocess.run(described, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def command_line() -> list[str]:
    """What was typed, with the name of the program and without its path, which is private."""
    return ["steepest", *sys.argv[1:]]
