# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportIndexIssue=false
# optax types trees as unions that nothing can be done with
"""What JAX's users do with a transformation: nest it, map it, save it, jit it, schedule it."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from steepest import optax as ours
from steepest import rules, schedules

NAMES = [
    "sgd",
    "rmsprop",
    "adagrad",
    "adadelta",
    "adam",
    "adamw",
    "nadam",
    "amsgrad",
    "adamax",
    "radam",
    "lion",
    "rprop",
]


def steps(transformation, params, state, grads):
    for g in grads:
        updates, state = transformation.update(g, state, params)
        params = optax.apply_updates(params, updates)
    return params, state


def compiled(transformation):
    """The same with its steps under jit: a `cond` outside of it is compiled anew at each step."""
    return optax.GradientTransformationExtraArgs(transformation.init, jax.jit(transformation.update))


@pytest.mark.parametrize("name", NAMES)
def test_the_state_is_a_pytree_that_keeps_its_form(name: str, random_tree) -> None:
    """`scan` demands that a step gives the types, shapes and tree that it took."""
    transformation, params = getattr(ours, name)(1e-3), random_tree(0)
    state = transformation.init(params)
    shapes = jax.eval_shape(transformation.init, params)
    assert jax.tree.structure(shapes) == jax.tree.structure(state)
    updates, after = jax.eval_shape(transformation.update, random_tree(1), state, params)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(lambda x: (x.shape, x.dtype), shapes)
    assert jax.tree.map(jnp.shape, updates) == jax.tree.map(jnp.shape, params)
    fetched = jax.device_get(jax.tree.map(lambda x: x, state))
    _, again = transformation.update(random_tree(1), fetched, params)
    _, right = transformation.update(random_tree(1), state, params)
    assert jax.tree.all(jax.tree.map(lambda x, y: bool((x == y).all()), again, right))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "rprop"])
def test_a_state_of_optaxs_goes_on_here(name: str, random_tree, difference) -> None:
    grads = [random_tree(seed) for seed in range(1, 21)]
    theirs, mine = getattr(optax, name)(1e-3), getattr(ours, name)(1e-3)
    params, state = steps(theirs, random_tree(0), theirs.init(random_tree(0)), grads[:10])
    right, _ = steps(theirs, params, state, grads[10:])
    found, _ = steps(mine, params, state, grads[10:])
    assert difference(found, right) < 1e-6


def test_orbax_saves_and_restores(tmp_path: Path, random_tree, difference) -> None:
    import orbax.checkpoint as ocp

    start, *grads = [random_tree(seed)["dense"] for seed in range(21)]  # orbax refuses empty arrays
    transformation = ours.adamw(schedules.cosine(1e-2, steps=20))
    params, state = steps(transformation, start, transformation.init(start), grads[:10])
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "run", (params, state))
    with ocp.StandardCheckpointer() as checkpointer:
        blank = jax.tree.map(jnp.zeros_like, (params, state))
        restored = checkpointer.restore(tmp_path / "run", blank)
    resumed, _ = steps(transformation, *restored, grads[10:])
    uninterrupted, _ = steps(transformation, params, state, grads[10:])
    assert difference(resumed, uninterrupted) == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_may_be_injected(name: str, random_tree, difference) -> None:
    made = optax.inject_hyperparams(getattr(ours, name))(learning_rate=1e-3)
    grads = [random_tree(seed) for seed in range(1, 6)]
    injected, state = steps(made, random_tree(0), made.init(random_tree(0)), grads)
    plain = getattr(ours, name)(1e-3)
    right, _ = steps(plain, random_tree(0), plain.init(random_tree(0)), grads)
    assert difference(injected, right) < 1e-6
    state.hyperparams["learning_rate"] = jnp.asarray(0.0)
    if name not in ("rprop", "adadelta"):  # Rprop's steps have sizes of their own
        still, _ = made.update(grads[0], state, injected)
        assert difference(still, jax.tree.map(jnp.zeros_like, still)) == 0


@pytest.mark.parametrize(
    ("name", "options"), [("sgd", {"momentum": 0.9}), ("rmsprop", {"momentum": 0.9}), ("adamw", {"weight_decay": 0.1})]
)
def test_other_numbers_may_be_injected_too(name: str, options: dict, random_tree, difference) -> None:
    grads = [random_tree(seed) for seed in range(1, 6)]
    made = optax.inject_hyperparams(getattr(ours, name))(learning_rate=1e-3, **options)
    injected, _ = steps(made, random_tree(0), made.init(random_tree(0)), grads)
    plain = getattr(optax, name)(1e-3, **options)
    right, _ = steps(plain, random_tree(0), plain.init(random_tree(0)), grads)
    assert difference(injected, right) < 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_updates_have_the_dtype_that_optax_gives_them(name: str) -> None:
    """In float32 where the gradients alone are in half precision."""
    if name == "rprop":
        pytest.skip("optax's own is of the step before")
    p, g = jnp.zeros(2), jnp.array([8.0, 0.25], jnp.float16)
    options = {"momentum": 0.9} if name == "sgd" else {}
    found, right = (third_update(getattr(library, name)(0.1, **options), p, g) for library in (ours, optax))
    assert found.dtype == right.dtype
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(right, float), rtol=1e-2)


def third_update(transformation, p, g):
    state = transformation.init(p)
    for _ in range(2):
        _, state = transformation.update(g, state, p)
    return transformation.update(g, state, p)[0]


def test_a_missing_gradient_is_a_missing_update() -> None:
    params = {"a": jnp.ones(2), "b": jnp.ones(3)}
    for made in (ours.sgd(0.1, momentum=0.9), ours.transformation(rules.sgd)(lr=0.1, momentum=0.9)):
        state = made.init(params)
        updates, state = made.update({"a": jnp.ones(2), "b": None}, state, params)
        assert updates["b"] is None
        updates, _ = made.update(params, state, params)
        np.testing.assert_allclose(updates["a"], -0.19 * np.ones(2), rtol=1e-6)
        np.testing.assert_allclose(updates["b"], -0.1 * np.ones(3), rtol=1e-6)


def test_adagrad_stays_where_nothing_was_summed() -> None:
    made, p = ours.adagrad(0.1, 0.0, 0.0), jnp.ones(2)
    updates, _ = made.update(jnp.array([0.0, 1.0]), made.init(p), p)
    np.testing.assert_allclose(updates, [0.0, -0.1], rtol=1e-6)


def test_transformations_of_optax_take_it_in(random_tree, difference) -> None:
    labels = {"dense": {"kernel": "matrix", "bias": "rest"}, "rest": ["rest", "rest"]}

    def made(library):
        parts = {"matrix": library.adam(1e-3), "rest": library.sgd(1e-2, momentum=0.9)}
        chained = optax.chain(optax.clip_by_global_norm(1.0), optax.multi_transform(parts, labels))
        in_pairs = optax.MultiSteps(chained, every_k_schedule=2).gradient_transformation()
        return compiled(optax.apply_if_finite(in_pairs, 3))

    grads = [random_tree(seed) for seed in range(1, 13)]
    grads[4] = jax.tree.map(lambda x: x * jnp.nan, grads[4])
    both = [made(library) for library in (ours, optax)]
    mine, right = (steps(one, random_tree(0), one.init(random_tree(0)), grads)[0] for one in both)
    assert difference(mine, right) < 1e-6
    assert difference(mine, random_tree(0)) > 1e-3


def test_a_population_is_stepped_at_once() -> None:
    rates = jnp.array([1e-3, 1e-2, 1e-1])

    def end(rate):
        transformation = ours.adam(rate)
        p = jnp.ones(4)
        return steps(transformation, p, transformation.init(p), [p, -0.5 * p, 2 * p])[0]

    together = jax.vmap(end)(rates)
    for row, rate in zip(together, rates, strict=True):
        np.testing.assert_allclose(row, end(float(rate)), rtol=1e-6)


def test_gradients_flow_through_a_step() -> None:
    """d/dlr of p - lr g / (|g| + eps) is -1 for Adam's first step along a positive gradient."""
    slope = jax.grad(lambda rate: steps(ours.adam(rate), p := jnp.ones(()), ours.adam(rate).init(p), [jnp.ones(())])[0])
    assert float(slope(0.1)) == pytest.approx(-1.0, abs=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_a_schedule_is_a_rate(name: str, random_tree, difference) -> None:
    schedule = schedules.warmup(3).then(schedules.cosine(1e-2, steps=7))
    grads = [random_tree(seed) for seed in range(1, 11)]
    mine = getattr(ours, name)(schedule)
    found, _ = steps(mine, random_tree(0), mine.init(random_tree(0)), grads)
    params, state = random_tree(0), None
    for count, g in enumerate(grads):  # by hand: another rate for each step
        by_hand = getattr(optax, name)(schedule(count))
        state = by_hand.init(params) if state is None else state
        params, state = steps(by_hand, params, state, [g])
    assert difference(found, params) < 1e-6


def test_the_seed_program_of_optax() -> None:
    """The first example of optax's documentation, with one import changed."""
    optimizer = ours.adam(1e-3)
    params = {"w": jnp.ones((2, 2)), "b": jnp.zeros(2)}
    opt_state = optimizer.init(params)
    x, y = jnp.array([[1.0, 2.0]]), jnp.array([[3.0, -1.0]])
    compute_loss = lambda params: jnp.mean((x @ params["w"] + params["b"] - y) ** 2)  # noqa: E731
    before = compute_loss(params)
    for _ in range(10):
        grads = jax.grad(compute_loss)(params)
        updates, opt_state = optimizer.update(grads, opt_state)
        params = optax.apply_updates(params, updates)
    assert compute_loss(params) < before


def accuracy(optimizer) -> tuple[float, jax.Array]:
    """On digits: a hidden layer of 32, 200 steps of 128 images, 400 held out."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = jnp.asarray(images / 16, jnp.float32)
    random = np.random.default_rng(0)
    params = {
        "hidden": jnp.asarray(random.normal(size=(64, 32)) / 8, jnp.float32),
        "out": jnp.asarray(random.normal(size=(32, 10)) / 6, jnp.float32),
    }
    logits = lambda params, x: jax.nn.relu(x @ params["hidden"]) @ params["out"]  # noqa: E731

    @jax.jit
    def step(params, state, x, y):
        loss = lambda p: optax.softmax_cross_entropy_with_integer_labels(logits(p, x), y).mean()  # noqa: E731
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    state = optimizer.init(params)
    for _ in range(200):
        batch = random.integers(0, 1397, 128)
        params, state = step(params, state, images[batch], labels[batch])
    found = logits(params, images[1397:])
    return float((found.argmax(1) == labels[1397:]).mean()), found


@pytest.mark.parametrize(("name", "rate"), [("sgd", 0.1), ("rmsprop", 1e-2), ("adam", 1e-2), ("lion", 1e-3)])
def test_digits_are_learned_as_with_optax(name: str, rate: float) -> None:
    (mine, _), (theirs, _) = accuracy(getattr(ours, name)(rate)), accuracy(getattr(optax, name)(rate))
    assert theirs > 0.8
    assert mine == pytest.approx(theirs, abs=0.01)


def test_digits_are_learned_by_a_rule(difference) -> None:
    (mine, found), (theirs, right) = (
        accuracy(ours.transformation(rules.adam)(lr=1e-2)),
        accuracy(optax.adam(1e-2)),
    )
    assert mine == pytest.approx(theirs, abs=0.01)
    assert difference(found, right) < 0.2


def python(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_torch_is_not_imported() -> None:
    program = "import sys, steepest.optax as o, jax.numpy as n; a = o.adam(1.0); a.update(n.ones(2), a.init(n.ones(2)))"
    assert python(f"{program}; print('torch' in sys.modules, 'numba' in sys.modules)") == "False False"


def test_steepest_alone_imports_no_jax() -> None:
    assert (
        python("import sys, steepest; steepest.rules; print('jax' in sys.modules, 'optax' in sys.modules)")
        == "False False"
    )


@pytest.mark.parametrize(("missing", "typed"), [("optax", "'steepest[optax]'"), ("jax", "jax")])
def test_what_is_missing_is_answered_with_what_to_type(missing: str, typed: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\ntry: import steepest.optax\nexcept ImportError as e: print(e)"
    )
    assert python(program).endswith(f"pip install {typed}")


def test_shards_stay_where_they_are() -> None:
    program = """
import jax, jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from steepest import optax
split = NamedSharding(Mesh(jax.devices(), ("x",)), P("x"))
p = jax.device_put(jnp.ones((8, 3)), split)
adam = optax.adam(1e-3)
state = jax.jit(adam.init)(p)
updates, state = jax.jit(adam.update)(p, state, p)
assert updates.sharding.is_equivalent_to(split, 2), updates.sharding
print(len(updates.addressable_shards), updates.addressable_shards[0].data.shape)
"""
    assert python(program, XLA_FLAGS="--xla_force_host_platform_device_count=2") == "2 (4, 3)"
