"""What torch demands of an optimizer's arguments beside kind and range, in torch's words."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from steepest.compiler.rule import Rule
from steepest.hyperparameters.values import check_values, is_number

_CHOICES = {
    "adjust_lr_fn": (
        ("original", "match_rms_adamw", "spectral_unclamped"),
        "Adjust learning rate function {} is not supported",
    ),
    "beyond_matrices": (("flatten", "batch"), "beyond_matrices={!r} is not supported"),
}
"""Hyperparameters that are one of a few words, and what is said of another."""


def check(rule: Rule, arguments: Mapping[str, Any]) -> None:
    """Refuse what no optimizer can work with (TypeError, ValueError, RuntimeError)."""
    for name, value in arguments.items():
        if isinstance(value, Tensor) and value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")
    check_values(rule, arguments, arrays=(Tensor,))
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
            if len(values) != wanted or not all(is_number(v, default, (Tensor,)) for v in values):
                raise ValueError(
                    f"The checkpoint has {name}={given!r} where {default!r} would be usual: it is damaged or of "
                    "something else. Nothing was changed."
                )
