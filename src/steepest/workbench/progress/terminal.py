"""One live line in the terminal: how far the study is, how long it will take, the best run, how many failed."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from steepest.workbench.model.cost import Cost
from steepest.workbench.model.key import OF_OPTIMIZERS, Key
from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.model.plan import Plan
from steepest.workbench.model.stage_gain import StageGain
from steepest.workbench.progress import stage_words
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.progress.words import LIVE, sentence

MOST_BARS = 16
"""Workers with a line each: more would fill the terminal."""


class ProgressLine(Watcher):
    """A progress line for a terminal.  It counts steps, so that it moves during a long run too."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("run {task.fields[run]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            transient=True,
        )
        self.bar = TaskID(0)
        self.bars: list[TaskID] = []
        self.reached: dict[int, int] = {}
        self.workers: dict[Key, int] = {}  # of the runs under way; one may train several at once
        self.steps = self.runs = self.ended_runs = self.failed = 0
        self.best: tuple[float, str] | None = None
        self.metric = ""

    def live(self, address: str) -> None:
        """Say it above the line."""
        self.progress.console.print(LIVE.format(address), style="bold", highlight=False, soft_wrap=True)

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """Show the line, and one for each worker where there are several."""
        self.steps, self.runs, self.metric = plan.steps, runs, plan.metric
        if done:
            self.progress.console.print(f"Going on with {done} of about {runs} runs done.", style="dim")
        self.bar = self.progress.add_task(escape(plan.task), total=runs * plan.steps, run=f"0/{runs}", note="")
        if 1 < workers <= MOST_BARS:
            self.bars = [self.progress.add_task(f"  worker {place + 1}", run="", note="") for place in range(workers)]
        self.progress.start()

    def cost(self, cost: Cost) -> None:
        """Say it above the line."""
        self.progress.console.print(f"{sentence(cost)}.", style="dim", highlight=False)

    def remark(self, sentence: str) -> None:
        """Say it above the line."""
        self.progress.console.print(sentence, style="dim", highlight=False)

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        """Name the run, or say how many there are."""
        self.reached[worker], self.workers[key] = 0, worker
        several = self._at_once(worker)
        note = f"{key.phase}: " + (f"{several} runs at once" if several > 1 else f"{key.optimizer} {key.rate:g}")
        if worker < len(self.bars):  # a machine may have joined since
            self.progress.update(self.bars[worker], total=steps, completed=0, note=escape(note))
        self._show("" if self.bars else note)

    def at_step(self, step: int, worker: int = 0) -> None:
        """Move the bar."""
        self.reached[worker] = step
        if worker < len(self.bars):
            self.progress.update(self.bars[worker], completed=step)
        self.progress.update(self.bar, completed=self._done())

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """Count the run.  One that stopped early moves the bar to its end."""
        self.ended_runs += 1
        self.workers.pop(key, None)
        self.runs = max(self.runs, self.ended_runs)
        self.failed += key.phase in OF_OPTIMIZERS and status != TRAINED
        if status == TRAINED and value is not None and self._is_best(value, higher_is_better):
            self.best = value, key.optimizer
        self.progress.update(self.bar, completed=self._done(), total=self.runs * self.steps)
        self._show("")

    def _at_once(self, worker: int) -> int:
        return sum(place == worker for place in self.workers.values())

    def _done(self) -> int:
        """Steps of runs that have ended, and of those under way."""
        under_way = sum(step * self._at_once(worker) for worker, step in self.reached.items())
        return self.ended_runs * self.steps + under_way

    def _show(self, now: str) -> None:
        self.progress.update(self.bar, run=f"{self.ended_runs}/{self.runs}", note=self._note(now))

    def _is_best(self, value: float, higher_is_better: bool) -> bool:
        return self.best is None or (value > self.best[0] if higher_is_better else value < self.best[0])

    def _note(self, now: str) -> str:
        best = f"best {self.best[0]:.3g} ({self.best[1]})" if self.best else ""
        failed = f"{self.failed} failed" if self.failed else ""
        return escape("  ".join(part for part in (best, failed, now) if part))

    def stage(self, gain: StageGain) -> None:
        """Say above the line what was gained."""
        for line in (stage_words.sentence(gain, self.metric), *stage_words.edges(gain)):
            self.progress.console.print(f"{line}.", markup=False, highlight=False)

    def close(self) -> None:
        """Remove the line."""
        self.progress.stop()
