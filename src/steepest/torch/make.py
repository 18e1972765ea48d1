"""From a rule to its optimizer class."""

import functools
from collections.abc import Callable
from typing import Any

from steepest.compiler.rule import read
from steepest.torch import options
from steepest.torch.base import RuleOptimizer
from steepest.torch.optimizer import ElementwiseOptimizer
from steepest.torch.whole import WholeOptimizer


@functools.cache
def optimizer(rule: Callable[..., Any]) -> type[Any]:
    """The class of a rule alone; `steepest.optimizer` gives ours where torch has more beside its rule."""
    read_rule = read(rule)
    theirs = options.torch_class(read_rule)
    name = theirs.__name__ if theirs else "".join(part.capitalize() for part in read_rule.name.split("_"))
    contents = {
        "__doc__": f"{read_rule.doc}\n\nArguments as in its signature; state: {', '.join(read_rule.state) or 'none'}.",
        "__module__": rule.__module__,
        "__signature__": options.signature(read_rule),
        "signature": options.signature(read_rule),
        "rule": read_rule,
    }
    base: type[RuleOptimizer] = ElementwiseOptimizer if read_rule.elementwise else WholeOptimizer
    return type(name, (base,), contents)
