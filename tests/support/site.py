"""The documentation as a site: the one that `make check` has just built, or one that is built for the tests."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "docs", ROOT / "src", ROOT / "mkdocs.yml")


def changed_last(places: Iterable[Path]) -> float:
    """When any file or folder there was changed last; a folder is where a file of it is made or removed."""
    return max(
        path.stat().st_mtime
        for place in places
        for path in (place, *place.rglob("*"))
        if path.name != "__pycache__" and path.suffix != ".pyc"
    )


def is_current(site: Path) -> bool:
    """Whether a site was built after the last change of what it is made from; its home is among the first pages."""
    home = site / "index.html"
    return (site / "api" / "steepest" / "index.html").exists() and home.stat().st_mtime > changed_last(SOURCES)


def built(folder: Path) -> Path:
    """A site with warnings as errors, in this folder unless that of `make check` is current."""
    if is_current(ROOT / "site"):
        return ROOT / "site"
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(unfinished)]
        made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # --quiet: no warnings
        assert made.returncode == 0, made.stderr
        unfinished.rename(folder)
    return folder
