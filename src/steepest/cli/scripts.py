"""`steepest tune` with a script in the place of a task: which of the two it is, and what belongs to either."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from steepest.workbench.errors import UsageError

OF_TASKS: dict[str, tuple[Any, str]] = {
    "optimizer": ("adamw", "a script makes its optimizers itself; set their arguments with --set AdamW.lr=RANGE"),
    "search": ("", "what is searched stands in the script's arguments, as {dropout:0..0.5}, or behind --set"),
    "schedules": ("constant", "a script follows its own schedule"),
    "steps": (None, "a script decides itself how long it trains"),
}
"""Options of a task, what they are where nobody gives them, and why a script has none."""


def is_script(
    named: str, arguments: Sequence[str] | None, settings: Sequence[str] | None, pattern: str, timeout: str | None
) -> bool:
    """Whether what is to be tuned is a script, and not a task function or a problem of the workbench.

    Raises:
        UsageError: It is a task function or a problem, with what belongs to a script.
    """
    from steepest.workbench import problems

    belongs = [text for text, given in _of_scripts(arguments, settings, pattern, timeout) if given]
    is_task = ".py:" in named or named in problems.names()
    if is_task and belongs:
        file = named.partition(":")[0]
        instead = f"; to run {file} as a script, name it without its function" if ".py:" in named else ""
        raise UsageError(
            f"{named} is trained by the workbench, and {belongs[0]} belong to scripts; numbers of a task are searched "
            f"with --search dropout=0..0.5{instead}."
        )
    return not is_task and (bool(belongs) or named.endswith(".py") or _is_program(named))


def script_study(
    script: str,
    arguments: Sequence[str],
    budget: str,
    seeds: int | None,
    of_tasks: Mapping[str, Any],
    *,
    metric: str | None,
    **given: Any,
) -> Callable[..., Any]:
    """The study of a script, to be conducted.

    Raises:
        UsageError: An option belongs to tasks, or the metric is missing.
    """
    from steepest.workbench.study.tune_script import tune_script

    for name, value in of_tasks.items():
        default, why = OF_TASKS[name]
        if value != default:
            raise UsageError(f"{script} is a script, and --{name} belongs to tasks: {why}.")
    if metric is None:
        raise UsageError(
            f"Which number decides?  Give the name under which {script} reports or prints it, as in --metric val_loss; "
            f"or, if it defines a task function, name that too: {script}:task."
        )
    return partial(tune_script, script, arguments, budget, seeds, metric=metric, **given)


def _of_scripts(
    arguments: Sequence[str] | None, settings: Sequence[str] | None, pattern: str, timeout: str | None
) -> list[tuple[str, bool]]:
    return [
        ("arguments behind --", bool(arguments)),
        ("settings by --set", bool(settings)),
        ("a --pattern", bool(pattern)),
        ("a --timeout", timeout is not None),
    ]


def _is_program(named: str) -> bool:
    return Path(named).is_file() or (Path(named).name == named and shutil.which(named) is not None)
