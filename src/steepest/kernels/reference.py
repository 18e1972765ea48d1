"""The rule itself, run on whole arrays: what every kernel is held to, and what runs where no kernel does."""

from collections.abc import Mapping
from typing import Any

from steepest.ops import zeros_like
from steepest.program import program
from steepest.rule import Rule


def step(
    rule: Rule,
    p: Any,
    g: Any,
    state: Mapping[str, Any],
    hyperparameters: Mapping[str, Any],
    *,
    step: float = 1.0,
    maximize: bool = False,
) -> tuple[Any, dict[str, Any]]:
    """One step of a rule on NumPy arrays or tensors of one dtype: the new parameter and the new state.

    state: name -> array, or number for those that are one; a state that does not exist yet is missing or None, and
    starts at zero unless the rule tests for None.  step: the number of this step, from 1.
    """
    given = {name: state.get(name) for name in rule.state}
    if rule.elementwise:
        given |= _zeros(rule, p, given, hyperparameters)
    new_p, new_state = _call(rule, p, -g if maximize else g, given, hyperparameters, step)
    kept = program(rule, hyperparameters).kept if rule.elementwise else rule.state
    return new_p, {name: new_state[name] for name in kept if new_state[name] is not None}


def _zeros(rule: Rule, p: Any, given: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """The states that start at zero."""
    lines = program(rule, hyperparameters)
    missing = [name for name in lines.kept if given[name] is None and name not in lines.fresh]
    return {name: 0.0 if name in lines.numbers else zeros_like(p) for name in missing}


def _call(
    rule: Rule, p: Any, g: Any, state: Mapping[str, Any], hyperparameters: Mapping[str, Any], step: float
) -> tuple[Any, dict[str, Any]]:
    arguments = {name: hyperparameters[name] for name in rule.hyperparameters}
    counted = {"step": step} if rule.counts else {}
    result = rule.function(p, g, **state, **counted, **arguments)
    new_p, *new_state = result if isinstance(result, tuple) else (result,)
    return new_p, dict(zip(rule.state, new_state, strict=True))
