"""Drop-in for torch.optim: the same names, signatures, defaults, errors and checkpoints, on kernels of our own."""

import functools
from collections.abc import Callable
from typing import Any

import torch

from steepest import rules
from steepest.rule import read
from steepest.torch import options
from steepest.torch.base import RuleOptimizer
from steepest.torch.optimizer import ElementwiseOptimizer
from steepest.torch.state import number_dtype

__all__ = [
    "ASGD", "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "NAdam", "RAdam", "RMSprop", "Rprop",
    "RuleOptimizer", "optimizer",
]  # fmt: skip


@functools.cache
def optimizer(rule: Callable[..., Any]) -> type[RuleOptimizer]:
    """A torch optimizer class of a rule, named after it: fused on CPU, the rule itself on tensors elsewhere.

    rule: `f(p, g, *state, step, *, hyperparameters)`, see `steepest.rule.read`.
    Raises RuleError where the function cannot be read as a rule.
    """
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
    return type(name, (ElementwiseOptimizer,), contents)


SGD = optimizer(rules.sgd)
RMSprop = optimizer(rules.rmsprop)
Adadelta = optimizer(rules.adadelta)
Adam = optimizer(rules.adam)
AdamW = optimizer(rules.adamw)
AdamW.also = {"decoupled_weight_decay": True}
Adamax = optimizer(rules.adamax)
NAdam = optimizer(rules.nadam)
RAdam = optimizer(rules.radam)
ASGD = optimizer(rules.asgd)
Rprop = optimizer(rules.rprop)
Lion = optimizer(rules.lion)


class Adagrad(optimizer(rules.adagrad)):
    """Adagrad, whose state torch makes when the optimizer is made, so that processes can share it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for group in self.param_groups:
            for p in group["params"]:
                start = group["initial_accumulator_value"]
                self.state[p]["step"] = torch.tensor(0.0, dtype=number_dtype())
                self.state[p]["sum"] = torch.full_like(p, start, memory_format=torch.preserve_format)

    def share_memory(self) -> None:
        """Move every sum of squares into shared memory."""
        for state in self.state.values():
            state["sum"].share_memory_()


for _class in (SGD, RMSprop, Adadelta, Adam, AdamW, Adamax, NAdam, RAdam, ASGD, Rprop, Lion, Adagrad):
    _class.__module__ = __name__
    _class.__qualname__ = _class.__name__
