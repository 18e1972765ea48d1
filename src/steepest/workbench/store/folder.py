"""The folder of a study: whether it may be used, what describes it, and the exports."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.workbench.errors import WorkbenchError
from steepest.workbench.model.candidate import DECADES, Candidate
from steepest.workbench.store.record import SCHEMA_VERSION, Record, is_study

if TYPE_CHECKING:
    from steepest.workbench.model.plan import Plan

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


def prepare(folder: Path) -> None:
    """Make the folder, or say why it cannot hold a study.  What is in it stays."""
    if folder.exists() and not folder.is_dir():
        raise WorkbenchError(f"{folder} is a file, so no study can be kept in it; name a folder with --out.")
    if folder.is_dir() and not is_study(folder) and any(folder.iterdir()):
        raise WorkbenchError(
            f"{folder} holds files that are not a study, and they might be overwritten; name a new or empty "
            "folder with --out."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise WorkbenchError(
            f"{folder} cannot be written ({error.strerror}); give it permission, or name another folder with --out."
        ) from None


def existing(folder: Path) -> Path:
    """The folder itself, if it holds a study."""
    if not folder.is_dir():
        raise WorkbenchError(
            f"There is no folder {folder}; name one that `steepest compare` has made, such as runs/digits-mlp."
        )
    if not is_study(folder):
        raise WorkbenchError(
            f"{folder} holds no study; name a folder that `steepest compare` has made, such as runs/digits-mlp."
        )
    return folder


def manifest(plan: Plan, candidates: Sequence[Candidate], command: Sequence[str]) -> dict[str, Any]:
    """What a reader needs to know to repeat the study."""
    space = {
        candidate.name: {
            "class": candidate.described()["cls"],
            "options": dict(candidate.options),
            "usual_rate": candidate.centre,
            "source": candidate.source,
            "decades": 0 if plan.rates else DECADES,
            "also_searched": [
                {
                    "name": one.name,
                    "low": one.low,
                    "high": one.high,
                    "of": "1 - value" if one.from_one else "value",
                    "from_trials": one.trials,
                }
                for one in candidate.space
            ],
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
        "versions": versions(),
        "machine": machine(),
        "git": git(),
    }


def versions() -> dict[str, str]:
    """Python's version and those of the packages that were used."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
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


def git() -> str | None:
    """The commit of the working directory, marked where files are changed; None outside a repository."""
    try:
        described = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        answer = subprocess.run(described, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def export(record: Record) -> None:
    """Write `runs.parquet`, `curves.parquet` and `manifest.json` beside the record."""
    record.runs().write_parquet(record.folder / "runs.parquet")
    record.curves().write_parquet(record.folder / "curves.parquet")
    described = json.dumps(record.get("manifest"), indent=2, ensure_ascii=False)
    (record.folder / "manifest.json").write_text(described + "\n", encoding="utf-8")


def command_line() -> list[str]:
    """What was typed, with the program's bare name: its path is nobody's affair."""
    return ["steepest", *sys.argv[1:]]
