# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportIndexIssue=false
# optax types trees as unions that nothing can be done with
"""Pytrees of mixed shapes, and a loop over them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

STEPS = 50


def tree(seed: int, dtype: Any = jnp.float32) -> Any:
    """A matrix, a vector, one number and an empty array, nested."""
    random = np.random.default_rng(seed)
    normal = lambda *shape: jnp.asarray(random.normal(size=shape), dtype)  # noqa: E731
    return {"dense": {"kernel": normal(5, 3), "bias": normal(3)}, "rest": [normal(), normal(0, 2)]}


def fifty_steps(transformation: optax.GradientTransformation, *, start: Any = None, dtype: Any = jnp.float32) -> Any:
    """Parameters and state after 50 steps under jit, along gradients that depend on nothing."""
    params = tree(0, dtype)
    state = transformation.init(params) if start is None else start

    @jax.jit
    def step(params: Any, state: Any, grads: Any) -> Any:
        updates, state = transformation.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    for seed in range(1, STEPS + 1):
        params, state = step(params, state, tree(seed, dtype))
    return params, state


@pytest.fixture
def run() -> Callable[..., Any]:
    return fifty_steps


@pytest.fixture
def random_tree() -> Callable[..., Any]:
    return tree


def largest_difference(one: Any, other: Any) -> float:
    differences = jax.tree.map(
        lambda x, y: np.abs(np.asarray(x, float) - np.asarray(y, float)).max(initial=0), one, other
    )
    return max(jax.tree.leaves(differences), default=0.0)


@pytest.fixture
def difference() -> Callable[[Any, Any], float]:
    return largest_difference
