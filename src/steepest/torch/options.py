"""The arguments of an optimizer: their signature, their ranges, and torch's words for what is wrong with them."""

import difflib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from steepest.ranges import Range, ranges
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
    if not rule.function.__module__.startswith("steepest.rules."):
        return None
    return next((getattr(torch.optim, c) for c in torch.optim.__all__ if c.lower() == rule.name.replace("_", "")), None)


def signature(rule: Rule) -> inspect.Signature:
    """`(params, *hyperparameters, *options)`: exactly torch's where torch has this optimizer."""
    theirs = torch_class(rule)
    if theirs is not None:
        parameters = list(inspect.signature(theirs).parameters.values())
        return inspect.Signature(
            [p.replace(default=rule.hyperparameters.get(p.name, p.default)) for p in parameters],
        )
    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [inspect.Parameter("params", positional)]
        + [inspect.Parameter(name, positional, default=value) for name, value in rule.hyperparameters.items()]
        + [inspect.Parameter(name, keyword, default=value) for name, value in _FRONT_END.items()]
    )


def bind(called: str, expected: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, defaults included; a misspelt one is answered with the nearest."""
    for name in kwargs:
        if name not in expected.parameters:
            elsewhere = _ELSEWHERE.get(name)
            near = [elsewhere] if elsewhere in expected.parameters else []
            near = near or difflib.get_close_matches(name, expected.parameters, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else f" It takes {', '.join(expected.parameters)}."
            raise TypeError(f"{called}() got an unexpected keyword argument {name!r}.{hint}")
    try:
        bound = expected.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{called}() {error}") from None
    bound.apply_defaults()
    return dict(bound.arguments)


def check(rule: Rule, arguments: Mapping[str, Any]) -> None:
    """Refuse what no optimizer can work with, in torch's words (ValueError, RuntimeError)."""
    for name, default in rule.hyperparameters.items():
        if isinstance(default, tuple) and len(arguments[name]) != len(default):
            raise ValueError(f"{name} must be {len(default)} numbers such as {default}, not {arguments[name]}")
    lr = arguments.get("lr")
    if isinstance(lr, Tensor) and arguments.get("foreach") and arguments.get("capturable") is False:
        raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
    for name, value in arguments.items():
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
    for name, allowed in ranges(rule.name).items():
        if name in rule.hyperparameters:
            several = isinstance(rule.hyperparameters[name], tuple)
            _check_range(arguments[name], allowed, several=several)
    if "amsgrad" in arguments:
        _check_betas(arguments["betas"], arguments)
    if "etas" in arguments:
        _check_rprop(arguments["etas"], arguments["step_sizes"])
    if arguments.get("nesterov") and (arguments["momentum"] <= 0 or arguments["dampening"] != 0):
        raise ValueError("Nesterov momentum requires a momentum and zero dampening")
    if arguments.get("fused") and arguments.get("differentiable"):
        raise RuntimeError("`fused` does not support `differentiable`")
    if arguments.get("fused") and arguments.get("foreach"):
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def _check_betas(betas: tuple[Any, ...], arguments: Mapping[str, Any]) -> None:
    if not any(all(isinstance(beta, kind) for beta in betas) for kind in (float, Tensor)):
        raise ValueError("betas must be either both floats or both Tensors")
    for index, beta in enumerate(betas):
        if isinstance(beta, Tensor) and arguments.get("foreach") and not arguments.get("capturable"):
            raise ValueError(f"betas[{index}] as a Tensor is not supported for capturable=False and foreach=True")
        if isinstance(beta, Tensor) and beta.numel() != 1:
            raise ValueError(f"Tensor betas[{index}] must be 1-element")


def _check_range(given: Any, allowed: Range, *, several: bool) -> None:
    for index, value in enumerate(given if several else [given]):
        if value not in allowed:
            raise ValueError(f"Invalid {allowed.called}{f' at index {index}' if several else ''}: {value}")


def _check_rprop(etas: tuple[float, float], step_sizes: tuple[float, float]) -> None:
    if not 0.0 < etas[0] < 1.0 < etas[1]:
        raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
    if not 0.0 <= step_sizes[0] <= step_sizes[1]:
        raise ValueError(f"Invalid step_sizes: {step_sizes[0]}, {step_sizes[1]}; give the smallest, then the largest")


def check_kinds(rule: Rule, groups: Sequence[Mapping[str, Any]]) -> None:
    """Refuse hyperparameters that are not numbers where numbers are wanted: a damaged file has them (ValueError)."""
    for group in groups:
        for name, default in rule.hyperparameters.items():
            given = group.get(name, default)
            values = given if isinstance(default, tuple) and isinstance(given, (tuple, list)) else [given]
            wanted = len(default) if isinstance(default, tuple) else 1
            if len(values) != wanted or not all(isinstance(v, (bool, int, float, Tensor)) for v in values):
                raise ValueError(
                    f"The checkpoint has {name}={given!r} where {default!r} would be usual: it is damaged or of "
                    "something else. Nothing was changed."
                )
