"""What is said of a stage while a study goes on: a line in a log, a line above the bar, never markup."""

import io

from rich.console import Console

from steepest.workbench.model.plan import Plan
from steepest.workbench.model.stage_gain import Edge, StageGain
from steepest.workbench.progress.plain import PlainLines
from steepest.workbench.progress.terminal import ProgressLine
from steepest.workbench.progress.watcher import Watcher, Watchers

PLAN = Plan("task", [], "trials=12", 1, 10, "loss[a]", False)
GAIN = StageGain(
    "adam[w]", "rate", ("rate",), 5, 0, 0.12, 0.03, 0.01, 0.05, (Edge("rate", 0.03, "upper"), Edge("eps", 1.0, "lower"))
)
SAID = [
    "adam[w], the rate: loss[a] 0.12, gain 0.03 (0.01 to 0.05), 5 trials: kept.",
    "rate 0.03 is at the upper end of what was searched: the search goes on past it.",
]


def said_by(watcher: Watcher, stream: io.StringIO) -> list[str]:
    watcher.begin(PLAN, 20, 0)
    before = len(stream.getvalue())
    Watchers([watcher]).stage(GAIN)
    watcher.close()
    return [line for line in stream.getvalue()[before:].splitlines() if "adam" in line or "end of" in line]


def test_a_log_and_a_terminal_say_the_same() -> None:
    stream = io.StringIO()
    assert said_by(PlainLines(stream), stream) == SAID
    stream = io.StringIO()
    console = Console(file=stream, width=200, force_terminal=False)
    assert [line.strip() for line in said_by(ProgressLine(console), stream)] == SAID
