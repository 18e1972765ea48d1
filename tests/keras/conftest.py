# pyright: reportArgumentType=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false, reportFunctionMemberAccess=false
# Keras says `str` where it means 'auto', and None where there is a model
"""Keras on the backend that KERAS_BACKEND names; torch, unless it is set.  `test_backends.py` runs the other two."""

import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import pytest
from keras import ops

STEPS = 50
SHAPES = {"kernel": (5, 3), "bias": (3,), "scale": ()}


def variables(dtype: str = "float32") -> list[Any]:
    random = np.random.default_rng(0)
    return [keras.Variable(random.normal(size=shape), dtype=dtype, name=name) for name, shape in SHAPES.items()]


def gradients(seed: int, dtype: str = "float32") -> list[Any]:
    random = np.random.default_rng(seed)
    return [
        ops.cast(ops.convert_to_tensor(random.normal(size=shape).astype("float32")), dtype) for shape in SHAPES.values()
    ]


def fifty_steps(
    optimizer: Any, stepped: list[Any] | None = None, first: int = 1, last: int = STEPS
) -> list[np.ndarray]:
    """The values of three variables after 50 steps along gradients that depend on nothing."""
    stepped = variables() if stepped is None else stepped
    step = as_fit_does(optimizer, stepped)
    for seed in range(first, last + 1):
        step(gradients(seed, stepped[0].dtype))
    return values(stepped)


def as_fit_does(optimizer: Any, stepped: list[Any]) -> Callable[[list[Any]], None]:
    """One step, traced where Keras's own loop traces it."""
    optimizer.build(stepped)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(lambda grads: optimizer.apply(grads, stepped), autograph=False)
    if keras.backend.backend() == "torch":
        return lambda grads: optimizer.apply(grads, stepped)
    import jax

    traced = jax.jit(optimizer.stateless_apply)

    def step(grads: list[Any]) -> None:
        after, kept = traced([one.value for one in optimizer.variables], grads, [one.value for one in stepped])
        for one, value in zip([*stepped, *optimizer.variables], [*after, *kept], strict=True):
            one.assign(value)

    return step


def values(found: list[Any]) -> list[np.ndarray]:
    wide = [ops.cast(one, "float32") if "float16" in str(one.dtype) else one for one in found]
    return [np.asarray(ops.convert_to_numpy(one)).astype("float64") for one in wide]


@pytest.fixture
def run() -> Callable[..., list[np.ndarray]]:
    return fifty_steps


@pytest.fixture
def values_of() -> Callable[[list[Any]], list[np.ndarray]]:
    return values


@pytest.fixture
def new_variables() -> Callable[..., list[Any]]:
    return variables


@pytest.fixture
def gradients_of() -> Callable[..., list[Any]]:
    return gradients


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, ...]:
    """1408 images of digits to train on, 389 to test on.

    22 batches of 64: JAX and TensorFlow compile a whole step once more for a last batch that is smaller.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype("float32")
    return images[:1408], labels[:1408], images[1408:], labels[1408:]


@pytest.fixture
def network() -> Callable[[], Any]:
    """A new network of one hidden layer, the same each time.

    `keras.utils.set_random_seed` would do it too, and imports TensorFlow on every backend.
    """

    def made() -> Any:
        first, last = (keras.initializers.GlorotUniform(seed) for seed in (1, 2))
        hidden = keras.layers.Dense(32, "relu", kernel_initializer=first)
        return keras.Sequential([keras.Input((64,)), hidden, keras.layers.Dense(10, kernel_initializer=last)])

    return made
