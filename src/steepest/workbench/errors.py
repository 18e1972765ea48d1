"""The workbench's errors: each a sentence that says what was done, why it cannot work, and what to do."""

import difflib
from collections.abc import Iterable


class WorkbenchError(Exception):
    """Something outside this library stops the work: the command line prints the sentence, exits with 1."""

    exit_code = 1


class UsageError(WorkbenchError, ValueError):
    """An argument cannot be used.  The command line prints the sentence and exits with 2."""

    exit_code = 2


class TaskError(WorkbenchError):
    """The user's task raised or broke its contract.

    Args:
        message: The sentence.
        details: His own traceback, without our frames; empty where he raised nothing.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details

    def __str__(self) -> str:
        return f"{self.details}{self.args[0]}"


EXTRA = ("sklearn", "scipy", "opda", "polars", "altair", "vl_convert", "jinja2", "typer", "rich")


def missing_extra(error: ImportError) -> str:
    """What to type where a package of the workbench extra is missing; nothing where it is another."""
    package = (error.name or "").partition(".")[0]
    if package not in EXTRA:
        return ""
    return f"The workbench needs {package}, which is not installed; type: pip install 'steepest[workbench]'"


class Interrupted(WorkbenchError):  # noqa: N818  not a mistake of anybody
    """The study was stopped on request.  The command line prints the sentence and exits as shells expect."""

    exit_code = 130  # 128 + SIGINT


def nearest(name: str, known: Iterable[str]) -> str:
    """A parenthesis that names what `name` was perhaps meant to be, or nothing."""
    close = difflib.get_close_matches(name.lower(), list(known), n=2, cutoff=0.6)
    return f" (did you mean {' or '.join(close)}?)" if close else ""
