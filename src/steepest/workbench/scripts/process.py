"""One run of a script, in a process group of its own: what it prints and reports, until it ends or is ended."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steepest.reporting import PLACE
from steepest.workbench.errors import UsageError

ENDED, FAILED, TIMED_OUT, STOPPED = "ended", "failed", "timed out", "stopped"
LAST_LINES = 20
GRACE = 10.0
"""Seconds that a script has to end after SIGTERM, before its whole group is killed."""
_LOOKS = 0.05
"""Seconds between two looks at what it has reported: nobody can tell, and a look costs 5 us."""

Reports = list[tuple[int, dict[str, float]]]


@dataclass
class Ending:
    """How a run of a script ended.

    Args:
        status: ENDED, FAILED, TIMED_OUT or STOPPED.
        code: Its exit code; negative for a signal.
        reports: (step, metrics) in order.
        set_from_outside: The arguments of optimizers that were set in it: "AdamW.lr".
        last_lines: The end of what it printed.
        seconds: How long it ran.
    """

    status: str
    code: int
    reports: Reports = field(default_factory=list)
    set_from_outside: frozenset[str] = frozenset()
    last_lines: tuple[str, ...] = ()
    seconds: float = 0.0


class Script:
    """A command to run.

    Args:
        command: The program and its arguments.
        folder: Where what it prints and reports is kept, as `output.txt` and `reports.jsonl`.
        environment: Variables beside those of this process.
        pattern: A regular expression whose named groups are metrics in a line that is printed, as in
            `loss (?P<val_loss>\\S+)`; a group `step` is the step, else lines are counted.
        timeout: Seconds after which it is ended.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
        pattern: str = "",
        timeout: float = math.inf,
    ) -> None:
        self._command, self._folder, self._timeout = [*command], folder, timeout
        self._pattern = compiled(pattern) if pattern else None
        self._reports_file = folder / "reports.jsonl"
        self._environment = {**os.environ, **(environment or {}), PLACE: str(self._reports_file.resolve())}
        self._environment.setdefault("PYTHONUNBUFFERED", "1")  # a line that is printed is read now
        self._reports: Reports = []
        self._set: set[str] = set()
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._lock = threading.Lock()
        self._read_to = self._told = 0

    def run(
        self,
        stop: Callable[[], bool] = lambda: False,
        reported: Callable[[int, dict[str, float]], bool] = lambda step, metrics: False,
    ) -> Ending:
        """Run it to its end, unless something ends it before; its whole process group is gone afterwards.

        Args:
            stop: Whether to end it; asked all the time.
            reported: Is told each report; whether to end the run there.

        Raises:
            UsageError: The program cannot be started.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._reports_file.unlink(missing_ok=True)
        begun = time.monotonic()
        with _started(self._command, self._environment) as process:
            reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
            reader.start()
            status = self._watched(process, begun, stop, reported)
            _end_group(process)
            reader.join(GRACE)
        self._hear(reported)
        code = process.returncode
        status = status or (ENDED if code == 0 else FAILED)
        return Ending(status, code, self._reports, frozenset(self._set), tuple(self._lines), time.monotonic() - begun)

    def _watched(
        self, process: Any, begun: float, stop: Callable[[], bool], reported: Callable[[int, dict[str, float]], bool]
    ) -> str:
        """Why it was ended; empty where it ended by itself."""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LOOKS)
                return ""
            if self._hear(reported) or stop():
                return STOPPED
            if time.monotonic() - begun > self._timeout:
                return TIMED_OUT

    def _hear(self, reported: Callable[[int, dict[str, float]], bool]) -> bool:
        """Tell what is new.  Whether the run is to end."""
        for said in self._new_lines():
            with self._lock:
                if "set" in said:
                    self._set.add(said["set"])
                else:
                    self._reports.append((said["step"], said["metrics"]))
        with self._lock:
            new, self._told = self._reports[self._told :], len(self._reports)
        wants_an_end = [reported(step, metrics) for step, metrics in new]  # all of them are told
        return any(wants_an_end)

    def _new_lines(self) -> Iterator[dict[str, Any]]:
        if not self._reports_file.exists():
            return
        with self._reports_file.open("rb") as file:
            file.seek(self._read_to)
            whole, _, _ = file.read().rpartition(b"\n")
        if whole:
            self._read_to += len(whole) + 1
            yield from map(json.loads, whole.splitlines())

    def _read(self, output: Any) -> None:
        """Keep what is printed, and find values in it."""
        with (self._folder / "output.txt").open("w", encoding="utf-8") as kept:
            for line in output:
                kept.write(line)
                kept.flush()
                with self._lock:
                    self._lines.append(line.rstrip("\n"))
                    if self._pattern is not None and (found := self._pattern.search(line)):
                        self._reports.append(_found(found, len(self._reports) + 1))


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern of a line with metrics.

    Raises:
        UsageError: It is no regular expression, or names no metric.
    """
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"The pattern {pattern!r} is no regular expression: {error}.") from None
    if not found.groupindex.keys() - {"step"}:
        raise UsageError(
            f"The pattern {pattern!r} names no metric: put the number into a named group, as in "
            r"'val loss (?P<val_loss>\S+)'."
        )
    return found


def _found(found: re.Match[str], line: int) -> tuple[int, dict[str, float]]:
    values = {name: _number(text) for name, text in found.groupdict().items() if text is not None}
    step = values.pop("step", math.nan)
    return (int(step) if math.isfinite(step) else line), values


def _number(text: str) -> float:
    try:
        return float(text.strip().rstrip(",;%"))
    except ValueError:
        return math.nan


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
        yield process
    finally:
        _end_group(process)
        if process.stdout is not None:
            process.stdout.close()


def _end_group(process: Any) -> None:
    """End a process and all that it has started: asked first, killed if that does not help."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    _signal(process, signal.SIGKILL)  # those that outlive their leader too
    process.wait()


def _signal(process: Any, which: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, which)
