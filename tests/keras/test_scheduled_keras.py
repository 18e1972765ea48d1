# pyright: reportArgumentType=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false, reportFunctionMemberAccess=false
# Keras says `str` where it means 'auto', and None where there is a model
"""Schedules of steepest in Keras's optimizers: as numbers on its backends, as rates, saved and loaded, and refused."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from steepest import keras as ours
from steepest import rules, schedules
from support.keras_cases import standing_for

FALLING, RISING = schedules.linear(0.9, 0.5, 12), schedules.linear(0.99, 0.999, 12)
COSINE = schedules.cosine(0.01, 50)
CLASSES = ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "Adamax", "Nadam", "Lion"]
CLASSES += ["Muon"] if hasattr(keras.optimizers, "Muon") else []
SCHEDULES = [
    schedules.constant(0.1),
    schedules.linear(0.1, 0.0, 20),
    schedules.polynomial(0.1, 0.01, 20, power=2.0),
    schedules.exponential(0.1, 0.9),
    schedules.step(0.1, 5),
    schedules.multi_step(0.1, [5, 9], 0.5),
    schedules.cosine(0.1, 20, warmup_steps=5),
    schedules.inverse_sqrt(0.1, 5),
    schedules.wsd(0.1, 30, 5, 10, shape="sqrt"),
    schedules.warm_restarts(0.1, 7),
    schedules.warm_restarts(0.1, 5, 2),
    schedules.cyclic(0.01, 0.1, 5, mode="triangular2"),
    schedules.one_cycle(0.1, 30, three_phase=True),
    (schedules.cosine(0.1, 20).warmup(4) * schedules.step(1.0, 7)).shift(2).clip(0.01, 0.05),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_a_tensor_of_a_step_has_the_value_of_the_number(schedule) -> None:
    """In float32 at the end; on JAX on the way too, where a cosine loses a digit."""
    found = [float(ours.Scheduled(schedule)(ops.convert_to_tensor(step))) for step in range(40)]
    np.testing.assert_allclose(found, [schedule(step) for step in range(40)], rtol=2e-6, atol=2e-8)


def new_model(optimizer):
    """A small network, the same each time, and its optimizer with the state that it has before the first step."""
    first, last = (keras.initializers.GlorotUniform(seed) for seed in (1, 2))
    hidden = keras.layers.Dense(16, "tanh", kernel_initializer=first)
    model = keras.Sequential([keras.Input((8,)), hidden, keras.layers.Dense(1, kernel_initializer=last)])
    model.compile(optimizer=optimizer, loss=keras.losses.MeanSquaredError())
    optimizer.build(model.trainable_variables)
    return model


def trained(model):
    """After four steps more."""
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 8)).astype("float32")
    model.fit(x, x[:, :1] ** 2, batch_size=16, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize("kind", ["keras", "h5"])
@pytest.mark.parametrize(
    ("make", "betas_of"),
    [
        (lambda: ours.Adam(beta_1=FALLING, beta_2=RISING), lambda loaded: (loaded.beta_1, loaded.beta_2)),
        (lambda: ours.optimizer(rules.adam)(betas=(FALLING, RISING)), lambda loaded: tuple(loaded.betas)),
    ],
    ids=["two arguments", "one of two"],
)
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_two_schedules_are_loaded_as_two(kind, make, betas_of, tmp_path: Path) -> None:
    """Keras saves an object once however often it occurs, and knows it by its id."""
    new_model(make()).save(tmp_path / f"model.{kind}")
    assert betas_of(keras.models.load_model(tmp_path / f"model.{kind}").optimizer) == (FALLING, RISING)


def test_a_run_with_two_schedules_goes_on(tmp_path: Path) -> None:
    model = trained(new_model(ours.RMSprop(0.01, rho=FALLING, epsilon=schedules.constant(1e-7))))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    ends = [trained(one).get_weights() for one in (model, loaded)]
    for found, right in zip(*ends, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-6, atol=1e-6)


def assert_scheduled(mine, name, run) -> None:
    """Its rate is COSINE, as with Keras's own schedule of the same formula in Keras's optimizer of that name."""
    theirs = getattr(keras.optimizers, name)(keras.optimizers.schedules.CosineDecay(0.01, 50))
    for found, right in zip(run(mine), run(theirs), strict=True):
        np.testing.assert_allclose(found, right, rtol=2e-6, atol=2e-6)
    assert type(mine).from_config(mine.get_config())._learning_rate.schedule == COSINE


@pytest.mark.parametrize("name", standing_for(CLASSES))
def test_a_schedule_is_the_rate_of_every_class(name, run) -> None:
    assert_scheduled(getattr(ours, name)(COSINE), name, run)


@pytest.mark.parametrize("name", standing_for(CLASSES, ("Adam",)))
def test_a_schedule_may_be_set(name, run) -> None:
    """What sets it is Keras's own, in the class that all have in common."""
    mine = getattr(ours, name)(0.5)
    mine.learning_rate = COSINE
    assert_scheduled(mine, name, run)


@pytest.mark.parametrize(
    ("name", "argument", "reason"),
    [
        ("Adagrad", "initial_accumulator_value", "where the state starts"),
        ("Adam", "weight_decay", "Keras's own"),
        ("AdamW", "ema_momentum", "Keras's own"),
        ("Muon", "momentum", "only the rate"),
    ],
)
def test_where_a_schedule_is_not_asked_it_is_refused(name, argument, reason) -> None:
    if name not in CLASSES:
        pytest.skip("Keras has Muon since 3.10")
    with pytest.raises(TypeError, match=rf"{name}\(\): {argument} cannot be a schedule, linear.*{reason}"):
        getattr(ours, name)(**{argument: FALLING})


def test_a_switch_cannot_be_a_schedule(new_variables) -> None:
    with pytest.raises(TypeError, match="amsgrad chooses between lines of the rule adam by its value"):
        ours.Adam(amsgrad=FALLING).build(new_variables())
