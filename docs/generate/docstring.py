"""What a rule says in its own docstring, below its first line: so a new rule needs no line in `words.py`.

betas: How much of the averages is kept from step to step.
Xie et al., 2022: Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models,
    https://arxiv.org/abs/2208.06677
"""

import inspect
import re

from steepest.compiler.rule import Rule

_SOURCE = re.compile(r"(?P<cited>[^:]+, \d{4}): (?P<title>.+), (?P<address>https://\S+)")


def meanings(rule: Rule) -> dict[str, str]:
    """Hyperparameter -> its meaning."""
    found = (line.partition(": ") for line in _lines(rule))
    return {name: meaning for name, _, meaning in found if name in rule.hyperparameters}


def sources(rule: Rule) -> dict[str, tuple[str, str]]:
    """What is cited -> its title and address."""
    found = map(_SOURCE.fullmatch, _lines(rule))
    return {match["cited"]: (match["title"], match["address"]) for match in found if match}


def _lines(rule: Rule) -> list[str]:
    """The lines below the first; one that is indented continues the one before."""
    text = inspect.getdoc(rule.function) or ""
    return re.sub(r"\n\s+", " ", text.partition("\n")[2].strip()).splitlines()
