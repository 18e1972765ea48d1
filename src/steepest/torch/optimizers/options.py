"""The arguments of an optimizer for torch: their names and their defaults."""

import inspect
from collections.abc import Callable, Container, Mapping
from typing import Any

import torch

from steepest.compiler.rule import Rule

_FRONT_END: dict[str, Any] = {
    "foreach": None,
    "maximize": False,
    "capturable": False,
    "differentiable": False,
    "fused": None,
}
"""What every optimizer takes beside its rule's hyperparameters.  Device and dtype choose the implementation: `foreach`
changes nothing, `fused` and `capturable` keep step counts on a GPU, `differentiable` runs the rule on tensors."""


def torch_class(rule: Rule) -> type[torch.optim.Optimizer] | None:
    """torch.optim's class for this rule of ours, if it has one; a stranger's rule may have any name."""
    if not rule.is_own:
        return None
    return next((getattr(torch.optim, c) for c in torch.optim.__all__ if c.lower() == rule.name.replace("_", "")), None)


def beyond_torch(rule: Rule) -> tuple[str, ...]:
    """The hyperparameters that torch's class for this rule does not take, where there is one."""
    theirs = torch_class(rule)
    known = inspect.signature(theirs).parameters if theirs else rule.hyperparameters
    return tuple(name for name in rule.hyperparameters if name not in known)


def unknown(rule: Rule) -> dict[str, Any]:
    """Arguments of torch's class for this rule that we do not know, as a later release has, with their defaults."""
    theirs = torch_class(rule)
    known = {"params", *rule.hyperparameters, *_FRONT_END}
    return defaults(theirs, known) if theirs else {}


def defaults(theirs: type[Any], known: Container[str]) -> dict[str, Any]:
    return {name: p.default for name, p in inspect.signature(theirs).parameters.items() if name not in known}


def refuse_unknown(called: str, unknown: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse an argument that would have no effect (TypeError); at torch's default it asks for nothing."""
    for name in unknown.keys() & given.keys():
        if given[name] is not unknown[name] and given[name] != unknown[name]:
            raise TypeError(
                f"{called} was given {name}={given[name]!r}, an argument of this release of torch that steepest does "
                f"not know yet, so it would have no effect. Leave it at {unknown[name]!r}, or use torch.optim.{called}."
            )


def with_init_signature(signature: inspect.Signature, init: Callable[..., None]) -> Callable[..., None]:
    """An `__init__` whose arguments can be listed, as LightningCLI and jsonargparse do."""
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD), *signature.parameters.values()]
    init.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return init


def signature(rule: Rule) -> inspect.Signature:
    """`(params, *hyperparameters, *options)`: exactly torch's where torch has this optimizer."""
    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    theirs = torch_class(rule)
    if theirs is not None:
        parameters = list(inspect.signature(theirs).parameters.values())
        return inspect.Signature(
            [p.replace(default=rule.hyperparameters.get(p.name, p.default)) for p in parameters]
            + [inspect.Parameter(name, keyword, default=rule.hyperparameters[name]) for name in beyond_torch(rule)]
        )
    return inspect.Signature(
        [inspect.Parameter("params", positional)]
        + [inspect.Parameter(name, positional, default=value) for name, value in rule.hyperparameters.items()]
        + [inspect.Parameter(name, keyword, default=value) for name, value in _FRONT_END.items()]
    )
