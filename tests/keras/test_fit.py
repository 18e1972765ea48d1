# pyright: reportArgumentType=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false, reportFunctionMemberAccess=false
# Keras says `str` where it means 'auto', and None where there is a model
"""The programs that Keras's users write: compile, fit, save, load, go on."""

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import ops

from steepest import keras as ours
from steepest import rules, schedules
from steepest.rules import adam as torch_adam
from steepest.rules import sgd as torch_sgd
from support.keras_cases import repeated_where_traced

REPEATED = repeated_where_traced()
OPERATION_BY_OPERATION = pytest.mark.exhaustive if keras.backend.backend() == "jax" else ()
"""JAX compiles each operation by itself then: 10 s.  `test_against_keras.py` has such steps, sparse and dense."""


def compiled(model, optimizer, **options):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"], **options)
    return model


def trained(model, optimizer, digits, epochs=4, **options):
    x, y, *_ = digits
    compiled(model, optimizer, **options).fit(x, y, epochs=epochs, batch_size=64, shuffle=False, verbose=0)
    return model


def accuracy(model, digits) -> float:
    """On the images that were held out; without `evaluate`, which would be compiled for each model."""
    return float((logits(model, digits).argmax(1) == digits[3]).mean())


def logits(model, digits) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(model(digits[2])))


def test_the_seed_programs() -> None:
    """As courses write them: by keyword, with Keras's names."""
    assert ours.Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999).beta_2 == 0.999
    assert ours.RMSprop(learning_rate=0.01, rho=0.9).rho == 0.9
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(optimizer=ours.Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999), loss="mse")
    history = model.fit(np.ones((32, 4)), np.ones((32, 1)), epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.keras is Keras on TensorFlow")
def test_a_program_of_tensorflow(digits) -> None:
    """Written with `tf.keras`, where only the optimizer is ours; against the same with Keras's own."""
    import tensorflow as tf

    x, y, *_ = digits
    ends = []
    for optimizer in (ours.Adam(learning_rate=0.001), tf.keras.optimizers.Adam(learning_rate=0.001)):
        tf.keras.utils.set_random_seed(0)
        model = tf.keras.Sequential([tf.keras.Input((64,)), tf.keras.layers.Dense(10, activation="softmax")])
        model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(x, y, epochs=1, batch_size=64, shuffle=False, verbose=0)
        ends.append(np.array([history.history["loss"][0], *model.evaluate(x, y, verbose=0)]))
        assert isinstance(model.optimizer, tf.keras.optimizers.Optimizer)
    np.testing.assert_allclose(*ends, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("SGD", {"learning_rate": 0.1, "momentum": 0.9}, marks=REPEATED),
        pytest.param("RMSprop", {"learning_rate": 0.01}, marks=REPEATED),
        pytest.param("Adam", {"learning_rate": 0.01}, marks=REPEATED),
        ("AdamW", {"learning_rate": 0.01, "clipnorm": 1.0, "use_ema": True}),
    ],
)
def test_digits_are_learned_as_with_keras(name, options, digits, network) -> None:
    mine = accuracy(trained(network(), getattr(ours, name)(**options), digits), digits)
    theirs = accuracy(trained(network(), getattr(keras.optimizers, name)(**options), digits), digits)
    assert theirs > 0.8
    assert mine == pytest.approx(theirs, abs=0.01)


@pytest.mark.parametrize("jit", [True, pytest.param(False, marks=OPERATION_BY_OPERATION)])
def test_compiled_or_not_it_is_the_same(jit, digits, network) -> None:
    """With SGD, which does not make much of the last digit of a small gradient.

    Five batches show it.
    """
    if jit and keras.backend.backend() == "torch":
        pytest.skip("torch.compile needs a compiler on the machine")
    few = tuple(one[:320] for one in digits)
    mine, theirs = (library.SGD(0.1, momentum=0.9) for library in (ours, keras.optimizers))
    found = logits(trained(network(), mine, few, epochs=1, jit_compile=jit), digits)
    right = logits(trained(network(), theirs, few, epochs=1, jit_compile=jit), digits)
    np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param(lambda: ours.Adam(0.01, amsgrad=True), marks=REPEATED),
        pytest.param(lambda: ours.SGD(0.1, momentum=0.9, weight_decay=0.01), marks=REPEATED),
        pytest.param(lambda: ours.Nadam(schedules.cosine(0.01, steps=88)), marks=REPEATED),
        lambda: ours.RMSprop(0.01, gradient_accumulation_steps=2, use_ema=True),
        lambda: ours.optimizer(torch_adam)(0.01, betas=(schedules.linear(0.9, 0.5, 88), 0.999)),
    ],
    ids=["adam", "sgd", "nadam", "rmsprop", "rule"],
)
def test_saved_loaded_and_resumed_it_goes_on_as_if_uninterrupted(optimizer, digits, network, tmp_path: Path) -> None:
    model = trained(network(), optimizer(), digits, epochs=2)
    model.save(tmp_path / "model.keras")
    x, y, *_ = digits
    model.fit(x, y, epochs=2, batch_size=64, shuffle=False, verbose=0)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(optimizer())
    assert loaded.optimizer.get_config() == {**model.optimizer.get_config(), "name": loaded.optimizer.name}
    loaded.fit(x, y, epochs=2, batch_size=64, shuffle=False, verbose=0)
    np.testing.assert_allclose(logits(loaded, digits), logits(model, digits), rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize(
    ("rule", "options"),
    [(rules.sgd, {"momentum": 0.9}), pytest.param(rules.adagrad, {}, marks=REPEATED), (rules.rprop, {})],
    ids=["sgd", "adagrad", "rprop"],
)
def test_a_rule_with_a_first_step_of_its_own_is_saved_as_hdf5(rule, options, digits, network, tmp_path: Path) -> None:
    """Whose variables each say whether they were stepped: HDF5 wants names that differ.

    The file has all of them; Keras 3.15 goes on from such a file with no optimizer, its own included.
    """
    model = trained(network(), ours.optimizer(rule)(0.01, **options), digits, epochs=1)
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        saved: Any = file["optimizer_weights"]
        kept = [np.asarray(saved[name]) for name in saved.attrs["weight_names"]]
    right = [np.asarray(ops.convert_to_numpy(one)) for one in model.optimizer.variables]
    assert len(kept) == len(right)
    for found, value in zip(kept, right, strict=True):
        np.testing.assert_array_equal(found, value)
    loaded = keras.models.load_model(tmp_path / "model.h5")
    assert type(loaded.optimizer) is ours.optimizer(rule)
    np.testing.assert_array_equal(logits(loaded, digits), logits(model, digits))


def test_a_model_that_keras_saved_goes_on_here(digits, network, tmp_path: Path) -> None:
    model = trained(network(), keras.optimizers.Adam(0.01), digits, epochs=2)
    model.save(tmp_path / "theirs.keras")
    x, y, *_ = digits
    model.fit(x, y, epochs=1, batch_size=64, shuffle=False, verbose=0)
    loaded = keras.models.load_model(tmp_path / "theirs.keras")
    store: dict = {}
    loaded.optimizer.save_own_variables(store)
    mine = ours.Adam(0.01)
    mine.build(loaded.trainable_variables)
    mine.load_own_variables(store)
    compiled(loaded, mine).fit(x, y, epochs=1, batch_size=64, shuffle=False, verbose=0)
    np.testing.assert_allclose(logits(loaded, digits), logits(model, digits), rtol=1e-4, atol=1e-4)


def test_a_schedule_of_steepest_is_the_rate_of_each_step(digits, network) -> None:
    """Against Keras's own schedule with the same formula: 0.1 (1 + cos(pi t / 88)) / 2."""
    mine = trained(network(), ours.SGD(schedules.cosine(0.1, steps=88)), digits)
    theirs = trained(network(), keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 88)), digits)
    np.testing.assert_allclose(logits(mine, digits), logits(theirs, digits), rtol=1e-4, atol=1e-4)
    config = mine.optimizer.get_config()
    assert config["learning_rate"]["config"] == {"schedule": "cosine(0.1, 88)"}


def test_mixed_precision_scales_the_loss(digits, network) -> None:
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        wrapped = keras.optimizers.LossScaleOptimizer(ours.Adam(0.01))
        assert accuracy(trained(network(), wrapped, digits), digits) > 0.8
    finally:
        keras.mixed_precision.set_dtype_policy("float32")


def embedded(optimizer, ids, *, as_matrix=False) -> np.ndarray:
    """The rows of an embedding after five steps; or of the matrix that one-hot vectors are multiplied by."""
    rows = keras.layers.Dense(4, use_bias=False) if as_matrix else keras.layers.Embedding(9, 4)
    shape = (3, 9) if as_matrix else (3,)
    model = keras.Sequential([keras.Input(shape), rows, keras.layers.Flatten(), keras.layers.Dense(1)])
    model.set_weights([np.linspace(-1, 1, 36).reshape(9, 4), np.linspace(-1, 1, 12).reshape(12, 1), np.zeros(1)])
    model.compile(optimizer=optimizer, loss="mse")
    x = np.eye(9)[ids] if as_matrix else np.array(ids)
    model.fit(x, np.array([[1.0], [2.0]]), epochs=5, verbose=0)
    return np.asarray(ops.convert_to_numpy(model.trainable_variables[0]))


def test_an_embedding_is_stepped() -> None:
    ids = [[1, 2, 3], [4, 5, 8]]
    found, right = embedded(ours.Adam(0.1), ids), embedded(keras.optimizers.Adam(0.1), ids)
    np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)


def test_a_row_that_occurs_twice_is_stepped_along_the_sum() -> None:
    """As a matrix has it, and Keras on torch and JAX; on TensorFlow Keras 3.15 squares the parts, not their sum."""
    ids = [[1, 2, 3], [3, 3, 8]]
    found, right = embedded(ours.Adam(0.1), ids), embedded(keras.optimizers.Adam(0.1), ids, as_matrix=True)
    np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)


def test_a_rule_of_torch_is_a_keras_optimizer(digits, network) -> None:
    cls = ours.optimizer(torch_sgd)
    assert accuracy(trained(network(), cls(0.1, momentum=0.9, clipnorm=1.0), digits), digits) > 0.8
