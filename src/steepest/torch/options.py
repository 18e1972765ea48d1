"""The arguments of an optimizer: their names, their defaults, and how those that were given are bound to them."""

import difflib
import inspect
from collections.abc import Iterable
from typing import Any

import torch

from steepest.rule import Rule

_FRONT_END: dict[str, Any] = {
    "foreach": None,
    "maximize": False,
    "capturable": False,
    "differentiable": False,
    "fused": None,
}
"""What every optimizer takes beside its rule's hyperparameters.  Device and dtype choose the implementation, so
`foreach`, `fused` and `capturable` are accepted and change nothing; `differentiable` runs the rule on tensors."""


_ELSEWHERE = {"learning_rate": "lr", "beta_1": "betas", "beta_2": "betas", "b1": "betas", "b2": "betas"}
_ELSEWHERE |= {"epsilon": "eps", "rho": "alpha", "decay": "weight_decay", "wd": "weight_decay"}
"""What other libraries call an argument."""


def torch_class(rule: Rule) -> type[torch.optim.Optimizer] | None:
    """torch.optim's class for this rule of ours, if it has one; a stranger's rule may have any name."""
    if not rule.is_own:
        return None
    return next((getattr(torch.optim, c) for c in torch.optim.__all__ if c.lower() == rule.name.replace("_", "")), None)


def signature(rule: Rule) -> inspect.Signature:
    """`(params, *hyperparameters, *options)`: exactly torch's where torch has this optimizer."""
    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    theirs = torch_class(rule)
    if theirs is not None:
        parameters = list(inspect.signature(theirs).parameters.values())
        ours = [name for name in rule.hyperparameters if name not in inspect.signature(theirs).parameters]
        return inspect.Signature(
            [p.replace(default=rule.hyperparameters.get(p.name, p.default)) for p in parameters]
            + [inspect.Parameter(name, keyword, default=rule.hyperparameters[name]) for name in ours]
        )
    return inspect.Signature(
        [inspect.Parameter("params", positional)]
        + [inspect.Parameter(name, positional, default=value) for name, value in rule.hyperparameters.items()]
        + [inspect.Parameter(name, keyword, default=value) for name, value in _FRONT_END.items()]
    )


def bind(called: str, expected: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, defaults included; a misspelt one is answered with the nearest."""
    check_names(called, kwargs, expected.parameters)
    try:
        bound = expected.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{called}() {error}") from None
    bound.apply_defaults()
    return dict(bound.arguments)


def check_names(called: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse arguments that there are not (TypeError)."""
    known = list(known)
    for name in given:
        if name not in known:
            elsewhere = _ELSEWHERE.get(name)
            near = [elsewhere] if elsewhere in known else difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else f" It takes {', '.join(known)}."
            raise TypeError(f"{called}() got an unexpected keyword argument {name!r}.{hint}")
