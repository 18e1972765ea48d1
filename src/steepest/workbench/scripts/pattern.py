"""Metrics in what a script prints: by a pattern of the user's, or by the metric's name with a number behind it."""

from __future__ import annotations

import math
import re

from steepest.workbench.errors import UsageError

_NUMBER = r"[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|nan|inf(?:inity)?)"
_BETWEEN = r"""[\s:=|│┃'"(\[]{1,30}?"""
"""Between a name and its number: `val_loss: 0.5`, `val_loss=0.5`, `'val_loss': '0.5'`, a table's `val_loss │ 0.5`."""


class Pattern:
    """A regular expression whose named groups are metrics, as in `loss (?P<val_loss>\\S+)`.

    A group `step` is the step, else lines are counted.

    Args:
        written: The regular expression; with a single group that has no name, the group is the metric.
        metric: The one that decides.

    Raises:
        UsageError: It is no regular expression, or does not name the metric.
    """

    def __init__(self, written: str, metric: str = "") -> None:
        self.written, self._metric, self.is_given = written, metric, True
        self._hint = ""  # a line without it has no value; the regular expression would take four times as long
        try:
            self._found = re.compile(written)
        except re.error as error:
            raise UsageError(f"The pattern {written!r} is no regular expression: {error}.") from None
        names = self._found.groupindex.keys() - {"step"}
        self._has_one = bool(metric) and not names and self._found.groups == 1 + len(self._found.groupindex)
        places = set(range(1, self._found.groups + 1)) - set(self._found.groupindex.values())
        self._place = min(places, default=0)
        if not names and not self._has_one:
            raise UsageError(
                f"The pattern {written!r} names no metric: put the number into a named group, as in "
                r"'val loss (?P<val_loss>\S+)'."
            )
        if metric and not self._has_one and metric not in names:
            raise UsageError(
                f"The pattern {written!r} finds {', '.join(sorted(names))}, and not {metric}, which decides: name a "
                f"group (?P<{metric}>...), or give another --metric."
            )

    @classmethod
    def of_name(cls, metric: str) -> Pattern:
        """What is looked for where the user gives no pattern, and the script reports nothing."""
        made = cls(rf"(?i:(?<![\w/.-]){re.escape(metric)}(?![\w/-]){_BETWEEN}({_NUMBER})(?![\w.]))", metric)
        made.is_given, made._hint = False, metric.lower()
        return made

    def values(self, line: str, count: int) -> tuple[int, dict[str, float]] | None:
        """The step (the count, where the line has none) and the metrics of a line; None where it has none."""
        if self._hint not in line.lower() or (found := self._found.search(line)) is None:
            return None
        values = {name: _number(text) for name, text in found.groupdict().items() if text is not None}
        step = values.pop("step", math.nan)
        if self._has_one:
            values[self._metric] = _number(found.group(self._place) or "")
        return ((int(step) if math.isfinite(step) else count), values) if values else None


def _number(text: str) -> float:
    try:
        return float(text.strip().rstrip(",;%"))
    except ValueError:
        return math.nan
