"""The folder of a study: whether it may be used, and the exports."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from steepest.workbench.errors import WorkbenchError
from steepest.workbench.store.curves import curves_of
from steepest.workbench.store.record import Record
from steepest.workbench.store.schema import is_study


def prepare(folder: Path) -> None:
    """Make the folder if there is none.  Files in it stay.

    Raises:
        WorkbenchError: It cannot hold a study.
    """
    if folder.exists() and not folder.is_dir():
        raise WorkbenchError(f"{folder} is a file, so it cannot hold a study; name a folder with --out.")
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
    """The folder itself.

    Raises:
        WorkbenchError: It holds no study.
    """
    if not folder.is_dir():
        raise WorkbenchError(
            f"There is no folder {folder}; name a folder that `steepest compare` has made, such as runs/digits-mlp."
        )
    if not is_study(folder):
        raise WorkbenchError(
            f"{folder} holds no study; name a folder that `steepest compare` has made, such as runs/digits-mlp."
        )
    return folder


def export(record: Record) -> None:
    """Write `runs.parquet`, `curves.parquet` and `manifest.json` beside the record."""
    runs = record.runs()
    runs.write_parquet(record.folder / "runs.parquet")
    curves_of(record, runs).write_parquet(record.folder / "curves.parquet")
    described = json.dumps(record.get("manifest"), indent=2, ensure_ascii=False)
    (record.folder / "manifest.json").write_text(described + "\n", encoding="utf-8")
