"""A page on this machine that shows the report of a study as it grows: `--live`, `live=True`.

Starlette and uvicorn serve it in a thread.  A study never waits for it, and goes on where it fails.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from steepest.workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from steepest.workbench.live.server import LivePage

PACKAGES = ("starlette", "uvicorn")


def check_packages() -> None:
    """Find out before a study that a package is missing (WorkbenchError)."""
    for package in PACKAGES:
        if find_spec(package) is None:
            raise WorkbenchError(
                f"The live page needs {package}, which is not installed; type: pip install 'steepest[live]'"
            )


def live_page(folder: Path, task: str) -> LivePage:
    """A watcher that serves the page of the study in this folder, once it is started."""
    from steepest.workbench.live.server import LivePage

    return LivePage(folder, task)
