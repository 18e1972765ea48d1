"""From a rule to its optimizer class."""

import functools
from collections.abc import Callable
from typing import Any

from steepest.compiler.rule import read
from steepest.torch.optimizers import options
from steepest.torch.optimizers.base import RuleOptimizer
from steepest.torch.optimizers.elementwise import ElementwiseOptimizer
from steepest.torch.optimizers.whole import WholeOptimizer


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
        "beyond_torch": options.beyond_torch(read_rule),
        "unknown": options.unknown(read_rule),
        "__reduce__": _reduce,
    }
    base: type[RuleOptimizer] = ElementwiseOptimizer if read_rule.elementwise else WholeOptimizer
    cls = type(name, (base,), contents)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - the method of that name
        super(cls, self).__init__(*args, **kwargs)

    cls.__init__ = options.with_init_signature(options.signature(read_rule), __init__)  # type: ignore[misc]
    return cls


def _reduce(self: RuleOptimizer) -> Any:
    """For pickle: a class that is made of a rule has a name, but perhaps nowhere to be found by it."""
    if "rule" not in vars(type(self)):  # a class that somebody wrote
        return object.__reduce__(self)
    return _made_again, (self.rule.function,), self.__getstate__()


def _made_again(rule: Callable[..., Any]) -> RuleOptimizer:
    """An empty instance of a rule's class."""
    return object.__new__(optimizer(rule))
