"""optax's own transformations, with a rule in place of their update: their arguments, their state, their names."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from steepest.compiler.arrays import chosen
from steepest.compiler.rule import Rule, read
from steepest.dialects import optax as dialect
from steepest.optax.arrays import step

_OF_THE_FIRST_STATE = {"accumulator_dtype", "initial_accumulator_value", "initial_scale", "mu_dtype"}
"""Arguments that say nothing of a step: the state that optax makes has them in it."""

_NEVER_ASKED_AGAIN = {"initial_accumulator_value", "initial_scale", "learning_rate"}
"""Arguments that only the first state has: also the rate of `scale_by_rprop`, where its steps begin."""


def by_rule(name: str) -> Callable[..., optax.GradientTransformation]:
    """The transformation that optax calls so, stepped by the rule that `steepest.dialects.optax` calls so.

    Where it is given an argument that the rule has no word for, it is optax's own.  A number of the rule may be a
    function of the count of steps from 0, as a schedule is; then `optax.inject_hyperparams` keeps the count.
    """
    theirs, rule = getattr(optax, name), read(getattr(dialect, name))
    signature = inspect.signature(theirs)

    @functools.wraps(theirs)
    def transformation(*args: Any, **kwargs: Any) -> optax.GradientTransformation:
        given = signature.bind(*args, **kwargs).arguments
        if moving := _schedules(name, given, rule):
            fixed = [key for key in signature.parameters if key not in moving]
            # In the digits that JAX has: optax would round a beta of 0.999 to 1 where the parameters are bfloat16.
            scheduled = optax.inject_hyperparams(transformation, fixed, jnp.result_type(float))
            return scheduled(*args, **kwargs)
        own = theirs(*args, **kwargs)
        unknown = [key for key in given if key not in rule.hyperparameters and key not in _OF_THE_FIRST_STATE]
        if any(given[key] != signature.parameters[key].default for key in unknown):
            return own
        known = {key: value for key, value in given.items() if key in rule.hyperparameters}
        return _stepped_by(rule, dialect.FIELDS[name], {**rule.hyperparameters, **known}, own)

    transformation.__module__ = "steepest.optax"
    return transformation


def _schedules(name: str, given: Mapping[str, Any], rule: Rule) -> list[str]:
    """The arguments that are functions of the count of steps.

    Raises TypeError where the number is asked for only once.
    """
    for key in _NEVER_ASKED_AGAIN & given.keys():
        if callable(given[key]):
            raise TypeError(
                f"{name}(): {key} cannot be a schedule, {given[key]!r}: it is where the state starts, before the first "
                "step. Give a number."
            )
    return [key for key, value in given.items() if key in rule.hyperparameters and callable(value)]


def _stepped_by(
    rule: Rule, fields: dict[str, str], hyperparameters: dict[str, Any], own: optax.GradientTransformation
) -> optax.GradientTransformation:
    """own: optax's transformation, which makes the state, so that checkpoints go both ways."""
    lines = chosen(rule, hyperparameters)

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        if any(map(jnp.iscomplexobj, jax.tree.leaves(updates))):  # whose squares are not what a rule's are
            return own.update(updates, state, params)
        counts = "count" in state._fields  # a tuple has a method of that name
        count = optax.safe_increment(state.count) if counts else 1
        states = {ours: getattr(state, field) for ours, field in fields.items()}
        moved, kept, _ = step(lines, None, updates, states, hyperparameters, count=as_real(count), is_first=False)
        named = {fields[ours]: value for ours, value in kept.items()}
        return jax.tree.map(jnp.negative, moved), state._replace(**named, **({"count": count} if counts else {}))

    return optax.GradientTransformation(own.init, update)


def as_real(count: Any) -> Any:
    """A count as a floating point number: an integer to a large power would be none."""
    return float(count) if isinstance(count, int) else count.astype(jnp.result_type(float))


trace = by_rule("trace")
scale_by_adadelta = by_rule("scale_by_adadelta")
scale_by_adam = by_rule("scale_by_adam")
scale_by_adamax = by_rule("scale_by_adamax")
scale_by_amsgrad = by_rule("scale_by_amsgrad")
scale_by_lion = by_rule("scale_by_lion")
scale_by_radam = by_rule("scale_by_radam")
scale_by_rms = by_rule("scale_by_rms")
scale_by_rprop = by_rule("scale_by_rprop")
scale_by_rss = by_rule("scale_by_rss")
scale_by_stddev = by_rule("scale_by_stddev")
