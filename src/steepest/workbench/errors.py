"""The errors of the workbench.  Each message says what was done, why it cannot work, and what to do."""

import difflib
import importlib.util
from collections.abc import Iterable


class WorkbenchError(Exception):
    """Something outside this library prevents the work.  The command line prints the message and exits with 1."""

    exit_code = 1


class UsageError(WorkbenchError, ValueError):
    """An argument cannot be used.  The command line prints the message and exits with 2."""

    exit_code = 2


class TaskError(WorkbenchError):
    """The user's task raised or broke its contract.

    Args:
        message: The message.
        details: The traceback of the user's own code; empty where it raised nothing.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details

    def __str__(self) -> str:
        return f"{self.details}{self.args[0]}"


EXTRA = ("sklearn", "scipy", "opda", "polars", "altair", "vl_convert", "jinja2", "typer", "rich")


def missing_extra(error: ImportError) -> str:
    """What to type if a package of the workbench extra is missing; empty if it is another package."""
    package = (error.name or "").partition(".")[0]
    return _needs(package) if package in EXTRA else ""


def check_extra() -> None:
    """Find out before a study, not after it, that a package for its report is missing (WorkbenchError)."""
    for package in EXTRA:
        if importlib.util.find_spec(package) is None:
            raise WorkbenchError(_needs(package))


def _needs(package: str) -> str:
    return f"The workbench needs {package}, which is not installed; type: pip install 'steepest[workbench]'"


class Interrupted(WorkbenchError):  # noqa: N818  it is not an error
    """The study was stopped on request.  The command line prints the message and exits as shells expect."""

    exit_code = 130  # 128 + SIGINT


def nearest(name: str, known: Iterable[str]) -> str:
    """The nearest known names, in parentheses; empty if none is near."""
    close = difflib.get_close_matches(name.lower(), list(known), n=2, cutoff=0.6)
    return f" (did you mean {' or '.join(close)}?)" if close else ""
