"""The optax transformation of any rule."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from steepest.compiler.arrays import chosen
from steepest.compiler.branches import scalar_states
from steepest.compiler.rule import Rule, read
from steepest.hyperparameters.arguments import bind
from steepest.hyperparameters.values import check_values
from steepest.kernels import reference
from steepest.optax.arrays import step
from steepest.optax.by_rule import as_real

Hyperparameters = Mapping[str, Any]


class RuleState(NamedTuple):
    """The state of a rule's transformation.

    Attributes:
        count: The number of steps taken.
        state: For each state of the rule a tree like that of the parameters.
    """

    count: Any
    state: dict[str, Any]


def transformation(rule: Callable[..., Any]) -> Callable[..., optax.GradientTransformationExtraArgs]:
    """Make the optax function of a rule, as `optax.adam` is one of Adam.

    A hyperparameter may be a number, an array, or a function of the count of steps from 0, as schedules are.  The
    parameters must be given to `update`.

    Args:
        rule: `f(p, g, *state, step, *, hyperparameters)`, one of `steepest.rules` or your own.

    Returns:
        A function of the rule's hyperparameters.  It makes the transformation, and raises TypeError or ValueError for
        values that cannot work.

    Raises:
        RuleError: The function is not a rule.

    Examples:
        >>> import jax.numpy as jnp
        >>> from steepest import optax, rules
        >>> adam = optax.transformation(rules.adam)(lr=0.1)
        >>> params = jnp.ones(3)
        >>> updates, state = adam.update(jnp.ones(3), adam.init(params), params)
        >>> [round(float(x), 4) for x in optax.apply_updates(params, updates)]
        [0.9, 0.9, 0.9]
    """
    stated = read(rule)
    keyword = inspect.Parameter.KEYWORD_ONLY
    signature = inspect.Signature(
        [inspect.Parameter(name, keyword, default=default) for name, default in stated.hyperparameters.items()]
    )

    def make(**hyperparameters: Any) -> optax.GradientTransformationExtraArgs:
        given = bind(stated.name, signature, (), hyperparameters)
        check_values(stated, given, called=f"{stated.name}()")
        _check_counts(stated, given)
        form = _elementwise(stated, given) if stated.elementwise else _whole(stated, given)
        return optax.with_extra_args_support(form)

    make.__name__ = make.__qualname__ = stated.name
    make.__doc__ = f"{stated.doc}\n\nState: {', '.join(stated.state) or 'none'}."
    make.__signature__ = signature  # type: ignore[attr-defined]
    return make


def _elementwise(rule: Rule, hyperparameters: Hyperparameters) -> optax.GradientTransformation:
    lines = chosen(rule, hyperparameters)

    def init(params: Any) -> RuleState:
        arrays = {name: jax.tree.map(jnp.zeros_like, params) for name in lines.state}
        return RuleState(jnp.zeros((), jnp.int32), arrays | {name: jnp.zeros(()) for name in lines.scalar_states})

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, RuleState]:
        _check(rule, updates, params)
        count = optax.safe_increment(state.count)
        values = _at(hyperparameters, state.count)
        given = tuple(state.state[name] for name in lines.scalar_states)
        moved, kept, new = step(
            lines, params, updates, state.state, values, count=as_real(count), is_first=state.count == 0, numbers=given
        )
        new_numbers = {
            name: jnp.asarray(value, jnp.result_type(float))
            for name, value in zip(lines.scalar_states, new, strict=True)
        }
        return moved, RuleState(count, kept | new_numbers)

    return optax.GradientTransformation(init, update)


def _whole(rule: Rule, hyperparameters: Hyperparameters) -> optax.GradientTransformation:
    """Of a rule of whole tensors, whose first step makes the state in the shape that it needs."""

    def first(p: Any, g: Any, values: Hyperparameters) -> tuple[Any, dict[str, Any]]:
        return _in_dtype_of(p, *reference.step(rule, _wide(p), _wide(g), {}, values, step=1.0))

    def init(params: Any) -> RuleState:
        _check_shapes(rule, params)
        values = _at(hyperparameters, 0)
        shapes = jax.tree.map(lambda p: jax.eval_shape(lambda q: first(q, q, values)[1], p), params)
        zeros = {
            name: jax.tree.map(lambda _, made: _zeros(made.get(name)), params, shapes)  # noqa: B023 - called at once
            for name in rule.state
        }
        return RuleState(jnp.zeros((), jnp.int32), zeros)

    def one(p: Any, g: Any, own: dict[str, Any], count: Any, values: Hyperparameters) -> tuple[Any, dict[str, Any]]:
        kept = {name: _wide(value) for name, value in own.items() if value is not None}

        def later() -> tuple[Any, dict[str, Any]]:
            return _in_dtype_of(p, *reference.step(rule, _wide(p), _wide(g), kept, values, step=as_real(count)))

        moved, new = jax.lax.cond(count == 1, lambda: first(p, g, values), later) if kept else later()
        return moved.astype(jnp.result_type(g, p)), {name: new.get(name) for name in own}

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, RuleState]:
        _check(rule, updates, params)
        count = optax.safe_increment(state.count)
        values = _at(hyperparameters, state.count)
        leaves, tree = jax.tree.flatten(updates)
        kept = {name: _leaves(tree, state.state[name]) for name in rule.state}
        done = [
            one(p, g, {name: kept[name][place] for name in rule.state}, count, values)
            for place, (p, g) in enumerate(zip(tree.flatten_up_to(params), leaves, strict=True))
        ]
        new_state = {name: tree.unflatten([new[name] for _, new in done]) for name in rule.state}
        return tree.unflatten([moved for moved, _ in done]), RuleState(count, new_state)

    return optax.GradientTransformation(init, update)


def _wide(value: Any) -> Any:
    return jnp.asarray(value, jnp.promote_types(jnp.result_type(value), jnp.float32))


def _in_dtype_of(p: Any, new_p: Any, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """How far the parameter moved, and the state in its dtype."""
    return new_p - _wide(p), {name: value.astype(jnp.result_type(p)) for name, value in state.items()}


def _zeros(made: Any) -> Any:
    return None if made is None else jnp.zeros(made.shape, made.dtype)


def _leaves(tree: Any, states: Any) -> list[Any]:
    return tree.flatten_up_to(states)


_LEAST_AXES = {"muon": 2}
"""How many dimensions the arrays have at least that a rule of whole tensors of ours can step."""


def _check_shapes(rule: Rule, params: Any) -> None:
    least = _LEAST_AXES.get(rule.name, 0) if rule.function.__module__.startswith("steepest.") else 0
    for path, p in jax.tree_util.tree_leaves_with_path(params):
        if jnp.ndim(p) < least:
            raise ValueError(
                f"{rule.name} steps matrices, but the parameter{jax.tree_util.keystr(path)} has shape {jnp.shape(p)}. "
                "Step such by another: `optax.multi_transform({'matrix': muon, 'rest': optax.adamw(3e-4)}, "
                "lambda params: jax.tree.map(lambda p: 'matrix' if p.ndim > 1 else 'rest', params))`."
            )


def _check_counts(rule: Rule, hyperparameters: Hyperparameters) -> None:
    """Refuse arrays and schedules where a rule of whole tensors counts with a number (TypeError)."""
    for name, default in rule.hyperparameters.items():
        counts = isinstance(default, int) and not rule.elementwise
        if counts and (isinstance(hyperparameters[name], jax.Array) or callable(hyperparameters[name])):
            raise TypeError(
                f"{rule.name}(): {name} must be a number, as in {name}={default!r}: it decides what is computed, so it "
                f"cannot be an array or a schedule. Under optax.inject_hyperparams, write `static_args=[{name!r}]`."
            )


def _check(rule: Rule, updates: Any, params: Any) -> None:
    if params is None:
        raise ValueError(
            f"The transformation of {rule.name} was not given the parameters, which a rule steps from. "
            "Write `transformation.update(grads, state, params)`."
        )
    if scalar_states(rule) and not rule.elementwise:
        raise TypeError(f"{rule.name} keeps numbers of whole tensors, which optax cannot.")
    if any(map(jnp.iscomplexobj, jax.tree.leaves(updates))):
        raise TypeError(
            f"The transformation of {rule.name} was given complex gradients; a rule is of real numbers. "
            "Wrap it: `optax.contrib.split_real_and_imaginary(...)`."
        )


def _at(hyperparameters: Hyperparameters, count: Any) -> dict[str, Any]:
    """The hyperparameters with the values that schedules have at this count."""

    def now(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return tuple(map(now, value))
        return value(count) if callable(value) else value

    return {name: now(value) for name, value in hyperparameters.items()}
