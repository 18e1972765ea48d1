"""The rule itself, run on whole arrays: what every kernel is held to, and what runs where no kernel does."""

import functools
from collections.abc import Mapping
from typing import Any

from steepest.compiler.evaluation import run
from steepest.compiler.program import Program, program
from steepest.compiler.rule import Rule
from steepest.ops import zeros_like


def step(
    rule: Rule,
    p: Any,
    g: Any,
    state: Mapping[str, Any],
    hyperparameters: Mapping[str, Any],
    *,
    step: float = 1.0,
    maximize: bool = False,
    choosing: Mapping[str, Any] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """One step of a rule on NumPy arrays or tensors of one dtype: the new parameter and the new state.

    state: name -> array, or number for those that are one; a state that does not exist yet is missing or None, and
    starts at zero unless the rule tests for None.  step: the number of this step, from 1.
    choosing: hyperparameters for the `if`s of the rule, where they cannot be asked of those that it computes with.
    """
    given = {name: state.get(name) for name in rule.state}
    function, kept = rule.function, rule.state
    if rule.elementwise:
        lines = program(rule, choosing or hyperparameters)
        given |= _zeros(lines, p, given)
        function, kept = functools.partial(_straight, lines) if choosing else rule.function, lines.kept
    arguments = {name: hyperparameters[name] for name in rule.hyperparameters}
    counted = {"step": step} if rule.counts else {}
    result = function(p, -g if maximize else g, **given, **counted, **arguments)
    new_p, *values = result if isinstance(result, tuple) else (result,)
    new_state = dict(zip(rule.state, values, strict=True))
    return new_p, {name: new_state[name] for name in kept if new_state[name] is not None}


def _straight(lines: Program, p: Any, g: Any, **given: Any) -> tuple[Any, ...]:
    """The rule without its `if`s, for hyperparameters whose truth cannot be asked."""
    values = run(lines.lines, {"p": p, "g": g, **given})
    return tuple(values[name] for name in ("p", *lines.rule.state))


def _zeros(lines: Program, p: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The states that start at zero."""
    missing = [name for name in lines.kept if given[name] is None and name not in lines.uninitialized]
    return {name: 0.0 if name in lines.scalar_states else zeros_like(p) for name in missing}
