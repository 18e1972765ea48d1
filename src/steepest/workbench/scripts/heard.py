"""What is heard of a run of a script: what it reports, what is found in what it prints, and its last lines."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from steepest.workbench.scripts.pattern import Pattern

LAST_LINES = 20
LONGEST = 2000
"""Characters of a line that are looked at: a script may print a million without a break."""
MOST_KEPT = 50_000_000
"""Bytes of what a run prints that are kept: of 100 runs that is more than a disk should have to hold."""
_NO_MORE = f"\n[it printed more than {MOST_KEPT / 1e6:g} MB; the rest was not kept]\n"
_PIECE = 100_000
"""Characters that are read at once of a line without an end."""
_LOOK = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)|[\x00-\x08\x0b-\x1f\x7f]")
"""Colours, titles and moves of the cursor: they stand between a metric and its number."""


class Report(NamedTuple):
    """Metrics of one moment; `seconds` since the run began."""

    step: int
    metrics: dict[str, float]
    seconds: float = 0.0


@dataclass
class FromOutside:
    """What a script said of arguments of its optimizers that were to be set from outside.

    Args:
        made: The classes of the optimizers that it made.
        before: The arguments that were set, "AdamW.lr", with the values that the script itself gives.
        error: Why one could not be set.
    """

    made: list[str] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    def hear(self, said: Mapping[str, Any]) -> None:
        """One line of the script's."""
        self.error = self.error or said.get("error", "")
        if "set" in said:
            self.before.setdefault(said["set"], said["before"])
        if "made" in said and said["made"] not in self.made:
            self.made.append(said["made"])


class Heard:
    """Hears one run.  Its output is read in a thread, its reports where they are asked for.

    Args:
        folder: Where both are kept, as `output.txt` and `reports.jsonl`.
        pattern: Finds metrics in a line that is printed.
    """

    def __init__(self, folder: Path, pattern: Pattern | None = None) -> None:
        self.reports: list[Report] = []
        self.outside = FromOutside()
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self.matches = 0
        self.place = (folder / "reports.jsonl").resolve()
        self._folder, self._pattern, self._reports_itself = folder, pattern, False
        self._lock = threading.Lock()
        self._printed: list[Report] = []
        self._kept: TextIO | None = None
        self._read_to, self._begun = 0, time.monotonic()

    def begin(self) -> None:
        """Nothing was said yet."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.place.unlink(missing_ok=True)
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._begun

    def new(self) -> list[Report]:
        """The reports since the last call.

        What is printed counts where the user gave a pattern, or where the script reports nothing itself.
        """
        told = []
        for said in self._new_lines():
            if "metrics" in said:
                told.append(Report(said["step"], said["metrics"], self.seconds))
            else:
                self.outside.hear(said)
        with self._lock:
            printed, self._printed = self._printed, []
            if self._kept and not self._kept.closed:
                self._kept.flush()  # here and not after each line: a script may print 100,000 of them in a second
        if told and not self._reports_itself and not self._is_pattern_given:
            self._reports_itself, self.reports = True, []
        found = told + ([] if self._reports_itself else printed)
        self.reports += found
        return found

    def listen(self, output: TextIO) -> None:
        """Keep what is printed, and find values in it; `new` has the file written."""
        written = 0
        with (self._folder / "output.txt").open("w", encoding="utf-8") as self._kept:
            while line := output.readline(_PIECE):
                with self._lock:
                    if written < MOST_KEPT:
                        written += self._kept.write(line)
                        self._kept.write(_NO_MORE if written >= MOST_KEPT else "")
                    self._hear(_LOOK.sub("", line[:LONGEST]))

    def _hear(self, line: str) -> None:
        self.last_lines.append(line.rstrip("\n"))
        found = self._pattern.values(line, self.matches + 1) if self._pattern else None
        if found is not None:
            self.matches += 1
            self._printed.append(Report(*found, self.seconds))

    @property
    def _is_pattern_given(self) -> bool:
        return self._pattern is not None and self._pattern.is_given

    def _new_lines(self) -> Iterator[dict[str, Any]]:
        if not self.place.exists():
            return
        with self.place.open("rb") as file:
            file.seek(self._read_to)
            whole, _, _ = file.read().rpartition(b"\n")
        if whole:
            self._read_to += len(whole) + 1
            yield from map(json.loads, whole.splitlines())
