"""What a run of a script left on the machine that made it, and how it comes back to the folder of the study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

MOST = 5_000_000
"""Bytes of a file that come back: its end.  A script that prints more says little with it."""


def left_in(folder: Path) -> dict[str, bytes]:
    """The files of a run, by name."""
    return {file.name: _end_of(file) for file in sorted(folder.iterdir())} if folder.is_dir() else {}


def keep(folder: Path, left: Mapping[str, bytes]) -> None:
    """Write the files of a run into its folder here."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in left.items():
        (folder / name).write_bytes(content)


def _end_of(file: Path) -> bytes:
    """A file, or as many whole lines of its end as come back."""
    with file.open("rb") as opened:
        if (skipped := file.stat().st_size - MOST) <= 0:
            return opened.read()
        opened.seek(skipped)
        before, _, end = opened.read().partition(b"\n")
        if file.suffix != ".txt":
            return end
        return f"[{skipped + len(before) + 1} bytes before this stayed on the other machine]\n".encode() + end
