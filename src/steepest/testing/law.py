"""What a law is, and the error for a broken one."""

import contextlib
import traceback
import unittest
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from steepest.compiler.rule import RuleError
from steepest.testing.compare import Difference
from steepest.testing.subject import Subject


@dataclass(frozen=True, eq=False)
class Law:
    """A property that every rule must have, and the test of it.

    Args:
        name: In plain words.
        statement: What must be true, in one line.
        cause: What usually breaks it.
        of_kernels: Whether it tests kernels, which rules of whole tensors do not have.
        option: The argument of the optimizer that it tests; some of torch's classes, and so ours, lack a few.
        body: The test.
    """

    name: str
    statement: str
    cause: str
    of_kernels: bool
    option: str
    body: Callable[[Subject], None]

    def check(self, rule: Callable[..., Any], /, **hyperparameters: Any) -> None:
        """Try this law alone.

        Args:
            rule: As for `check_rule`.
            **hyperparameters: As for `check_rule`.

        Raises:
            BrokenLawError: The rule breaks this law.
            unittest.SkipTest: The law does not apply to this rule; pytest reports the test as skipped.
            RuleError: The function is not a rule.
        """
        subject = Subject.of(rule, hyperparameters)
        if reason := self.not_for(subject):
            raise unittest.SkipTest(f"{self.name}: {reason}")
        if found := self.find(subject):
            raise broken(subject, [found]) from found.error

    def not_for(self, subject: Subject) -> str:
        """Why this law does not apply to the rule; empty if it does."""
        if self.of_kernels and not subject.rule.elementwise:
            return "a rule of whole tensors has no kernel"
        if self.option and self.option not in subject.options:
            return f"its optimizer has no argument {self.option!r}, as torch's has none"
        return ""

    def find(self, subject: Subject) -> "Finding | None":
        """How the rule breaks this law; None if it does not.  Every exception breaks it, except RuleError."""
        try:
            with _undisturbed():
                self.body(subject)
        except Difference as difference:
            return Finding(self, str(difference), self.cause, difference)
        except RuleError:
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {error}".strip()
            return Finding(self, text + _line_of(subject, error), _hint(error) or self.cause, error)
        return None

    def __str__(self) -> str:
        return self.name


def law(*, cause: str, of_kernels: bool = False, option: str = "") -> Callable[[Callable[[Subject], None]], Law]:
    """Make a law from a function: its name is the law's, the first line of its docstring is the statement."""

    def make(body: Callable[[Subject], None]) -> Law:
        statement = (body.__doc__ or "").partition("\n")[0]
        return Law(body.__name__.replace("_", " "), statement, cause, of_kernels, option, body)

    return make


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Run on the CPU, with gradients, without warnings; on one thread, which is fastest for many small steps."""
    threads = torch.get_num_threads()
    elsewhere = torch.get_default_device().type != "cpu"
    torch.set_num_threads(1)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            torch.enable_grad(),
            torch.device("cpu") if elsewhere else contextlib.nullcontext(),
        ):
            yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class Finding:
    """A broken law: what was found, and the usual cause."""

    law: Law
    found: str
    cause: str
    error: Exception

    def __str__(self) -> str:
        found = self.found.replace("\n", "\n    ")
        return f"{self.law.name}: {self.law.statement}\n    Found: {found}\n    Usual cause: {self.cause}"


def _told(findings: Sequence[Finding]) -> Iterator[str]:
    """Each finding once: one error in a rule breaks most laws."""
    alike: dict[str, list[Finding]] = {}
    for finding in findings:
        alike.setdefault(finding.found, []).append(finding)
    for first, *others in alike.values():
        names = ", ".join(finding.law.name for finding in others)
        yield f"{first}\n    Found also by: {names}." if names else str(first)


class BrokenLawError(AssertionError):
    """A rule breaks laws.

    Args:
        message: Each broken law with the first number that is wrong, its place, and the usual cause.
        laws: The names of the broken laws.
    """

    __module__ = "steepest.testing"  # where it is imported from

    def __init__(self, message: str, laws: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.laws = tuple(laws)


def broken(subject: Subject, findings: Sequence[Finding]) -> BrokenLawError:
    """The error with all of these findings."""
    code = subject.function.__code__
    count = "a law" if len(findings) == 1 else f"{len(findings)} laws"
    head = f"rule {subject.rule.name!r}, {code.co_filename}:{code.co_firstlineno}, breaks {count}."
    return BrokenLawError("\n\n".join([head, *_told(findings)]), [finding.law.name for finding in findings])


_HINTS = {
    "NoneType": "a state is read before its first step without `x if state is None else y`, or an argument is None.",
    "truth value of an array": "a Python `and`, `or`, `not` or `a < b < c` on elements: use `&`, `|` and `where`.",
    "Boolean value of Tensor": "a Python `if`, `and`, `or` or `not` on elements: use `where`.",
    "data-dependent control flow": "a Python `if`, `and`, `or` or `not` on elements: use `where`.",
    "zip()": "the rule does not return the parameter and every state of its signature.",
    "numpy()": "the rule leaves torch for NumPy, where no gradient and no vmap can follow.",
}


def _hint(error: Exception) -> str:
    """The usual cause of an exception, by the words in it."""
    return next((hint for words, hint in _HINTS.items() if words in str(error)), "")


def _line_of(subject: Subject, error: Exception) -> str:
    """The line of the rule's own file where an exception came from."""
    file = subject.function.__code__.co_filename
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"\n{file}:{own[-1].lineno}: {own[-1].line}" if own else ""
