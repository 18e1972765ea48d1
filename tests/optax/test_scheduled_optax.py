# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportIndexIssue=false
# optax types trees as unions that nothing can be done with
"""Schedules as numbers of optax's optimizers beside the rate, against optax's inject_hyperparams and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from steepest import optax as ours
from steepest import schedules

FALLING, RISING = schedules.linear(0.9, 0.5, 40), schedules.linear(0.9, 0.99, 40)
CASES = [
    ("adam", {"b1": FALLING}),
    ("adam", {"b1": FALLING, "b2": RISING, "nesterov": True}),
    ("adamw", {"b1": FALLING, "weight_decay": 0.1}),
    ("nadam", {"b2": RISING}),
    ("amsgrad", {"b1": FALLING}),
    ("adamax", {"b1": FALLING, "eps": 1e-3}),
    ("adamaxw", {"b2": RISING}),
    ("radam", {"b2": RISING}),
    ("lion", {"b1": FALLING}),
    ("adadelta", {"rho": RISING}),
    ("adagrad", {"eps": schedules.linear(1e-2, 1e-3, 40)}),
    ("rmsprop", {"decay": RISING}),
    ("rmsprop", {"decay": RISING, "centered": True, "eps": 1e-3, "momentum": FALLING}),
    ("sgd", {"momentum": FALLING}),
    ("sgd", {"momentum": optax.linear_schedule(0.9, 0.5, 40), "nesterov": True}),
]


@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda case: case if isinstance(case, str) else "-".join(case))
def test_a_number_of_a_rule_may_be_a_schedule(name: str, options: dict, run, difference) -> None:
    """In float64, since optax rounds 1 - b2^t to four digits in float32."""
    with jax.enable_x64(True):
        params, _ = run(getattr(ours, name)(schedules.cosine(0.1, 60), **options), dtype=jnp.float64)
        injected = optax.inject_hyperparams(getattr(optax, name))(schedules.cosine(0.1, 60), **options)
        right, _ = run(injected, dtype=jnp.float64)
        assert difference(params, right) < 1e-9


def test_each_step_has_the_number_of_its_count() -> None:
    """p - 0.1 m with m = mu(t) m + 1, by hand, for mu of 0.9, 0.8, 0.7."""
    made, p, m = ours.sgd(0.1, momentum=schedules.linear(0.9, 0.7, 2)), jnp.zeros(1), 0.0
    state = made.init(p)
    for mu in (0.9, 0.8, 0.7):
        update, state = jax.jit(made.update)(jnp.ones(1), state)
        m = mu * m + 1
        assert float(update[0]) == pytest.approx(-0.1 * m, rel=1e-6)


def test_a_schedule_keeps_its_digits_beside_bfloat16() -> None:
    """0.999 would be 1 in bfloat16, and the first mean of squares nothing: g / sqrt(0.001 g^2 / (1 - 0.999)) is 1."""
    made, p = ours.scale_by_adam(b2=schedules.constant(0.999)), jnp.ones(2, jnp.bfloat16)
    update, _ = made.update(p, made.init(p), p)
    np.testing.assert_allclose(np.asarray(update, float), np.ones(2), rtol=2**-8)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda s: ours.adagrad(0.1, initial_accumulator_value=s),
            r"scale_by_rss\(\): initial_accumulator_value cannot be",
        ),
        (lambda s: ours.rmsprop(0.1, initial_scale=s), r"scale_by_rms\(\): initial_scale cannot be"),
        (ours.rprop, r"scale_by_rprop\(\): learning_rate cannot be a schedule, linear"),
    ],
)
def test_where_the_state_starts_there_is_no_schedule(make, said) -> None:
    with pytest.raises(TypeError, match=said):
        make(FALLING)
