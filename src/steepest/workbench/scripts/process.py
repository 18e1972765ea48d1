"""One run of a script, in a process group of its own: what it prints and reports, until it ends or is ended."""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steepest.reporting import PLACE
from steepest.workbench.errors import UsageError
from steepest.workbench.scripts import guard
from steepest.workbench.scripts.heard import FromOutside, Heard, Report
from steepest.workbench.scripts.pattern import Pattern

ENDED, FAILED, TIMED_OUT, STOPPED = "ended", "failed", "timed out", "stopped"
GRACE = 10.0
"""Seconds that a script has to end after SIGTERM, before its whole group is killed."""
_LOOKS = 0.05
"""Seconds between two looks at what it has reported: nobody can tell, and a look costs 5 us."""

Reported = Callable[[Report], bool]


@dataclass
class Ending:
    """How a run of a script ended.

    Args:
        status: ENDED, FAILED, TIMED_OUT or STOPPED.
        code: Its exit code; negative for a signal.
        reports: In their order.
        outside: What it made of what was to be set in its optimizers from outside.
        last_lines: The end of what it printed.
        matches: The lines in which the pattern found something.
        seconds: How long it ran.
    """

    status: str
    code: int
    reports: list[Report] = field(default_factory=list)
    outside: FromOutside = field(default_factory=FromOutside)
    last_lines: tuple[str, ...] = ()
    matches: int = 0
    seconds: float = 0.0


class Script:
    """A command to run.

    Args:
        command: The program and its arguments.
        folder: Where what it prints and reports is kept, as `output.txt` and `reports.jsonl`.
        environment: Variables beside those of this process.
        pattern: Finds metrics in a line that is printed.
        timeout: Seconds after which it is ended.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        pattern: Pattern | None = None,
        timeout: float = math.inf,
    ) -> None:
        self._command, self._timeout, self._heard = [*command], timeout, Heard(folder, pattern)
        self._environment = {**os.environ, **(environment or {}), PLACE: str(self._heard.place)}
        self._environment.setdefault("PYTHONUNBUFFERED", "1")  # a line that is printed is read now

    @property
    def outside(self) -> FromOutside:
        """What it has made so far of what was to be set from outside."""
        return self._heard.outside

    def run(self, stop: Callable[[], bool] = lambda: False, reported: Reported = lambda report: False) -> Ending:
        """Run it to its end, unless something ends it before; all that it has started is gone afterwards.

        Args:
            stop: Whether to end it; asked all the time.
            reported: Is told each report; whether to end the run there.

        Raises:
            UsageError: The program cannot be started.
        """
        heard = self._heard
        heard.begin()
        with _started(self._command, self._environment) as process:
            reader = threading.Thread(target=heard.listen, args=(process.stdout,), daemon=True)
            reader.start()
            status = self._watched(process, stop, reported)
            seconds = heard.seconds
            _end(process, self._environment[PLACE])
            reader.join(GRACE)
        self._hear(reported)
        code = process.returncode
        status = status or (ENDED if code == 0 else FAILED)
        return Ending(status, code, heard.reports, heard.outside, tuple(heard.last_lines), heard.matches, seconds)

    def _watched(self, process: Any, stop: Callable[[], bool], reported: Reported) -> str:
        """Why it was ended; empty where it ended by itself."""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOKS)
                return ""
            if self._hear(reported) or stop():
                return STOPPED
            if self._heard.seconds > self._timeout:
                return TIMED_OUT

    def _hear(self, reported: Reported) -> bool:
        """Tell what is new.  Whether the run is to end."""
        wants_an_end = [reported(one) for one in self._heard.new()]  # all of them are told
        return any(wants_an_end)


@contextlib.contextmanager
def _started(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Any]:
    """The process, which leads a group of its own; the group is ended whatever happens here."""
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be started: {error.strerror or error}.") from error
    try:
        _GUARD.watch(process.pid, environment[PLACE])
        yield process
    finally:
        _end(process, environment[PLACE])
        _GUARD.forget(process.pid, environment[PLACE])
        if process.stdout is not None:
            process.stdout.close()


def _end(process: Any, place: str) -> None:
    """End a process and all that it has started: asked first, killed if that does not help."""
    if process.poll() is None:
        guard.signal_all({(process.pid, place)}, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    guard.signal_all({(process.pid, place)}, signal.SIGKILL)  # those that outlive their leader too
    process.wait()


class _Guard:
    """A process beside this one that ends the scripts of this one, if this one is killed; started when needed."""

    def __init__(self) -> None:
        self._lock, self._of = threading.Lock(), 0
        self._process: subprocess.Popen[str] | None = None

    def watch(self, group: int, place: str) -> None:
        """A run began."""
        self._write(f"+{group} {place}\n")

    def forget(self, group: int, place: str) -> None:
        """It ended."""
        self._write(f"-{group} {place}\n")

    def _write(self, line: str) -> None:
        with self._lock, contextlib.suppress(OSError):  # without it, runs are made all the same
            stdin: Any = self._running().stdin
            stdin.write(line)
            stdin.flush()

    def _running(self) -> Any:
        if self._process is None or self._of != os.getpid():
            self._process, self._of = _started_guard(), os.getpid()
            atexit.register(self._close)
        return self._process

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None and self._of == os.getpid():
            self._process.stdin.close()


def _started_guard() -> subprocess.Popen[str]:
    """The process that was started, which has ended, and left one that reads what is written to it."""
    null: Any = subprocess.DEVNULL
    made = subprocess.Popen(
        [sys.executable, "-S", "-E", guard.__file__],
        stdin=subprocess.PIPE,
        stdout=null,
        stderr=null,
        text=True,
        start_new_session=True,
    )
    made.wait()
    return made


_GUARD = _Guard()
