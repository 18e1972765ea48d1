"""What a run of a script has shown: its curves, and whether it trained."""

from __future__ import annotations

import math
import signal
from collections.abc import Sequence

from steepest.workbench.model.job import Evaluated
from steepest.workbench.model.outcome import DIVERGED, FAILED, INTERRUPTED, PRUNED, TRAINED, Outcome, Trace
from steepest.workbench.scripts import process
from steepest.workbench.scripts.heard import Report
from steepest.workbench.scripts.pattern import Pattern
from steepest.workbench.scripts.process import Ending

POINTS = 1000
"""Of a run that are kept: a script may report at every step."""
LOSSES = ("train_loss", "loss", "train/loss")
"""Under these names a script reports its training loss, if it does."""


class Judgement:
    """Listens to one run, and says how it ended.

    Args:
        metric: The one that decides.
        from_outside: The arguments of its optimizers that this run sets: "AdamW.lr".
        pattern: By which values are found in what it prints.
        timeout: Seconds that it had.
        evaluated: Is told of each value of the metric; whether to end the run there.
    """

    def __init__(
        self,
        metric: str,
        from_outside: Sequence[str],
        pattern: Pattern,
        timeout: float,
        evaluated: Evaluated,
    ) -> None:
        self.trace = Trace()
        self._metric, self._from_outside, self._pattern, self._timeout = metric, from_outside, pattern, timeout
        self._evaluated, self._is_pruned = evaluated, False

    def reported(self, report: Report) -> bool:
        """Take a report.  Whether the run ends here."""
        value = report.metrics.get(self._metric)
        if value is None or math.isnan(value):
            return False
        self._is_pruned = self._evaluated(report.step, value) or self._is_pruned
        return self._is_pruned

    def outcome(self, ending: Ending) -> Outcome:
        """How the run ended."""
        self._take(ending)
        if ending.status == process.STOPPED and not self._is_pruned:
            return Outcome(INTERRUPTED, "", self.trace)
        if ending.status == process.STOPPED:
            return Outcome(PRUNED, f"a pruner ended the run at step {self.trace.step}", self.trace)
        status, reason = self._verdict(ending)
        if status == TRAINED:
            return Outcome(status, "", self.trace)
        return Outcome(status, "\n".join([reason, *ending.last_lines]), self.trace)

    def _take(self, ending: Ending) -> None:
        """The curves, thinned where there are more points than a figure can show; the last always stays."""
        every = max(1, math.ceil(len(ending.reports) / POINTS))
        kept = [one for place, one in enumerate(reversed(ending.reports)) if place % every == 0][::-1]
        trace = self.trace
        trace.step = max((report.step for report in ending.reports), default=0)
        trace.seconds = ending.seconds
        for step, metrics, seconds in kept:
            trace.metrics += [(step, seconds, name, value) for name, value in metrics.items()]
            loss = next((metrics[name] for name in LOSSES if name in metrics and name != self._metric), None)
            trace.curve += [] if loss is None else [(step, seconds, loss)]

    def _verdict(self, ending: Ending) -> tuple[str, str]:
        values = [report.metrics[self._metric] for report in ending.reports if self._metric in report.metrics]
        if values and not math.isfinite(values[-1]):
            return DIVERGED, f"{self._metric} was {values[-1]:g} at step {self.trace.step}"
        if ending.status == process.TIMED_OUT:
            return FAILED, f"it was ended after {self._timeout:g} s, its --timeout"
        if ending.status == process.FAILED:
            return FAILED, _of_code(ending.code)
        missing = [one for one in self._from_outside if one not in ending.outside.before]
        if missing:
            return FAILED, f"it made no optimizer with {missing[0]}, which was to be set"
        return (TRAINED, "") if values else (FAILED, self._never(ending))

    def _never(self, ending: Ending) -> str:
        """Why there is no value of the metric."""
        others = sorted({name for report in ending.reports for name in report.metrics})
        if others:
            return f"it never reported {self._metric}, but {', '.join(others)}"
        if self._pattern.is_given:
            return f"no line that it printed has the pattern {self._pattern.written}"
        return (
            f"it never reported {self._metric}, nor printed it with a number behind it: write "
            f"steepest.report(step, {self._metric}=...) into it, or give --pattern"
        )


def _of_code(code: int) -> str:
    if code >= 0:
        return f"it ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"it was killed by {name}" + (", perhaps for memory" if name == "SIGKILL" else "")
