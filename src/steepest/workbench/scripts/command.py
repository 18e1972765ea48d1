"""The command line of a script with places for what is searched: `train.py --lr {lr:1e-4..1e-1:log} --seed {seed}`."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steepest.workbench.errors import UsageError, nearest

SEED = "seed"
_PLACE = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)(?::([^{}]*))?\}")
_SET = re.compile(r"([A-Za-z_]\w*)\.([A-Za-z_]\w*(?:\.\d+)?)=(.+)")
FROM_OUTSIDE = Path(__file__).parent / "from_outside"


@dataclass(frozen=True)
class ScriptCommand:
    """A script, its arguments with places in braces, and what is set in its optimizers from outside.

    Args:
        script: A Python file, or any program.
        arguments: As they are typed; `{{` and `}}` stand for braces.
        settings: "AdamW.lr=1e-4..1e-1:log", one each.

    Raises:
        UsageError: A place or a setting cannot be read, or there is nothing to search.
    """

    script: str
    arguments: tuple[str, ...]
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.searched():
            raise UsageError(
                "There is nothing to search: put a place into the script's arguments, as in "
                f"`steepest tune {self.script} ... -- --lr {{lr:1e-4..1e-1:log}}`, or set an argument of its optimizer "
                "from outside, as in `--set AdamW.lr=1e-4..1e-1:log`."
            )
        known = self.searched()
        for name in self._names():
            if name != SEED and name not in known:
                raise UsageError(
                    f"The place {{{name}}} has no range{nearest(name, known)}: write {{{name}:1e-4..1e-1:log}}, "
                    f"{{{name}:16|32|64}} or {{{name}:0..0.5}} where it is first used."
                )

    def searched(self) -> dict[str, str]:
        """The ranges of what is searched, as they are written, by name: "lr" -> "1e-4..1e-1:log"."""
        found: dict[str, str] = {}
        for name, written in self._places():
            if written and found.setdefault(name, written) != written:
                raise UsageError(f"The place {{{name}}} has two ranges, {found[name]} and {written}: give one.")
        for setting in self.settings:
            called, argument, written = _parts(setting)
            found[f"{called}.{argument}"] = written
        return found

    def takes_seed(self) -> bool:
        """Whether the script is told a seed; without one its runs differ by chance alone, or not at all."""
        return SEED in self._names()

    def at(self, values: Mapping[str, Any], seed: int) -> list[str]:
        """The command with values in their places."""
        program = [sys.executable, self.script] if self.script.endswith(".py") else [self.script]
        filled = {**values, SEED: seed}
        return program + [_PLACE.sub(lambda found: _filled(found, filled), one) for one in self.arguments]

    def environment(self, values: Mapping[str, Any], before: str = "") -> dict[str, str]:
        """The variables that set arguments of optimizers; before: what PYTHONPATH is."""
        if not self.settings:
            return {}
        wanted: dict[str, dict[str, Any]] = {}
        for setting in self.settings:
            called, argument, _ = _parts(setting)
            wanted.setdefault(called, {})[argument] = values[f"{called}.{argument}"]
        path = os.pathsep.join(filter(None, [str(FROM_OUTSIDE), before]))
        return {"STEEPEST_SET": json.dumps(wanted), "PYTHONPATH": path}

    def not_set(self, found: frozenset[str]) -> list[str]:
        """What was to be set, and no optimizer of the script has taken."""
        return [
            f"{called}.{argument}"
            for called, argument, _ in map(_parts, self.settings)
            if f"{called}.{argument}" not in found
        ]

    def _places(self) -> list[tuple[str, str]]:
        return [(name, written) for one in self.arguments for name, written in _PLACE.findall(one) if name]

    def _names(self) -> list[str]:
        return [name for name, _ in self._places()]


def _filled(found: re.Match[str], values: Mapping[str, Any]) -> str:
    whole = found.group()
    if whole in ("{{", "}}"):
        return whole[0]
    value = values[found.group(1)]
    return repr(value) if isinstance(value, float) else str(value)


def _parts(setting: str) -> tuple[str, str, str]:
    found = _SET.fullmatch(setting)
    if found is None:
        raise UsageError(f"--set {setting} cannot be read: write --set AdamW.lr=1e-4..1e-1:log.")
    return found.group(1), found.group(2), found.group(3)
