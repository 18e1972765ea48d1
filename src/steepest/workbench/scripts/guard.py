"""Ends the scripts of a process that was killed: a program of its own, started once, which nobody signals.

It reads `+GROUP PLACE` and `-GROUP PLACE`, runs that began and that ended; when there is no more to read, the process
that wrote is gone, and what it left is ended.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL."""

Run = tuple[int, str]
"""The process group of a run, and where its reports go."""


def signal_all(runs: set[Run], which: int) -> set[Run]:
    """Signal all processes of these runs; the runs that still have one."""
    return {run for run in runs if _signal(*run, which)}


def _signal(group: int, place: str, which: int) -> bool:
    found = False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, which)
        found = True
    for process in _elsewhere(group, place):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, which)
            found = True
    return found


def _elsewhere(group: int, place: str) -> list[int]:
    """What a run has started in another group, as torchrun does: all have its environment.  Linux tells it."""
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if int(folder.name) != os.getpid() and _is_of(folder, group, f"STEEPEST_REPORT={place}".encode())
    ]


def _is_of(folder: Path, group: int, mark: bytes) -> bool:
    try:
        return mark in (folder / "environ").read_bytes().split(b"\0") and os.getpgid(int(folder.name)) != group
    except (OSError, ValueError):
        return False


def main() -> None:
    """Wait for the other end to be closed, and end what is left."""
    if os.fork():  # Ray kills the children of a worker that it ends, and this is to outlive it
        os._exit(0)
    runs: set[Run] = set()
    for line in sys.stdin:
        group, _, place = line[1:].rstrip("\n").partition(" ")
        (runs.add if line[0] == "+" else runs.discard)((int(group), place))
    runs, limit = signal_all(runs, signal.SIGTERM), time.monotonic() + GRACE
    while runs and time.monotonic() < limit:
        time.sleep(0.1)
        runs = signal_all(runs, 0)
    signal_all(runs, signal.SIGKILL)


if __name__ == "__main__":
    main()
