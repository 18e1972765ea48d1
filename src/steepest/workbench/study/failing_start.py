"""A script whose first runs all fail: what is wrong is the script or its arguments, not the settings."""

from __future__ import annotations

from steepest.workbench.errors import TaskError
from steepest.workbench.model.plan import Plan
from steepest.workbench.store.record import Record

IN_A_ROW = 3
"""Failed runs at the start, after which a study stops."""


def check_start(plan: Plan, record: Record) -> None:
    """Stop where a script has failed three times and never trained.

    Raises:
        TaskError: It has.
    """
    if not plan.is_script or record.has_trained() or len(failed := record.failures()) < IN_A_ROW:
        return
    reason, _, lines = failed[-1].partition("\n")
    same = "the same way" if len({one.partition("\n")[0] for one in failed}) == 1 else "one after the other"
    raise TaskError(
        f"The first {len(failed)} runs of {plan.task} failed, {same}: {reason}. Repair the script or its arguments, "
        "and repeat the command: these runs are made again.",
        f"{lines}\n" if lines else "",
    )


def forget_failed_start(plan: Plan, record: Record) -> None:
    """Of a study that was stopped since nothing trained, the runs are made again: what failed was repaired."""
    if plan.is_script and record.get("task_failed") and not record.has_trained():
        record.forget_runs()
        record.set(gains={})
