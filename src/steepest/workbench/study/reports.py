"""Writes the report of a study, or of several together, from what the record holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from steepest.workbench.errors import WorkbenchError
from steepest.workbench.store import folder as folders
from steepest.workbench.store.record import Record

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Results


def write_report(record: Record) -> Results:
    """Write everything that is made from the record: exports, figures, the page."""
    from steepest.workbench.analysis.study_data import data_of
    from steepest.workbench.analysis.summarize import summarize

    results = summarize(data_of(record))
    _write(results, record.folder, record)
    return results


def report_together(places: Sequence[Path], out: Path) -> Results:
    """One report of several studies of the same problem, in a folder of its own.

    Raises:
        WorkbenchError: A folder holds no study, or they are not of one problem.
    """
    from steepest.workbench.analysis.study_data import data_of, joined
    from steepest.workbench.analysis.summarize import summarize

    studies = []
    for place in places:
        with Record(folders.existing(place)) as record:
            studies.append(data_of(record))
    results = summarize(joined(studies))
    if out.exists() and not out.is_dir():
        raise WorkbenchError(f"{out} is a file, so no report can be put into it; name a folder with --out.")
    out.mkdir(parents=True, exist_ok=True)
    _write(results, out)
    return results


def _write(results: Results, folder: Path, record: Record | None = None) -> None:
    import polars

    from steepest.workbench.report import write

    try:
        if record is not None:
            folders.export(record)
        write(results, folder)
    except (OSError, polars.exceptions.ComputeError) as error:  # polars says so where the disk is full
        raise WorkbenchError(
            f"All runs are kept, but the report in {folder} could not be written ({error}).  Make room or give "
            "permission, and repeat the same command."
        ) from error
