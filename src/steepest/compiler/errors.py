"""What is said of a function that is no rule: the line, the reason, and what to write instead."""

import inspect
import textwrap
from dataclasses import dataclass
from types import FunctionType
from typing import Any


class RuleError(TypeError):
    """A function cannot be read as a rule: names the line, the reason and what may be written instead."""

    __module__ = "steepest"  # where users find it


def source(function: Any) -> str:
    """The text of a function, without the indentation of where it stands."""
    return textwrap.dedent(inspect.getsource(function))


@dataclass(frozen=True)
class Place:
    """A line of a rule's source, counted from 1 at its `def`."""

    function: FunctionType
    line: int = 1

    def error(self, reason: str, way_out: str) -> RuleError:
        """The refusal of this line."""
        code = self.function.__code__
        text = source(self.function).splitlines()[self.line - 1].strip()
        where = f"rule {self.function.__name__!r}, {code.co_filename}:{code.co_firstlineno + self.line - 1}"
        return RuleError(f"{where}\n    {text}\n{reason}\nInstead: {way_out}")
