"""The facts on the page of an optimizer, found by reading its rule and by running its class."""

import functools
import inspect
import re
from dataclasses import dataclass
from typing import Any

import steepest
from steepest import rules
from steepest.compiler.rule import Rule, read
from steepest.hyperparameters.ranges import ranges

from . import docstring, valley
from .definitions import helpers
from .formula import formula
from .memory import Memory, memories
from .words import MEANINGS, RANGES_IN_WORDS, SOURCES, about

ORDER = (
    "SGD", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "SparseAdam", "ASGD",
    "Rprop", "Lion", "Adan", "Adafactor", "Muon", "LBFGS",
)  # fmt: skip
"""From the simplest on, families together."""

SHARED = ("maximize", "foreach", "fused", "capturable", "differentiable")
"""The arguments that mean the same for every optimizer."""


@dataclass(frozen=True)
class Argument:
    """A hyperparameter; `default` and `range` as they are printed."""

    name: str
    default: str
    range: str
    meaning: str


@dataclass(frozen=True)
class Optimizer:
    """The facts about one optimizer.

    summary: one sentence.  cited: its papers.  formula: as HTML.  file, source: the function itself.
    memories: of the defaults, then of each choice of options that changes them.
    paths: through Rosenbrock's valley, each with the paths at the next smaller and the next larger rate.
    """

    name: str
    rule: str
    summary: str
    cited: tuple[str, ...]
    sources: dict[str, tuple[str, str]]
    meanings: dict[str, str]
    formula: str
    file: str
    source: str
    memories: tuple[Memory, ...]
    paths: tuple[tuple[valley.Path, list[valley.Path]], ...]

    @property
    def page(self) -> str:
        """The name of its page."""
        return f"{self.name.lower()}.md"

    @property
    def signature(self) -> inspect.Signature:
        """The signature of its class."""
        return inspect.signature(getattr(steepest, self.name))

    @property
    def arguments(self) -> list[Argument]:
        """Its hyperparameters in the order of its signature."""
        own = [p for p in self.signature.parameters.values() if p.name not in ("params", *SHARED)]
        return [
            Argument(p.name, shown(p.default), _range(self.rule, p.name, p.default), self._meaning(p.name)) for p in own
        ]

    def _meaning(self, name: str) -> str:
        return self.meanings.get(name) or about(MEANINGS, self.rule, name)

    @property
    def shared(self) -> list[str]:
        """The shared arguments that it has."""
        return [name for name in SHARED if name in self.signature.parameters]


@functools.cache
def optimizers() -> tuple[Optimizer, ...]:
    """Every optimizer of steepest, in the order of the pages."""
    from .lbfgs import lbfgs

    found = [described(rule) for rule in rules.__all__] + [lbfgs()]
    return tuple(sorted(found, key=lambda one: ORDER.index(one.name) if one.name in ORDER else len(ORDER)))


def described(rule_name: str) -> Optimizer:
    """The facts about the optimizer of a rule."""
    rule = read(getattr(rules, rule_name))
    name = class_of(rule)
    sentence, _, cited = rule.doc.partition("  ")
    return Optimizer(
        name=name,
        rule=rule.name,
        summary=sentence,
        cited=tuple(source.strip() for source in cited.rstrip(".").split(";")),
        sources=SOURCES | docstring.sources(rule),
        meanings=docstring.meanings(rule),
        formula=formula(rule),
        file=file_of(rule.function),
        source=source(rule.function, *helpers(rule)),
        memories=tuple(memories(name)),
        paths=valley.searched(name),
    )


def class_of(rule: Rule) -> str:
    """The name of a rule's class."""
    return next(name for name in steepest.__all__ if getattr(getattr(steepest, name), "rule", None) is rule)


def file_of(function: Any) -> str:
    """The path of a function's file in the repository."""
    return f"src/{function.__module__.replace('.', '/')}.py"


def source(*functions: Any) -> str:
    """The functions as they are in their file, without comments for the formatter."""
    return "\n\n".join(re.sub(r" *# fmt: skip", "", inspect.getsource(function)) for function in functions)


def shown(value: Any) -> str:
    """A default as one would write it: 1e-8 and not 1e-08."""
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))})"
    if isinstance(value, float) and value >= 1e5:
        return f"{value:g}".replace("e+0", "e")
    return repr(value).replace("e-0", "e-")


def _range(rule: str, name: str, default: Any) -> str:
    if said := about(RANGES_IN_WORDS, rule, name):
        return said
    if isinstance(default, bool):
        return "`True` or `False`"
    interval = ranges(read(getattr(rules, rule))).get(name) if rule in rules.__all__ else None
    if interval is None:
        return "any"
    text = str(interval)
    return "each " * isinstance(default, tuple) + "in " * text.startswith(("[", "(")) + text
