"""The values of an optimizer's arguments: what cannot work is refused in torch's words."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from steepest.compiler.rule import Rule
from steepest.ranges import Range, ranges

_CHOICES = {
    "adjust_lr_fn": (("original", "match_rms_adamw"), "Adjust learning rate function {} is not supported"),
    "beyond_matrices": (("flatten", "batch"), "beyond_matrices={!r} is not supported"),
}
"""Hyperparameters that are one of a few words, and what is said of another."""


def check(rule: Rule, arguments: Mapping[str, Any]) -> None:
    """Refuse what no optimizer can work with (ValueError, RuntimeError)."""
    _check_numbers(rule, arguments)
    for name, allowed in ranges(rule).items():
        _check_range(arguments[name], allowed, rule.hyperparameters[name])
    if rule.is_own:
        _check_as_torch(rule, arguments)
    _check_implementation(arguments)


def _check_as_torch(rule: Rule, arguments: Mapping[str, Any]) -> None:
    """What torch demands of a few optimizers beside ranges."""
    for name, (choices, refusal) in _CHOICES.items():
        if arguments.get(name) is not None and arguments[name] not in choices:
            raise ValueError(f"{refusal.format(arguments[name])}: choose {' or '.join(choices)}")
    if "amsgrad" in arguments:
        _check_betas(arguments["betas"], arguments)
    if rule.name == "rprop":
        _check_rprop(arguments["etas"], arguments["step_sizes"])
    if rule.name == "sgd" and arguments["nesterov"] and (arguments["momentum"] <= 0 or arguments["dampening"] != 0):
        raise ValueError("Nesterov momentum requires a momentum and zero dampening")


def _check_numbers(rule: Rule, arguments: Mapping[str, Any]) -> None:
    for name, default in rule.hyperparameters.items():
        several = isinstance(default, tuple)
        if several and not (isinstance(arguments[name], Sequence) and len(arguments[name]) == len(default)):
            raise ValueError(f"{name} must be {len(default)} numbers such as {default}, not {arguments[name]}")
        if not all(_is_kind_of(value, default) for value in (arguments[name] if several else [arguments[name]])):
            raise TypeError(f"{name} must be a number as in {name}={default!r}, its default, not {arguments[name]!r}")
    for name, value in arguments.items():
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")


def _check_implementation(arguments: Mapping[str, Any]) -> None:
    lr = arguments.get("lr")
    if isinstance(lr, Tensor) and arguments.get("foreach") and arguments.get("capturable") is False:
        raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
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


def _check_range(given: Any, allowed: Range, default: Any) -> None:
    several = isinstance(default, tuple)
    for index, (value, usual) in enumerate(zip(given, default, strict=True) if several else [(given, default)]):
        if (value is not None or usual is not None) and value not in allowed:
            raise ValueError(allowed.refusal(value, index if several else None))


def _check_rprop(etas: tuple[float, float], step_sizes: tuple[float, float]) -> None:
    if not 0.0 < etas[0] < 1.0 < etas[1]:
        raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
    if not 0.0 <= step_sizes[0] <= step_sizes[1]:
        raise ValueError(f"Invalid step_sizes: {step_sizes[0]}, {step_sizes[1]}; give the smallest, then the largest")


def _is_kind_of(value: Any, default: Any) -> bool:
    """A number; or a word or nothing, where that is usual."""
    usual = default if isinstance(default, tuple) else (default,)
    words = (str, type(None)) if None in usual else ()
    return isinstance(value, (bool, int, float, Tensor, *words))


def check_kinds(rule: Rule, groups: Sequence[Mapping[str, Any]]) -> None:
    """Refuse hyperparameters that are not numbers where numbers are wanted: a damaged file has them (ValueError)."""
    for group in groups:
        for name, default in rule.hyperparameters.items():
            given = group.get(name, default)
            values = given if isinstance(default, tuple) and isinstance(given, (tuple, list)) else [given]
            wanted = len(default) if isinstance(default, tuple) else 1
            if len(values) != wanted or not all(_is_kind_of(v, default) for v in values):
                raise ValueError(
                    f"The checkpoint has {name}={given!r} where {default!r} would be usual: it is damaged or of "
                    "something else. Nothing was changed."
                )
