# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportIndexIssue=false
# optax types trees as unions that nothing can be done with
"""optax's optimizers, stepped by our rules, against optax itself."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from steepest import optax as ours
from steepest.dialects.optax import FIELDS

ALIASES = (
    "adadelta", "adagrad", "adam", "adamax", "adamaxw", "adamw", "amsgrad", "lion", "nadam", "nadamw", "radam",
    "rmsprop", "rprop", "sgd",
)  # fmt: skip
LOSSY = {"mu_dtype": jnp.bfloat16}
CASES = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("rmsprop", {}),
    ("rmsprop", {"decay": 0.99, "eps": 1e-3, "initial_scale": 1.0}),
    ("rmsprop", {"momentum": 0.9}),
    ("rmsprop", {"momentum": 0.9, "nesterov": True}),
    ("rmsprop", {"eps_in_sqrt": False, "eps": 1e-3}),
    ("rmsprop", {"bias_correction": True}),
    ("rmsprop", {"bias_correction": True, "eps_in_sqrt": False, "eps": 1e-3}),
    ("rmsprop", {"centered": True, "eps": 1e-3}),
    ("rmsprop", {"centered": True, "eps_in_sqrt": False, "momentum": 0.9}),
    ("rmsprop", {"centered": True, "bias_correction": True}),
    ("adagrad", {}),
    ("adagrad", {"initial_accumulator_value": 1.0, "eps": 1e-2}),
    ("adadelta", {}),
    ("adadelta", {"rho": 0.5, "eps": 1e-3, "weight_decay": 0.1}),
    ("adam", {}),
    ("adam", {"b1": 0.5, "b2": 0.9, "eps": 1e-2, "eps_root": 1e-2}),
    ("adam", {"nesterov": True}),
    ("adamw", {}),
    ("adamw", {"weight_decay": 0.1, "mask": lambda params: jax.tree.map(lambda p: jnp.ndim(p) > 1, params)}),
    ("adamw", {"weight_decay": 0.1, "nesterov": True}),
    ("nadam", {}),
    ("nadam", {"eps_root": 1e-2}),
    ("nadamw", {"weight_decay": 0.1}),
    ("amsgrad", {}),
    ("amsgrad", {"bias_correction_mu": False, "eps_root": 1e-2}),
    ("amsgrad", {"bias_correction_nu": False}),
    ("adamax", {}),
    ("adamax", {"b1": 0.5, "b2": 0.9, "eps": 1e-2}),
    ("adamaxw", {"weight_decay": 0.1}),
    ("radam", {"b2": 0.9}),
    ("radam", {"b2": 0.9, "eps": 1e-2, "eps_root": 1e-2, "threshold": 7.0}),
    ("radam", {"b2": 0.9, "nesterov": True}),
    ("radam", {"b2": 0.5, "threshold": 2.0}),
    ("radam", {"b2": 0.6}),
    ("lion", {}),
    ("lion", {"b1": 0.5, "b2": 0.9, "weight_decay": 0.1}),
]


def named(case: object) -> str:
    return case if isinstance(case, str) else "-".join(case) if isinstance(case, dict) else str(case)


def one_of_each_in_float32() -> list[Any]:
    """The first case of each alias; of the others only `--exhaustive` compiles the float32 too: float64 has them all.

    All of `sgd`, which is not in float64.
    """
    first = {name: number for number, (name, _) in reversed([*enumerate(CASES)])}
    kept = {*first.values(), *(number for number, (name, _) in enumerate(CASES) if name == "sgd")}
    return [
        pytest.param(*case, marks=() if number in kept else pytest.mark.exhaustive) for number, case in enumerate(CASES)
    ]


@pytest.mark.parametrize(("name", "options"), one_of_each_in_float32(), ids=named)
def test_fifty_steps_end_where_optax_does(name: str, options: dict, run, difference) -> None:
    params, _ = run(getattr(ours, name)(1e-3, **options))
    right, _ = run(getattr(optax, name)(1e-3, **options))
    assert difference(params, right) < 1e-6


@pytest.mark.parametrize(("name", "options"), CASES, ids=named)
def test_the_state_after_a_step_has_the_form_of_optaxs(name: str, options: dict, random_tree) -> None:
    """Nothing is compiled: the tree, shapes and dtypes are those of what a step would return."""
    found, right = (
        jax.eval_shape(made.update, random_tree(1), made.init(random_tree(0)), random_tree(0))
        for made in (getattr(library, name)(1e-3, **options) for library in (ours, optax))
    )
    assert jax.tree.structure(found) == jax.tree.structure(right)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), found) == jax.tree.map(lambda x: (x.shape, x.dtype), right)


@pytest.mark.parametrize("rate", [pytest.param(0.1, marks=pytest.mark.exhaustive), 1.0])
@pytest.mark.parametrize(
    ("name", "options"),
    [("sgd", {"momentum": 0.9}), ("rmsprop", {}), ("adagrad", {}), ("lion", {}), ("adam", {"b2": 0.9})],
)
def test_at_a_large_rate_it_is_optax_to_the_digits_of_float32(name: str, options: dict, rate: float, run, difference):
    """Each of 50 steps rounds a parameter to half its last digit, 2^-24 of it, in either library.

    Adam with b2 = 0.9: optax has four digits of 1 - 0.999, which is the next test.
    """
    params, _ = run(getattr(ours, name)(rate, **options))
    right, _ = run(getattr(optax, name)(rate, **options))
    largest = difference(right, jax.tree.map(jnp.zeros_like, right))
    assert difference(params, right) <= 50 * 2**-24 * largest


@pytest.mark.parametrize("name", ["adam", "nadam", "adamw", "amsgrad", "radam", "adamax"])
def test_in_float32_the_corrections_of_the_first_steps_are_right(name: str, run, difference) -> None:
    """optax takes 1 - 0.999 in float32, which has four right digits; its own float64 is the judge, at a large rate."""
    with jax.enable_x64(True):
        truth, _ = run(getattr(optax, name)(0.1), dtype=jnp.float64)
    mine, _ = run(getattr(ours, name)(0.1))
    theirs, _ = run(getattr(optax, name)(0.1))
    assert difference(mine, truth) < 1e-5
    assert difference(mine, truth) <= difference(theirs, truth)


@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] != "sgd"], ids=named)
def test_in_float64_nothing_is_left_of_the_difference(name: str, options: dict, run, difference) -> None:
    with jax.enable_x64(True):
        params, _ = run(getattr(ours, name)(0.1, **options), dtype=jnp.float64)
        right, _ = run(getattr(optax, name)(0.1, **options), dtype=jnp.float64)
        assert difference(params, right) < 1e-12


@pytest.mark.parametrize("name", ALIASES)
def test_arguments_are_optaxs(name: str) -> None:
    assert arguments(getattr(ours, name)) == arguments(getattr(optax, name))


@pytest.mark.parametrize("name", FIELDS)
def test_arguments_of_the_parts_are_optaxs(name: str) -> None:
    assert arguments(getattr(ours, name)) == arguments(getattr(optax, name))


def arguments(function: object) -> list[tuple]:
    found = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    return [(one.name, one.default, one.kind) for one in found]


def test_rprop_steps_along_the_gradient_of_now() -> None:
    """optax 0.2.8 steps along the one before, and not at all at first (google-deepmind/optax, pull request 1725).

    The right steps are those of torch.optim.Rprop, named there: 0.1, 0.12, 0.144, 0, 0.072.
    """
    transformation, stale = ours.rprop(0.1), optax.rprop(0.1)
    p = jnp.zeros(1)
    state, stale_state = transformation.init(p), stale.init(p)
    step, stale_step = jax.jit(transformation.update), jax.jit(stale.update)
    taken, taken_late = [], []
    for g in (1.0, 1.0, 1.0, -1.0, 1.0):
        update, state = step(jnp.array([g]), state, p)
        late, stale_state = stale_step(jnp.array([g]), stale_state, p)
        taken.append(-float(update[0]))
        taken_late.append(-float(late[0]))
    assert taken == pytest.approx([0.1, 0.12, 0.144, 0.0, 0.072], rel=1e-6)
    assert taken_late == pytest.approx([0.0, 0.1, 0.12, 0.0, 0.0], rel=1e-6)


def test_the_first_moment_may_be_kept_in_less(run, difference) -> None:
    """It is rounded once a step here; optax rounds its product with b1 too. bfloat16 has 8 bits."""
    _, state = run(ours.adam(1e-3, mu_dtype=jnp.bfloat16))
    _, full = run(optax.adam(1e-3))
    assert {x.dtype for x in jax.tree.leaves(state[0].mu)} == {jnp.dtype("bfloat16")}
    assert difference(state[0].mu, full[0].mu) < 50 * 2**-9 * 0.2


def test_half_precision_is_rounded_once() -> None:
    """RMSprop's first update by hand: g / sqrt(0.1 g^2 + eps).  bfloat16 rounds by at most 2^-9."""
    g = jnp.array([0.3, -1.7, 42.0], jnp.bfloat16)
    transformation = ours.scale_by_rms(eps=0.5)
    update, _ = transformation.update(g, transformation.init(g))
    exact = np.asarray(g, float)
    right = exact / np.sqrt(0.1 * exact**2 + 0.5)
    assert update.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(update, float), right, rtol=2**-9 + 1e-6)


@pytest.mark.parametrize(("name", "options"), CASES, ids=named)
def test_a_gradient_that_is_no_number_is_seen(name: str, options: dict) -> None:
    """NaN and infinity become the update that optax makes of them; an update of 0 would hide them."""
    if name == "rprop":
        pytest.skip("optax's own is of the step before")
    p, g = jnp.ones((3, 1)), jnp.array([[0.1], [jnp.nan], [jnp.inf]])
    mine, theirs = (getattr(library, name)(0.1, **options) for library in (ours, optax))
    found, right = (made.update(g, made.init(p), p)[0] for made in (mine, theirs))
    np.testing.assert_allclose(found, right, rtol=2e-4)
    assert np.isnan(found[1, 0])


def test_complex_arrays_are_optaxs_own() -> None:
    z, g = jnp.array([1 + 2j, 3 - 1j]), jnp.array([0.5 - 1j, 2j])
    one, other = (library.adam(0.1) for library in (ours, optax))
    mine, _ = one.update(g, one.init(z), z)
    theirs, _ = other.update(g, other.init(z), z)
    assert (mine == theirs).all()


def test_an_argument_that_the_rule_has_no_word_for_is_left_to_optax() -> None:
    g = jnp.array([0.2, -3.0])
    one, other = (library.scale_by_lion(mode="smooth") for library in (ours, optax))
    assert (one.update(g, one.init(g))[0] == other.update(g, other.init(g))[0]).all()


def test_every_other_name_is_optaxs() -> None:
    assert ours.chain is optax.chain
    assert ours.adabelief is optax.adabelief
    with pytest.raises(AttributeError, match="'adamm', and neither has optax"):
        _ = ours.adamm  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"Write steepest\.optax\.transformation\(steepest\.rules\.asgd\)"):
        _ = ours.asgd  # type: ignore[attr-defined]
