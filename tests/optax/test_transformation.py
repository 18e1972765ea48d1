# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportIndexIssue=false
# optax types trees as unions that nothing can be done with
"""A transformation of anybody's rule, against the same rule as torch optimizer in float64."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

import steepest
from steepest import rules, schedules
from steepest.compiler.rule import RuleError
from steepest.ops import sqrt
from steepest.optax import transformation

STEPS = 30


def first_steps_differ(p, g, square_avg, pace, *, lr=1e-2, alpha=0.9, eps=1e-8, weight_decay=0.1):
    """A stranger's rule: its averages begin with the first gradient, its pace is one number that shrinks."""
    square_avg = g * g if square_avg is None else alpha * square_avg + (1 - alpha) * g * g
    pace = 1.0 if pace is None else pace * 0.95
    p = p * (1 - lr * weight_decay) - lr * pace * g / (sqrt(square_avg) + eps)
    return p, square_avg, pace


def starts_unless_it_has(p, g, pace, *, lr=1e-2):
    """The test for a first step the other way round."""
    pace = 0.5 * pace if pace is not None else 1.0
    p = p - lr * pace * g
    return p, pace


CASES = [
    (first_steps_differ, {}),
    (rules.sgd, {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    (rules.rmsprop, {"centered": True, "momentum": 0.9}),
    (rules.adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    (rules.adamw, {"amsgrad": True}),
    (rules.nadam, {}),
    (rules.radam, {}),
    (rules.asgd, {"t0": 3.0}),
    (rules.rprop, {}),
    (rules.lion, {"weight_decay": 0.1}),
    (rules.adafactor, {"eps": (1e-8, 1e-3), "weight_decay": 0.1}),
    (rules.adam, {"lr": schedules.cosine(1e-2, steps=STEPS), "betas": (schedules.linear(0.9, 0.5, STEPS), 0.99)}),
]


def gradients() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(STEPS, 5, 3))


def end_in_torch(rule, options) -> np.ndarray:
    p = torch.nn.Parameter(torch.ones(5, 3, dtype=torch.float64))
    optimizer = steepest.optimizer(rule)([p], **options)
    for g in gradients():
        p.grad = torch.tensor(g)
        optimizer.step()
    return p.detach().numpy()


@pytest.mark.parametrize(("rule", "options"), CASES, ids=lambda one: getattr(one, "__name__", ""))
def test_a_scan_ends_where_torch_does(rule, options) -> None:
    made = transformation(rule)(**options)
    start = jnp.ones((5, 3))

    def step(carry, g):
        updates, state = made.update(g, carry[1], carry[0])
        return (optax.apply_updates(carry[0], updates), state), None

    (end, _), _ = jax.jit(lambda carry, g: jax.lax.scan(step, carry, g))((start, made.init(start)), gradients())
    np.testing.assert_allclose(end, end_in_torch(rule, options), rtol=1e-5, atol=2e-6)


def test_muon_is_in_float32_here() -> None:
    """torch's Newton-Schulz runs in bfloat16, with 8 bits; one step of 0.02 is right to a few of them."""
    made = transformation(rules.muon)(lr=0.02, weight_decay=0.0)
    p, g = jnp.ones((5, 3)), jnp.asarray(gradients()[0], jnp.float32)
    updates, _ = made.update(g, made.init(p), p)
    q = torch.nn.Parameter(torch.ones(5, 3))
    q.grad = torch.tensor(gradients()[0], dtype=torch.float32)
    steepest.Muon([q], lr=0.02, weight_decay=0.0).step()
    np.testing.assert_allclose(updates, q.detach().numpy() - 1, atol=0.02 * 2**-5)


def test_a_small_step_of_a_large_parameter_is_not_rounded_to_it() -> None:
    """Beside 1000 a step of 1e-4 would be 1.2e-4 in float32; as an update it is what it is."""
    made = transformation(rules.adamw)(lr=1e-4, weight_decay=1e-6, eps=0.0)
    p = jnp.array([1000.0])
    updates, _ = made.update(jnp.array([3.0]), made.init(p), p)
    assert float(updates[0]) == pytest.approx(-1e-4 - 1e-4 * 1e-6 * 1000, rel=1e-6)


def test_its_signature_is_the_rules() -> None:
    assert list(inspect.signature(transformation(rules.adam)).parameters)[:3] == ["lr", "betas", "eps"]
    assert transformation(rules.adam).__name__ == "adam"


def test_its_hyperparameters_may_be_injected() -> None:
    made = optax.inject_hyperparams(transformation(rules.sgd))(lr=0.1, momentum=0.9)
    p = jnp.ones(3)
    state = made.init(p)
    assert {"lr", "momentum"} <= state.hyperparams.keys()
    updates, state = jax.jit(made.update)(p, state, p)
    np.testing.assert_allclose(updates, -0.1 * np.ones(3), rtol=1e-6)
    state.hyperparams["lr"] = jnp.asarray(1.0)
    updates, _ = jax.jit(made.update)(p, state, p)
    np.testing.assert_allclose(updates, -1.9 * np.ones(3), rtol=1e-6)


@pytest.mark.parametrize(
    "rule",
    [rules.sgd, rules.rmsprop, rules.adamw, rules.nadam, rules.radam, rules.adagrad, rules.asgd, rules.adafactor],
)
def test_with_its_defaults_injected_it_is_the_same_under_jit(rule) -> None:
    """Where the momentum is a traced number, which has no truth; 0 is one that may grow."""
    start = {"w": jnp.ones((5, 3))}
    ends = []
    for made in (transformation(rule)(lr=0.1), optax.inject_hyperparams(transformation(rule))(lr=0.1)):
        params, state = start, made.init(start)
        for g in gradients()[:5]:
            updates, state = jax.jit(made.update)({"w": jnp.asarray(g, jnp.float32)}, state, params)
            params = optax.apply_updates(params, updates)
        ends.append(params["w"])
    np.testing.assert_allclose(*ends, rtol=1e-5, atol=1e-6)


def test_a_momentum_of_zero_may_be_injected_and_grow() -> None:
    made, p = optax.inject_hyperparams(transformation(rules.sgd))(lr=0.1), jnp.ones(3)
    _, state = jax.jit(made.update)(p, made.init(p), p)
    state.hyperparams["momentum"] = jnp.asarray(0.9)
    updates, _ = jax.jit(made.update)(p, state, p)
    np.testing.assert_allclose(updates, -0.19 * np.ones(3), rtol=1e-6)


def test_a_count_cannot_be_injected_and_the_way_out_works() -> None:
    p = jnp.ones((3, 2))
    with pytest.raises(TypeError, match=r"ns_steps must be a number, as in ns_steps=5.*static_args=\['ns_steps'\]"):
        optax.inject_hyperparams(transformation(rules.muon))(lr=0.1).init(p)
    made = optax.inject_hyperparams(transformation(rules.muon), static_args=["ns_steps"])(lr=0.1)
    plain = transformation(rules.muon)(lr=0.1)
    found, right = (jax.jit(one.update)(p, one.init(p), p)[0] for one in (made, plain))
    np.testing.assert_allclose(found, right, rtol=1e-5)


@pytest.mark.parametrize("shape", [(), (4,)])
def test_muon_of_what_is_no_matrix_is_refused_and_the_way_out_works(shape) -> None:
    params = {"w": jnp.ones((3, 2)), "b": jnp.ones(shape)}
    muon = transformation(rules.muon)(lr=0.1)
    with pytest.raises(ValueError, match=r"parameter\['b'\] has shape .*`optax.multi_transform") as refused:
        muon.init(params)
    made = eval(str(refused.value).split("`")[1], {"optax": optax, "jax": jax, "muon": muon})
    updates, _ = jax.jit(made.update)(params, made.init(params), params)
    alone, adamw = muon.update(params["w"], muon.init(params["w"]), params["w"])[0], optax.adamw(3e-4)
    np.testing.assert_allclose(updates["w"], alone, rtol=1e-5)
    right, _ = adamw.update(params["b"], adamw.init(params["b"]), params["b"])
    np.testing.assert_allclose(updates["b"], right, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"learning_rate": 1.0}, TypeError, "Did you mean 'lr'"),
        ({"lr": "fast"}, TypeError, "lr must be a number"),
        ({"lr": -1.0}, ValueError, "Invalid learning rate: -1.0"),
        ({"betas": (0.9,)}, ValueError, "betas must be 2 numbers"),
        ({"betas": (0.9, 1.0)}, ValueError, "at index 1: 1.0"),
    ],
)
def test_what_cannot_work_is_said(options, error, said) -> None:
    with pytest.raises(error, match=said):
        transformation(rules.adam)(**options)


def test_a_rule_steps_from_the_parameters() -> None:
    made = transformation(rules.adam)()
    with pytest.raises(ValueError, match=r"update\(grads, state, params\)"):
        made.update(jnp.ones(2), made.init(jnp.ones(2)))


def test_complex_gradients_are_refused_with_the_way_out() -> None:
    made, z = transformation(rules.adam)(), jnp.ones(2, complex)
    with pytest.raises(TypeError, match="split_real_and_imaginary"):
        made.update(z, made.init(z), z)


def test_what_is_no_rule_is_refused() -> None:
    with pytest.raises(RuleError, match="A rule starts with the parameter"):
        transformation(lambda x: x)


@pytest.mark.parametrize("rule", [rules.adafactor, rules.muon, rules.adam])
def test_bfloat16_parameters_keep_their_dtypes(rule) -> None:
    made = transformation(rule)()
    params = {"w": jnp.ones((3, 2), jnp.bfloat16)}
    state = made.init(params)
    updates, after = jax.jit(made.update)(params, state, params)
    assert jax.tree.map(lambda x: x.dtype, after) == jax.tree.map(lambda x: x.dtype, state)
    assert updates["w"].dtype == jnp.bfloat16
    assert float(abs(updates["w"]).sum()) > 0


def test_the_first_step_may_be_asked_the_other_way_round() -> None:
    made, p = transformation(starts_unless_it_has)(lr=0.1), jnp.ones(1)
    state = made.init(p)
    moved = []
    for _ in range(3):
        updates, state = jax.jit(made.update)(jnp.ones(1), state, p)
        moved.append(float(updates[0]))
    assert moved == pytest.approx([-0.1, -0.05, -0.025])
