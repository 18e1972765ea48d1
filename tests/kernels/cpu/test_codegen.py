"""Law: a kernel computes what the rule says, run line by line on NumPy.

Bit for bit, for every dtype: half types are read into float32 and each stored value is rounded once, which NumPy's
float32 and torch's own conversions say exactly.  And near the same rule in float64, where nothing is rounded.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from steepest.kernels import reference

SIZES = (0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 255, 4097)
STEPS = 6
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
Store = Callable[[np.ndarray], np.ndarray]


def problem(dtype: torch.dtype, sizes=SIZES, steps=STEPS, seed=0) -> tuple[list, list[list]]:
    """Parameters, and for each step the gradients: magnitudes 1/2 to 2, so that no quotient is ill-conditioned."""
    random = torch.Generator().manual_seed(seed)
    start = [torch.randn(n, generator=random).to(dtype) for n in sizes]
    sign = lambda n: torch.randint(0, 2, (n,), generator=random) * 2 - 1  # noqa: E731
    gradients = [
        [((0.5 + 1.5 * torch.rand(n, generator=random)) * sign(n)).to(dtype) for n in sizes] for _ in range(steps)
    ]
    return start, gradients


def run_ours(configuration, start: list, gradients: list[list]) -> tuple[list, list[dict]]:
    """Parameters and state after our optimizer's steps."""
    params = [torch.nn.Parameter(p.clone()) for p in start]
    optimizer = configuration.ours(params)
    for step in gradients:
        for p, g in zip(params, step, strict=True):
            p.grad = g.clone()
        optimizer.step()
    return [p.detach() for p in params], [optimizer.state[p] for p in params]


def run_rule(configuration, p: Any, gradients: list, store: Store) -> tuple[np.ndarray, dict[str, Any]]:
    """The rule itself on NumPy arrays; `store` is what becomes of an array that is written to memory.

    States of one number are kept in float32, as torch keeps step counts.
    """
    keep = lambda x: float(np.float32(x)) if isinstance(x, float) else store(x)  # noqa: E731
    state: dict[str, Any] = {}
    for count, g in enumerate(gradients, 1):
        p, state = reference.step(
            configuration.rule, p, g, state, configuration.hyperparameters,
            step=count, maximize=configuration.maximize,
        )  # fmt: skip
        p, state = store(p), {name: keep(value) for name, value in state.items()}
    return p, state


def stored_as(dtype: torch.dtype) -> Store:
    """Round to nearest even into this dtype, and back to what the kernel computes in."""
    real = torch.promote_types(dtype, torch.float32)
    return lambda x: torch.from_numpy(np.asarray(x)).to(dtype).to(real).numpy()


def column(gradients: list[list], i: int, real: torch.dtype) -> list[np.ndarray]:
    """The gradients of one parameter, step by step."""
    return [step[i].to(real).numpy() for step in gradients]


def assert_same_bits(ours: torch.Tensor, expected: np.ndarray, dtype: torch.dtype) -> None:
    """Equal in every bit; -0 is not 0."""
    whole = {8: torch.int64, 4: torch.int32, 2: torch.int16}[dtype.itemsize]
    wanted = torch.from_numpy(np.asarray(expected, order="C")).to(dtype)
    assert ours.dtype == dtype
    assert torch.equal(ours.detach().contiguous().view(whole), wanted.view(whole))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_kernel_equals_the_rule_on_numpy_bit_for_bit(configuration, dtype):
    start, gradients = problem(dtype)
    params, states = run_ours(configuration, start, gradients)
    real = torch.promote_types(dtype, torch.float32)
    for i, (p, state) in enumerate(zip(params, states, strict=True)):
        expected, expected_state = run_rule(
            configuration, start[i].to(real).numpy(), column(gradients, i, real), stored_as(dtype)
        )
        assert_same_bits(p, expected, dtype)
        assert {*state} - {"step"} == {*expected_state}
        for name, value in expected_state.items():
            assert_same_bits(state[name], value, torch.float32 if isinstance(value, float) else dtype)
        assert "step" not in state or state["step"].item() == STEPS


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_kernel_is_near_the_rule_in_float64(configuration, dtype):
    start, gradients = problem(dtype)
    params, states = run_ours(configuration, start, gradients)
    for i, (p, state) in enumerate(zip(params, states, strict=True)):
        expected, expected_state = run_rule(
            configuration, start[i].double().numpy(), column(gradients, i, torch.float64), np.asarray
        )
        for ours, wanted in [(p, expected), *((state[n], v) for n, v in expected_state.items())]:
            # At most 10 operations a step (1 rounding when stored in a half type), each wrong by at most eps/2 of the
            # largest value around, never amplified: every factor of a rule is at most 1.
            roundings = 1 if dtype.itemsize == 2 else 10
            largest = max(float(np.abs(wanted).max(initial=0.0)), 1.0)
            bound = STEPS * roundings * torch.finfo(dtype).eps / 2 * largest
            np.testing.assert_allclose(ours.double().numpy(), wanted, rtol=0, atol=bound)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("row", ["SGD-lr=0.01-momentum=0.9", "Adam-lr=0.001-amsgrad"])
def test_a_large_tensor_equals_the_rule_whatever_the_number_of_threads(row, count, threads):
    from support.configurations import TABLE

    configuration = next(c for c in TABLE if c.id == row)
    threads(count)
    start, gradients = problem(torch.float32, sizes=(1_000_003, 5, 200_000), steps=5)
    params, states = run_ours(configuration, start, gradients)
    for i, (p, state) in enumerate(zip(params, states, strict=True)):
        expected, expected_state = run_rule(
            configuration, start[i].numpy(), column(gradients, i, torch.float32), np.asarray
        )
        assert_same_bits(p, expected, torch.float32)
        for name, value in expected_state.items():
            assert_same_bits(state[name], value, torch.float32)


@pytest.mark.parametrize("special", [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e-42, 3e38])
def test_special_values_go_through_a_kernel_as_through_the_rule(configuration, special):
    start = [torch.tensor([special, 1.0, -1.0, special] * 5)]
    gradients = [[torch.tensor([1.0, special, special, special] * 5)] for _ in range(3)]
    (p,), (state,) = run_ours(configuration, start, gradients)
    with np.errstate(all="ignore"):
        expected, expected_state = run_rule(
            configuration, start[0].numpy(), column(gradients, 0, torch.float32), np.asarray
        )
    # which of several NaN comes out of an addition is the processor's choice, so NaN equals NaN here
    np.testing.assert_array_equal(p.numpy(), expected)
    for name, value in expected_state.items():
        np.testing.assert_array_equal(state[name].numpy(), value)
