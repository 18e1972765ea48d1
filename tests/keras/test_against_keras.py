# pyright: reportArgumentType=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false, reportFunctionMemberAccess=false
# Keras says `str` where it means 'auto', and None where there is a model
"""Our classes against those of keras.optimizers: arguments, results, variables, and each option of the base class."""

import inspect
from typing import Any

import keras
import numpy as np
import pytest

from steepest import keras as ours
from support.keras_cases import STAND_FOR, repeated_where_traced

OPTIONS = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop": [
        {},
        {"rho": 0.5, "epsilon": 1e-3},
        {"momentum": 0.9},
        {"centered": True},
        {"centered": True, "momentum": 0.5},
    ],
    "Adagrad": [{}, {"initial_accumulator_value": 1.0, "epsilon": 1e-2}],
    "Adadelta": [{}, {"learning_rate": 1.0, "rho": 0.5, "epsilon": 1e-3}],
    "Adam": [{}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2}, {"amsgrad": True}],
    "AdamW": [{}, {"weight_decay": 0.1, "beta_1": 0.5}],
    "Adamax": [{}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2}],
    "Nadam": [{}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2}],
    "Lion": [{}, {"beta_1": 0.5, "beta_2": 0.9}],
}
COMMON = [
    {"clipnorm": 0.5},
    {"clipvalue": 0.5},
    {"global_clipnorm": 0.5},
    {"use_ema": True, "ema_momentum": 0.5},
    {"use_ema": True, "ema_overwrite_frequency": 7},
    {"weight_decay": 0.1},
    {"loss_scale_factor": 8.0},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 3, "use_ema": True, "clipnorm": 0.5, "weight_decay": 0.1},
]


def marks_of_a_common_option(name: str, options: dict) -> Any:
    """Keras's own class does what a common option says: some names stand for all, and where a run is traced Adam does.

    Several together, the last case, are for each of the names everywhere; one of those alone is for torch.
    """
    if name not in STAND_FOR:
        return pytest.mark.exhaustive
    alone = options is not COMMON[-1] and options.items() <= (COMMON[-1] | {"ema_momentum": 0.5}).items()
    return () if options is COMMON[-1] or (name == "Adam" and not alone) else repeated_where_traced()


ALL = [*OPTIONS, *(["Muon"] if hasattr(keras.optimizers, "Muon") else [])]  # since Keras 3.10
LAST = [(name, found[-1]) for name, found in OPTIONS.items()]
"""Of each optimizer the case with the most of its options."""
CASES = [
    pytest.param(name, options, marks=() if options is found[-1] else repeated_where_traced())
    for name, found in OPTIONS.items()
    for options in found
]
CASES += [
    pytest.param(name, options, marks=marks_of_a_common_option(name, options)) for name in OPTIONS for options in COMMON
]


def named(case: object) -> str:
    return case if isinstance(case, str) else "-".join(case) if isinstance(case, dict) else str(case)


def both(which: str, /, **options):
    return getattr(ours, which)(**options), getattr(keras.optimizers, which)(**options)


@pytest.mark.parametrize(("name", "options"), CASES, ids=named)
def test_fifty_steps_end_where_keras_does(name, options, run, values_of) -> None:
    mine, theirs = both(name, **options)
    for found, right in zip(run(mine), run(theirs), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-6, atol=1e-6)
    assert [one.shape for one in mine.variables] == [one.shape for one in theirs.variables]
    for found, right in zip(values_of(mine.variables), values_of(theirs.variables), strict=True):
        np.testing.assert_allclose(found, right, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("name", ALL)
def test_arguments_are_keras(name) -> None:
    """In the same order, since courses give them by position."""
    given = [(one.name, one.default) for one in inspect.signature(getattr(ours, name)).parameters.values()]
    right = inspect.signature(getattr(keras.optimizers, name).__init__).parameters.values()
    assert given == [(one.name, one.default) for one in right if one.name not in ("self", "kwargs")]


@pytest.mark.parametrize("name", OPTIONS)
def test_the_configuration_is_keras(name) -> None:
    mine, theirs = both(name, learning_rate=0.01, name="mine")
    assert mine.get_config() == theirs.get_config()


@pytest.mark.parametrize(("name", "options"), LAST, ids=named)
def test_variables_of_keras_go_on_here(name, options, run, new_variables, values_of) -> None:
    """Saved by index after 20 steps of Keras's, loaded here, stepped 30 more."""
    mine, theirs = both(name, **options)
    stepped = new_variables()
    run(theirs, stepped, last=20)
    mine.build(stepped)
    store: dict = {}
    theirs.save_own_variables(store)
    mine.load_own_variables(store)
    halfway = values_of(stepped)
    right = run(theirs, stepped, first=21)
    for variable, value in zip(stepped, halfway, strict=True):
        variable.assign(value)
    for one, other in zip(run(mine, stepped, first=21), right, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["AdamW", "SGD", "Lion"])
def test_weight_decay_leaves_out_what_is_excluded(name, run, new_variables) -> None:
    ends = []
    for optimizer in both(name, weight_decay=0.5):
        stepped = new_variables()
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        ends.append(run(optimizer, stepped))
    with_decay = run(getattr(ours, name)(weight_decay=0.5))
    for found, right in zip(*ends, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-6, atol=1e-6)
    assert abs(with_decay[1] - ends[0][1]).max() > 1e-3


@pytest.mark.parametrize(("name", "options"), LAST, ids=named)
def test_a_gradient_that_is_no_number_is_seen(name, options, new_variables, values_of) -> None:
    """NaN and infinity end where they do with Keras; a parameter that stays would hide them."""
    ends = []
    for optimizer in both(name, **options):
        stepped = new_variables()[1:2]
        optimizer.apply([keras.ops.convert_to_tensor(np.array([0.1, np.nan, np.inf], "float32"))], stepped)
        ends.append(values_of(stepped)[0])
    np.testing.assert_allclose(*ends, rtol=1e-6)
    assert np.isnan(ends[0][1]) or name == "Lion"  # whose sign of NaN is 0 on torch


@pytest.mark.parametrize("name", ["SGD", "Adam", "Nadam"])
def test_a_schedule_of_keras_is_a_rate(name, run) -> None:
    made = lambda: keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.5)  # noqa: E731
    mine, theirs = both(name, learning_rate=made())
    for found, right in zip(run(mine), run(theirs), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-6, atol=1e-6)


def test_the_rate_may_be_set(run, new_variables) -> None:
    mine, theirs = both("SGD", learning_rate=0.1, momentum=0.9)
    ends = []
    for optimizer in (mine, theirs):
        stepped = new_variables()
        run(optimizer, stepped, last=10)
        optimizer.learning_rate = 0.01
        ends.append(run(optimizer, stepped, first=11))
    for found, right in zip(*ends, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-6, atol=1e-6)


def test_a_variable_without_gradient_stays_and_is_new_later(gradients_of, new_variables, values_of) -> None:
    """Adagrad's sum starts at 0.1 also in the third step, and the rest of the network is not held back."""
    ends = []
    for optimizer in both("Adagrad", learning_rate=0.1):
        stepped = new_variables()
        optimizer.build(stepped)
        for seed in range(1, 6):
            found = gradients_of(seed)
            if seed < 3:
                found[1] = None
                with pytest.warns(UserWarning, match="Gradients do not exist"):
                    optimizer.apply(found, stepped)
            else:
                optimizer.apply(found, stepped)
        ends.append(values_of(stepped))
    for found, right in zip(*ends, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop"])  # Keras's Adam rounds beta_2 to float32 on TensorFlow
def test_float64_variables_are_stepped_in_float64(name, run, new_variables) -> None:
    if keras.backend.backend() == "jax":
        pytest.skip("JAX has no float64 unless it is told to")
    mine, theirs = both(name)
    for found, right in zip(run(mine, new_variables("float64")), run(theirs, new_variables("float64")), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype, new_variables, gradients_of, values_of) -> None:
    """RMSprop's first step by hand, rounded once: p - lr g / sqrt(0.1 g^2 + eps)."""
    stepped, g = new_variables(dtype), gradients_of(1, dtype)
    start, slope = values_of(stepped), values_of(g)
    ours.RMSprop(learning_rate=0.125, epsilon=0.5).apply(g, stepped)
    for found, p, one in zip(values_of(stepped), start, slope, strict=True):
        right = p - 0.125 * one / np.sqrt(0.1 * one**2 + 0.5)
        np.testing.assert_allclose(found, right, rtol=(2**-11 if dtype == "float16" else 2**-8) * 1.001, atol=1e-6)


def test_every_other_name_is_keras() -> None:
    assert ours.schedules is keras.optimizers.schedules
    assert ours.Ftrl is keras.optimizers.Ftrl
    assert isinstance(ours.get("rmsprop"), ours.RMSprop)
    assert isinstance(ours.get({"class_name": "Adam", "config": {"beta_1": 0.5}}), ours.Adam)
    assert isinstance(ours.get("ftrl"), keras.optimizers.Ftrl)
    with pytest.raises(AttributeError, match="and neither has"):
        _ = ours.Adem  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"Write steepest\.keras\.optimizer\(steepest\.rules\.adan\)"):
        _ = ours.Adan  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"lr": 0.1}, TypeError, "Did you mean 'learning_rate'"),
        ({"betas": (0.9, 0.99)}, TypeError, "Did you mean 'beta_1'"),
        ({"beta_1": "high"}, TypeError, "beta_1 must be a number"),
        ({"learning_rate": "fast"}, (TypeError, ValueError), "learning_rate"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, ValueError, "Only one of"),
        ({"gradient_accumulation_steps": 1}, ValueError, "must be an integer >= 2"),
    ],
)
def test_what_cannot_work_is_said(options, error, said) -> None:
    with pytest.raises(error, match=said):
        ours.Adam(**options)


@pytest.mark.parametrize(
    ("name", "argument", "value", "said"),
    [
        ("SGD", "momentum", 1.5, "from 0 to 1, as Keras has it, not 1.5"),
        ("SGD", "momentum", -0.1, "from 0 to 1, as Keras has it, not -0.1"),
        ("Lion", "beta_1", 2.0, "above 0 and up to 1, as Keras has it, not 2.0"),
        ("Lion", "beta_1", 0.0, "above 0 and up to 1, as Keras has it, not 0.0"),
        ("AdamW", "weight_decay", None, "must be a number such as 0.004, not None"),
    ],
)
def test_what_keras_refuses_is_refused(name, argument, value, said) -> None:
    with pytest.raises(ValueError, match=argument):
        getattr(keras.optimizers, name)(**{argument: value})
    with pytest.raises(ValueError, match=rf"^{name}\(\): {argument}.*{said}"):
        getattr(ours, name)(**{argument: value})


@pytest.mark.parametrize(
    ("name", "argument"),
    [("Adam", "beta_1"), ("Adam", "beta_2"), ("AdamW", "beta_2"), ("Adamax", "beta_1"), ("Nadam", "beta_2")],
)
def test_a_beta_of_one_is_refused(name, argument) -> None:
    """Keras divides 0 by 0 then, or by a root of 0, and ends at NaN or does not move."""
    with pytest.raises(ValueError, match=rf"^{name}\(\): {argument} must be from 0 to below 1, not 1\.0"):
        getattr(ours, name)(**{argument: 1.0})


@pytest.mark.parametrize("name", ALL)
def test_the_decay_of_old_programs_is_ignored_with_a_warning(name) -> None:
    for library in (ours, keras.optimizers):
        with pytest.warns(UserWarning, match="`decay` is no longer supported and will be ignored"):
            made = getattr(library, name)(learning_rate=0.1, decay=1e-6)
        assert float(made.learning_rate) == pytest.approx(0.1)


@pytest.mark.skipif(not hasattr(keras.optimizers, "Muon"), reason="Keras has Muon since 3.10")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"nesterov": False, "momentum": 0.5, "ns_steps": 3, "rms_rate": None},
        {"adam_lr_ratio": 0.5, "adam_beta_1": 0.5, "epsilon": 1e-3, "clipnorm": 0.5},
        {"exclude_layers": ["kernel"], "use_ema": True},
    ],
    ids=named,
)
def test_muon_ends_where_keras_does(options, run, values_of) -> None:
    mine, theirs = both("Muon", **options)
    for found, right in zip(run(mine), run(theirs), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-6, atol=1e-6)
    for found, right in zip(values_of(mine.variables), values_of(theirs.variables), strict=True):
        np.testing.assert_allclose(found, right, rtol=2e-6, atol=2e-6)


@pytest.mark.skipif(not hasattr(keras.optimizers, "Muon"), reason="Keras has Muon since 3.10")
def test_a_misspelt_argument_of_muon_is_answered_with_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"^Muon\(\) .*'learnig_rate'. Did you mean 'learning_rate'"):
        ours.Muon(learnig_rate=0.1)


SPARSE = [
    (name, options)
    for name, found in OPTIONS.items()
    for options in found
    if "initial_accumulator_value" not in options
]


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="a gradient of Keras on torch is never sparse")
@pytest.mark.parametrize(("name", "options"), SPARSE, ids=named)
def test_a_sparse_gradient_steps_as_the_same_gradient_does_in_keras(name, options, values_of) -> None:
    """IndexedSlices of TensorFlow, BCOO of JAX, eager as Keras's own test of them has it; a row is there twice."""
    rows = np.linspace(0.5, 2.0, 12, dtype="float32").reshape(4, 3)
    places, shape = [0, 2, 4, 2], (5, 3)
    if keras.backend.backend() == "jax":
        from jax.experimental import sparse as of_jax

        gradient = of_jax.BCOO((rows, np.array(places)[:, None]), shape=shape)
    else:
        import tensorflow as tf

        gradient = tf.IndexedSlices(tf.constant(rows), tf.constant(places), tf.constant(shape))
    whole = np.zeros(shape, dtype="float32")
    np.add.at(whole, places, rows)
    ends = []
    for optimizer, along in zip(both(name, **options), (gradient, whole), strict=True):
        variable = keras.Variable(np.ones(shape), dtype="float32")
        for _ in range(3):
            optimizer.apply([along if along is gradient else keras.ops.convert_to_tensor(along)], [variable])
        ends += values_of([variable])
    np.testing.assert_allclose(*ends, rtol=1e-5, atol=1e-6)
