"""One step of a rule on pytrees of JAX arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from steepest.compiler.arrays import traced
from steepest.compiler.program import Program

Tree = Any
States = dict[str, Tree]


def step(
    lines: Program,
    params: Tree,
    updates: Tree,
    states: Mapping[str, Tree],
    hyperparameters: Mapping[str, Any],
    *,
    count: Any,
    is_first: Any,
    numbers: Sequence[Any] = (),
) -> tuple[Tree, States, tuple[Any, ...]]:
    """How far each parameter moves, the new states, and the new numbers.

    params: None to step from zero.  count: of this step, from 1.  is_first: whether states that start in a special way
    start now; False if they were made before.
    """
    functions = traced(lines, moves=params is not None)
    uninitialized = dict.fromkeys(lines.uninitialized, is_first)
    scalars = functions.scalars(hyperparameters, count, uninitialized, numbers)
    split = len(scalars) - len(lines.scalar_states)
    slots, new_numbers = scalars[:split], scalars[split:]
    leaves, tree = jax.tree.flatten(updates, is_leaf=lambda g: g is None)
    parameters = [None] * len(leaves) if params is None else tree.flatten_up_to(params)
    kept = [tree.flatten_up_to(states[name]) for name in lines.state]
    moved = [_leaf(functions.elements, p, g, own, slots) for p, g, *own in zip(parameters, leaves, *kept, strict=True)]
    arrays = [tree.unflatten([one[place] for one in moved]) for place in range(1 + len(lines.state))]
    return arrays[0], dict(zip(lines.state, arrays[1:], strict=True)), new_numbers


def _leaf(elements: Any, p: Any, g: Any, states: Sequence[Any], slots: Sequence[Any]) -> list[Any]:
    """The move, in the dtype of gradient and states, and the states, in their own; computed in float32 at least."""
    if g is None:
        return [None, *states]
    real = jnp.promote_types(jnp.result_type(g, *states, *(() if p is None else (p,))), jnp.float32)
    start = jnp.zeros((), real) if p is None else jnp.asarray(p, real)
    numbers = [one if isinstance(one, (bool, int, float)) else _as_real(one, real) for one in slots]
    moved, *kept = elements(start, jnp.asarray(g, real), [jnp.asarray(one, real) for one in states], numbers)
    return [
        jnp.broadcast_to(moved, jnp.shape(g)).astype(jnp.result_type(g, *states)),
        *(new.astype(jnp.result_type(old)) for new, old in zip(kept, states, strict=True)),
    ]


def _as_real(number: Any, real: Any) -> Any:
    return number if jnp.result_type(number) == jnp.bool_ else jnp.asarray(number, real)
