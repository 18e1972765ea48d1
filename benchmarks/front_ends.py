"""Steps under jax.jit and under model.fit, ours and the library's own: `python -m benchmarks.front_ends`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.timing import in_turn, ratio

ROUNDS = 15
OPTAX = {
    "sgd": {},
    "sgd momentum": {"momentum": 0.9},
    "rmsprop": {},
    "adagrad": {},
    "adam": {},
    "adamw": {},
    "lion": {},
}
KERAS = {
    "SGD": {},
    "SGD momentum": {"momentum": 0.9},
    "RMSprop": {},
    "Adagrad": {},
    "Adadelta": {},
    "Adam": {},
    "AdamW": {},
    "Adamax": {},
    "Nadam": {},
    "Lion": {},
}
SHAPES = {"150 x 64 x 64": [(64, 64)] * 150, "4 x 2000 x 2000": [(2000, 2000)] * 4}
BACKENDS = ("torch", "jax", "tensorflow")


def under_jit() -> Iterator[dict[str, Any]]:
    """Microseconds of one step of optax's optimizers, compiled, on two cores."""
    import jax
    import optax

    from steepest import optax as ours

    def stepper(transformation: Any, shapes: list[tuple[int, ...]]) -> Callable[[], None]:
        random = np.random.default_rng(0)
        params = [jax.numpy.asarray(random.normal(size=shape), "float32") for shape in shapes]
        grads = [0.01 * p for p in params]

        def step(params: Any, state: Any, grads: Any) -> Any:
            updates, state = transformation.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        compiled = jax.jit(step, donate_argnums=(0, 1))
        now = [params, transformation.init(params)]

        def run() -> None:
            now[:] = compiled(*now, grads)
            jax.block_until_ready(now)

        return run

    for size, shapes in SHAPES.items():
        for name, options in OPTAX.items():
            alias = name.split()[0]
            steps = {
                which: stepper(getattr(library, alias)(1e-3, **options), shapes)
                for which, library in (("ours", ours), ("optax", optax))
            }
            times = in_turn(steps, ROUNDS, 100 if "150" in size else 10)
            yield {"optax": name, "tensors": size, **_row(times, "optax")}


def under_fit() -> Iterator[dict[str, Any]]:
    """The same of Keras's, on each backend: a step of `model.fit`, and of the optimizer alone."""
    for backend in BACKENDS:
        environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-m", "benchmarks.front_ends", "keras"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            for line in process.stdout:
                yield json.loads(line)


def _fit_rows() -> Iterator[dict[str, Any]]:
    import keras

    from steepest import keras as ours

    x, y = np.random.default_rng(0).normal(size=(64 * 100, 64)).astype("float32"), np.zeros(64 * 100)

    def fit(optimizer: Any) -> Callable[[], None]:
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(128, "relu") for _ in range(4)]
        model = keras.Sequential([keras.Input((64,)), *layers, keras.layers.Dense(10)])
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return lambda: model.fit(x, y, batch_size=64, verbose=0) and None  # type: ignore[arg-type]

    for name, options in KERAS.items():
        cls = name.split()[0]
        steps = {
            which: fit(getattr(library, cls)(**options))
            for which, library in (("ours", ours), ("keras", keras.optimizers))
        }
        times = {which: [one / 100 for one in found] for which, found in in_turn(steps, ROUNDS).items()}
        yield {"fit": name, "on": keras.backend.backend(), **_row(times, "keras")}


def _row(times: dict[str, list[float]], theirs: str) -> dict[str, Any]:
    us = {which: 1e6 * float(np.median(found)) for which, found in times.items()}
    return {"ours us": us["ours"], "theirs us": us[theirs], "/ theirs": ratio(times["ours"], times[theirs])}


def main() -> None:
    """Print every row as JSON; with `keras`, those of the backend that KERAS_BACKEND names."""
    rows = _fit_rows() if sys.argv[1:] == ["keras"] else (*under_jit(), *under_fit())
    for row in rows:
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
