# pyright: reportArgumentType=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false, reportFunctionMemberAccess=false
# Keras says `str` where it means 'auto', and None where there is a model
"""Anybody's rule as a Keras optimizer, against the same rule in float64 on NumPy."""

import importlib
import inspect
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from steepest import keras as ours
from steepest import rules, schedules
from steepest.compiler.rule import RuleError, read
from steepest.kernels import reference
from steepest.ops import sqrt


def first_steps_differ(p, g, square_avg, pace, *, lr=1e-2, alpha=0.9, eps=1e-8, weight_decay=0.1):
    """A stranger's rule: its averages begin with the first gradient, its pace is one number that shrinks."""
    square_avg = g * g if square_avg is None else alpha * square_avg + (1 - alpha) * g * g
    pace = 1.0 if pace is None else pace * 0.95
    p = p * (1 - lr * weight_decay) - lr * pace * g / (sqrt(square_avg) + eps)
    return p, square_avg, pace


def averaged_from_the_first(p, g, mean, *, learning_rate=0.1, beta=0.9):
    """Its mean is the first gradient at first."""
    mean = g if mean is None else beta * mean + (1 - beta) * g
    p = p - learning_rate * mean
    return p, mean


CASES = [
    (rules.sgd, {"momentum": 0.9, "dampening": 0.3}),
    (rules.adamw, {"amsgrad": True, "weight_decay": 0.1}),
    (rules.nadam, {}),
    (rules.radam, {}),
    (rules.asgd, {"t0": 3.0}),
    (rules.rprop, {}),
    (rules.adagrad, {"initial_accumulator_value": 0.5}),
    (averaged_from_the_first, {}),
]


def end_of_reference(rule, options, start, found) -> np.ndarray:
    stated, p, state = read(rule), start, {}
    given = {**stated.hyperparameters, **options}
    for step, g in enumerate(found, 1):
        p, state = reference.step(stated, p, g, state, given, step=float(step))
    return p


@pytest.mark.parametrize(("rule", "options"), CASES, ids=lambda one: getattr(one, "__name__", ""))
def test_fifty_steps_end_where_the_reference_does(rule, options, run, new_variables, gradients_of, values_of) -> None:
    start = values_of(new_variables())
    found = run(ours.optimizer(rule)(**options))
    slopes = [[np.asarray(ops.convert_to_numpy(g), float) for g in gradients_of(seed)] for seed in range(1, 51)]
    for place, end in enumerate(found):
        right = end_of_reference(rule, options, start[place], [g[place] for g in slopes])
        np.testing.assert_allclose(end, right, rtol=1e-5, atol=5e-6)


def test_a_number_of_a_rule_is_kept_once(run, new_variables, values_of, gradients_of) -> None:
    optimizer = ours.optimizer(first_steps_differ)(learning_rate=0.01)
    run(optimizer, last=10)
    [pace] = [
        value
        for value, one in zip(values_of(optimizer.variables), optimizer.variables, strict=True)
        if one.name == "pace"
    ]
    assert pace == pytest.approx(0.95**9)


def test_a_variable_that_comes_later_starts_when_it_comes(new_variables, gradients_of, values_of) -> None:
    """Its mean is its own first gradient, also in the third step of the others: p - 0.1 (g3 + 0.9 g3 + 0.1 g4)."""
    optimizer, stepped = ours.optimizer(averaged_from_the_first)(), new_variables()
    optimizer.build(stepped)
    start = values_of(stepped)[1]
    found = {seed: gradients_of(seed) for seed in range(1, 5)}
    third, fourth = (np.asarray(ops.convert_to_numpy(found[seed][1]), float) for seed in (3, 4))
    for seed in (1, 2):
        found[seed][1] = None
        with pytest.warns(UserWarning, match="Gradients do not exist"):
            optimizer.apply(found[seed], stepped)
    for seed in (3, 4):
        optimizer.apply(found[seed], stepped)
    np.testing.assert_allclose(values_of(stepped)[1], start - 0.1 * (1.9 * third + 0.1 * fourth), rtol=1e-5)


def test_a_hyperparameter_may_be_a_schedule(run, new_variables, gradients_of, values_of) -> None:
    momentum = schedules.linear(0.9, 0.5, 50)
    optimizer = ours.optimizer(rules.sgd)(learning_rate=0.01, momentum=momentum)
    found = run(optimizer)
    p, m = values_of(new_variables())[0], 0.0
    for step in range(50):
        g = np.asarray(ops.convert_to_numpy(gradients_of(step + 1)[0]), float)
        m = momentum(step) * m + g if step else g
        p = p - 0.01 * m
    np.testing.assert_allclose(found[0], p, rtol=1e-5, atol=1e-6)
    again = ours.optimizer(rules.sgd).from_config(optimizer.get_config())
    assert again.momentum == momentum


def test_its_arguments_are_the_rules_and_keras() -> None:
    found = list(inspect.signature(ours.optimizer(rules.rmsprop)).parameters)
    assert found[:4] == ["learning_rate", "alpha", "eps", "weight_decay"]
    assert {"clipnorm", "use_ema", "gradient_accumulation_steps", "name"} < {*found}


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"alhpa": 0.9}, TypeError, "Did you mean 'alpha'"),
        ({"eps": -1.0}, ValueError, "Invalid epsilon value: -1.0"),
        ({"alpha": None}, TypeError, "alpha must be a number"),
    ],
)
def test_what_cannot_work_is_said(options, error, said) -> None:
    with pytest.raises(error, match=said):
        ours.optimizer(rules.rmsprop)(**options)


def test_a_rule_of_whole_tensors_is_refused_with_the_way_out() -> None:
    with pytest.raises(RuleError, match=r"steepest\.optax\.transformation"):
        ours.optimizer(rules.adafactor)


def test_the_class_is_the_same_each_time() -> None:
    assert ours.optimizer(rules.adam) is ours.optimizer(rules.adam)
    assert issubclass(ours.optimizer(rules.adam), keras.optimizers.Optimizer)


def test_a_state_that_is_set_back_starts_again(new_variables, gradients_of, values_of) -> None:
    optimizer, stepped = ours.optimizer(averaged_from_the_first)(), new_variables()
    optimizer.build(stepped)
    start, store = values_of(stepped), {}
    optimizer.save_own_variables(store)
    optimizer.apply(gradients_of(1), stepped)
    optimizer.apply(gradients_of(2), stepped)
    optimizer.load_own_variables(store)
    for variable, value in zip(stepped, start, strict=True):
        variable.assign(value)
    optimizer.apply(gradients_of(3), stepped)
    for found, p, g in zip(values_of(stepped), start, values_of(gradients_of(3)), strict=True):
        np.testing.assert_allclose(found, p - 0.1 * g, rtol=1e-5, atol=1e-6)


def test_a_switch_turned_on_after_the_first_step_is_refused(new_variables, gradients_of) -> None:
    optimizer, stepped = ours.SGD(0.1), new_variables()
    optimizer.apply(gradients_of(1), stepped)
    optimizer.momentum = 0.9
    with pytest.raises(ValueError, match=r"built without momentum_buffer.*Make a new optimizer"):
        optimizer.apply(gradients_of(2), stepped)


def test_false_of_numpy_is_false(new_variables) -> None:
    optimizer = ours.Adam(0.1, amsgrad=np.bool_(False))
    optimizer.build(new_variables())
    assert len(optimizer.variables) == 2 + 2 * 3


def test_a_rules_own_decay_is_for_every_variable() -> None:
    with pytest.raises(ValueError, match="The weight_decay of Adamw is part of its rule"):
        ours.optimizer(rules.adamw)().exclude_from_weight_decay(var_names=["bias"])


def test_a_rule_of_a_name_of_keras_is_another_class() -> None:
    assert ours.optimizer(rules.adam) is not ours.Adam
    made = keras.optimizers.deserialize(keras.optimizers.serialize(ours.Adam(0.1)))
    assert type(made) is ours.Adam
    other = keras.optimizers.deserialize(keras.optimizers.serialize(ours.optimizer(rules.adam)(0.1)))
    assert type(other) is ours.optimizer(rules.adam)


def one_of_two():
    def of_one_name(p, g, *, lr=0.1):
        """The first rule of this name."""
        p = p - lr * g
        return p

    return of_one_name


def the_other_of_two():
    def of_one_name(p, g, m, *, lr=0.1, beta=0.5):
        """The second, which is another."""
        m = beta * m + g
        p = p - lr * m
        return p, m

    return of_one_name


def test_another_rule_of_one_name_is_refused() -> None:
    """A saved model says the name alone."""
    first = ours.optimizer(one_of_two())
    with pytest.raises(RuleError, match=r"test_rules>OfOneName'.* is that of 'one_of_two.*\nInstead: give the rule"):
        ours.optimizer(the_other_of_two())
    assert type(keras.optimizers.deserialize(keras.optimizers.serialize(first()))) is first


def test_a_rule_that_is_written_anew_takes_the_name(tmp_path: Path, monkeypatch) -> None:
    """As where a cell of a notebook is run again: without a word if nothing was changed, else with a warning."""
    monkeypatch.syspath_prepend(tmp_path)
    text = "def rule_of_a_cell(p, g, *, lr=0.1):\n    p = p - lr * g\n    return p\n"
    (tmp_path / "cell_of_keras.py").write_text(text)
    cell = importlib.import_module("cell_of_keras")
    ours.optimizer(cell.rule_of_a_cell)
    ours.optimizer(importlib.reload(cell).rule_of_a_cell)
    (tmp_path / "cell_of_keras.py").write_text(text.replace("lr * g", "2 * lr * g"))
    with pytest.warns(UserWarning, match="The rule rule_of_a_cell was written anew"):
        last = ours.optimizer(importlib.reload(cell).rule_of_a_cell)
    assert type(keras.optimizers.deserialize(keras.optimizers.serialize(last()))) is last


def without_rate(p, g, *, alpha=0.5):
    """A rule whose step has no rate."""
    p = p - alpha * g
    return p


def test_a_rule_without_rate_takes_none() -> None:
    with pytest.raises(TypeError, match="'learning_rate'"):
        ours.optimizer(without_rate)(learning_rate=0.1)
    assert "learning_rate" not in inspect.signature(ours.optimizer(without_rate)).parameters
