"""`tune`: searches the hyperparameters of an optimizer, and numbers of the task, as a careful person would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.search_space import SearchNames
from steepest.workbench.search import STAGED
from steepest.workbench.study.compare import compare
from steepest.workbench.study.comparison import Comparison
from steepest.workbench.task import TaskFunction

BUDGET, OPTIMIZER = "trials=32", "adamw"


def tune(
    task: str | TaskFunction,
    optimizer: str | Candidate | Callable[..., Any] | Sequence[str | Candidate | Callable[..., Any]] = OPTIMIZER,
    budget: str | int = BUDGET,
    seeds: int | None = None,
    *,
    search: SearchNames = (),
    strategy: str = STAGED,
    **options: Any,
) -> Comparison:
    """Tune an optimizer on a task; continue what is in the folder, if it is the same study.

    The trials of each optimizer: the defaults; a sixth for the rate alone; a sixth for the rate and the first dimension
    together (weight decay, where there is one); a third of what is left for all others, spread evenly; the rest where a
    Gaussian process of all results expects the most.  Past an end at which the best lies, of a range that is not the
    user's, the search goes on.  On top of them, the two settings that this model expects to be
    best and the usual rate, untuned, are run with fresh seeds, and the verdict is that of `compare`.

    Args:
        task: A built-in problem's name, `FILE.py:function`, or a function `task(seed)` that returns a `Task`.
        optimizer: One, or several, which get the same budget.
        budget: Of each: `trials=32`, `steps=1e6` or `time=2h`.
        seeds: The number of fresh seeds; as many as `compare` has if None.
        search: What is searched beside the rate and what the optimizer searches by itself: `Dimension`s, or as text
            `dropout=0..0.5,width=32|64|128`.
        strategy: staged; tpe (by Optuna); quasi-random, random or grid, where the points do not depend on the results.
        **options: As for `compare`: study (of Optuna), prune, schedules, steps, metric, seed, workers, stacked, ray,
            out, fresh, watcher, log_to, live.

    Raises:
        UsageError: An argument cannot be used.
        TaskError: The task raised.  The runs before are kept.
        WorkbenchError: The folder cannot be used.
        Interrupted: Ctrl-C or SIGTERM.  Everything is saved.
    """
    several = isinstance(optimizer, Sequence) and not isinstance(optimizer, str)
    chosen: Any = list(optimizer) if several else [optimizer]  # type: ignore[arg-type]
    asked = {"search": search, "strategy": strategy, "has_reference": False} | options
    made: Any = compare(task, chosen, budget, seeds, **asked)
    return made
