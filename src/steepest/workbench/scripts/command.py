"""The command line of a script with places for what is searched: `train.py --lr {lr:1e-4..1e-1:log} --seed {seed}`."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steepest.workbench.errors import UsageError, nearest

SEED = "seed"
_NAME = r"[A-Za-z_][\w.-]*"
_PLACE = re.compile(rf"\{{(\{{{_NAME}(?::[^{{}}]*)?\}})\}}|\{{({_NAME})(?::([^{{}}]*))?\}}")
"""`{{lr}}`, which stands for `{lr}`, or a place.  All other braces are the script's own, as those of JSON."""
_MEANT = re.compile(r"\{[^{}\"']*(?:\.\.|\|)[^{}\"']*\}")
"""What was meant as a place, if it is none: a range in braces."""
_SET = re.compile(r"([A-Za-z_]\w*(?:#[1-9]\d*)?)\.([A-Za-z_]\w*(?:\.\d+)?)=(.+)")
FROM_OUTSIDE = Path(__file__).parent / "from_outside"


@dataclass(frozen=True)
class ScriptCommand:
    """A script, its arguments with places in braces, and what is set in its optimizers from outside.

    Args:
        script: A Python file, or any program.
        arguments: As they are typed; `{{lr}}` stands for `{lr}`.
        settings: "AdamW.lr=1e-4..1e-1:log", one each; "Adam#2.lr=..." is of the second Adam that the script makes.

    Raises:
        UsageError: A place or a setting cannot be read, or there is nothing to search.
    """

    script: str
    arguments: tuple[str, ...]
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = self.searched()
        for name in self._names():
            if name != SEED and name not in known:
                raise UsageError(
                    f"The place {{{name}}} has no range{nearest(name, known)}: write {{{name}:1e-4..1e-1:log}}, "
                    f"{{{name}:16|32|64}} or {{{name}:0..0.5}} where it is first used; or {{{{{name}}}}} for these "
                    "characters themselves."
                )
        if not known:
            raise UsageError(
                "There is nothing to search: put a place into the script's arguments, as in "
                f"`steepest tune {self.script} ... -- --lr {{lr:1e-4..1e-1:log}}`, or set an argument of its optimizer "
                "from outside, as in `--set AdamW.lr=1e-4..1e-1:log`."
            )

    @property
    def file(self) -> str:
        """The Python file, also where another program starts it; the program where there is none."""
        files = [one for one in (self.script, *self.arguments) if one.endswith(".py")]
        return files[0] if files else self.script

    @property
    def name(self) -> str:
        """What a report calls it."""
        return Path(self.file).name

    @property
    def folder(self) -> str:
        """A name for a folder, made of harmless characters only; two files of one name in two folders have two."""
        return re.sub(r"[^\w-]+", "-", self.file.removesuffix(".py")).strip("-") or "script"

    def searched(self) -> dict[str, str]:
        """The ranges of what is searched, as they are written, by name: "lr" -> "1e-4..1e-1:log"."""
        return {name: written.rpartition("=")[0] or written for name, written in self._written().items()}

    def given_defaults(self) -> dict[str, str]:
        """The values without tuning, as far as they are written: 1e-3 of `{lr:1e-4..1e-1:log=1e-3}`."""
        return {name: written.rpartition("=")[2] for name, written in self._written().items() if "=" in written}

    def set_from_outside(self) -> tuple[str, ...]:
        """The arguments of optimizers that are set from outside: "AdamW.lr"."""
        return tuple(f"{called}.{argument}" for called, argument, _ in map(_parts, self.settings))

    def takes_seed(self) -> bool:
        """Whether the script is told a seed; without one its runs differ by chance alone, or not at all."""
        return SEED in self._names()

    def check(self) -> None:
        """Find out before a study that the script cannot be started (UsageError)."""
        if self.script.endswith(".py"):
            if not Path(self.script).is_file():
                raise UsageError(f"There is no file {self.script}; give the path of the script.")
        elif shutil.which(self.script) is None:
            there = Path(self.script).is_file()
            raise UsageError(
                f"{self.script} is not executable; type chmod +x {self.script}, or give the program that runs it."
                if there
                else f"There is no program {self.script}; give a Python file, or a program that can be started."
            )

    def digest(self) -> str:
        """Of the Python files that are named: it changes where one of them is edited."""
        files = [Path(one) for one in (self.script, *self.arguments) if one.endswith(".py") and Path(one).is_file()]
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16] if files else ""

    def at(self, values: Mapping[str, Any], seed: int) -> list[str]:
        """The command with values in their places."""
        program = [sys.executable, self.script] if self.script.endswith(".py") else [self.script]
        return program + self._filled(values, seed)

    def line(self, values: Mapping[str, Any], seed: int) -> str:
        """The same as one types it, with what is set in the script's optimizers behind it."""
        program = ["python", self.script] if self.script.endswith(".py") else [self.script]
        calls = [f"{called}(..., {written})" for called, written in self._calls(values).items()]
        beside = f"  # in the script: {', '.join(calls)}" if calls else ""
        return shlex.join(program + self._filled(values, seed)) + beside

    def typed(self) -> str:
        """The command with its places, as the user typed it."""
        program = ["python", self.script] if self.script.endswith(".py") else [self.script]
        return " ".join([*program, *(one if re.fullmatch(r"[^\s'\"]+", one) else repr(one) for one in self.arguments)])

    def environment(self, values: Mapping[str, Any], before: str = "") -> dict[str, str]:
        """The variables that set arguments of optimizers, those that have a value; before: what PYTHONPATH is."""
        if not self.settings:
            return {}
        wanted: dict[str, dict[str, Any]] = {}
        for called, argument, _ in map(_parts, self.settings):
            if f"{called}.{argument}" in values:
                wanted.setdefault(called, {})[argument] = values[f"{called}.{argument}"]
        path = os.pathsep.join(filter(None, [str(FROM_OUTSIDE), before]))
        return {"STEEPEST_SET": json.dumps(wanted), "PYTHONPATH": path}

    def _filled(self, values: Mapping[str, Any], seed: int) -> list[str]:
        filled = {**values, SEED: seed}
        return [_PLACE.sub(lambda found: _value(found, filled), one) for one in self.arguments]

    def _calls(self, values: Mapping[str, Any]) -> dict[str, str]:
        """As one writes what is set in the script itself: {"AdamW": "lr=0.01, betas[0]=0.95"}."""
        found: dict[str, list[str]] = {}
        for called, argument, _ in map(_parts, self.settings):
            if (value := values.get(f"{called}.{argument}")) is not None:
                name, _, place = argument.partition(".")
                found.setdefault(called, []).append(f"{name}[{place}]={value!r}" if place else f"{name}={value!r}")
        return {called: ", ".join(written) for called, written in found.items()}

    def _written(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, written in self._places():
            if name == SEED and written:
                raise UsageError("The place {seed} takes the seed of a run and has no range: write {seed}.")
            if written and found.setdefault(name, written) != written:
                raise UsageError(f"The place {{{name}}} has two ranges, {found[name]} and {written}: give one.")
        for called, argument, written in map(_parts, self.settings):
            if found.setdefault(f"{called}.{argument}", written) != written:
                raise UsageError(f"--set {called}.{argument} is given twice; give it once.")
        return found

    def _places(self) -> list[tuple[str, str]]:
        for one in self.arguments:
            if wrong := _MEANT.search(_PLACE.sub("", one)):
                raise UsageError(
                    f"The place {wrong.group()} cannot be read: write the name, a colon and the range, without blanks, "
                    "as in {lr:1e-4..1e-1:log} or {width:32|64}."
                )
        return [(name, written) for one in self.arguments for _, name, written in _PLACE.findall(one) if name]

    def _names(self) -> Iterable[str]:
        return [name for name, _ in self._places()]


def _value(found: re.Match[str], values: Mapping[str, Any]) -> str:
    if found.group(1):
        return found.group(1)
    value = values[found.group(2)]
    return repr(value) if isinstance(value, float) else str(value)


def _parts(setting: str) -> tuple[str, str, str]:
    found = _SET.fullmatch(setting)
    if found is None:
        raise UsageError(f"--set {setting} cannot be read: write --set AdamW.lr=1e-4..1e-1:log.")
    return found.group(1), found.group(2), found.group(3)
