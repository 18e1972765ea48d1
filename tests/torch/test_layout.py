"""Law: however parameters, gradients and state lie in memory, a step gives what it gives on contiguous tensors.

Every tensor is a view into a buffer of known bytes, and no byte beside it changes.  Bit for bit where a kernel walks
the parameter; elsewhere the rule runs on tensors, and torch's square root (MKL's) is not rounded correctly, as the
kernel's and NumPy's are: there each value may be off by the last bits.
"""

import itertools

import pytest
import torch

from steepest.torch import layout
from support.configurations import NUMBERS
from support.memory import (
    LAYOUTS,
    SHAPES,
    Guarded,
    channels_last,
    contiguous,
    every_second,
    first_columns,
    odd_where_it_does_not_matter,
    transposed,
)

STEPS = 3


def values(seed: int, shape) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


WALKED = (contiguous, transposed, channels_last, odd_where_it_does_not_matter)
"""The layouts of a parameter that a kernel takes as it is."""


def assert_agree(ours, expected, *, exact: bool, where: object = "") -> None:
    """The same bits; or, after three steps with another square root, within eight last bits of the largest."""
    assert ours.dtype == expected.dtype
    largest = expected.abs().max().item() if expected.numel() else 0.0
    bound = 0.0 if exact else 8 * torch.finfo(expected.dtype).eps * max(largest, 1e-3)
    torch.testing.assert_close(ours, expected, rtol=0, atol=bound, msg=lambda m: f"{where}: {m}")


def contiguous_run(configuration, shape) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    p = torch.nn.Parameter(values(0, shape))
    optimizer = configuration.ours([p])
    for step in range(1, STEPS + 1):
        p.grad = values(step, shape)
        optimizer.step()
    return p.detach(), optimizer.state[p]


@pytest.mark.structure
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_layout_of_parameter_and_gradient(configuration, shape):
    expected, expected_state = contiguous_run(configuration, shape)
    for of_p, of_g in itertools.product(LAYOUTS, LAYOUTS):
        home = Guarded(values(0, shape), of_p(shape))
        p = torch.nn.Parameter(home.tensor)
        optimizer = configuration.ours([p])
        for step in range(1, STEPS + 1):
            gradient = Guarded(values(step, shape), of_g(shape))
            bytes_before = gradient.buffer.clone()
            p.grad = gradient.tensor
            optimizer.step()
            assert torch.equal(gradient.buffer, bytes_before)
        assert p.data_ptr() == home.tensor.data_ptr()
        assert home.intact(), (of_p, of_g)
        exact = of_p in WALKED
        assert_agree(p.detach(), expected, exact=exact, where=(of_p, of_g))
        for name, value in expected_state.items():
            assert_agree(optimizer.state[p][name], value, exact=exact, where=(of_p, of_g, name))


@pytest.mark.structure
@pytest.mark.parametrize("of_p", [contiguous, transposed, every_second])
@pytest.mark.parametrize("of_state", LAYOUTS)
def test_state_laid_out_otherwise(configuration, of_p, of_state):
    shape = SHAPES[0]
    expected, expected_state = contiguous_run(configuration, shape)
    p = torch.nn.Parameter(Guarded(values(0, shape), of_p(shape)).tensor)
    optimizer, homes = configuration.ours([p]), []
    for step in range(1, STEPS + 1):
        p.grad = values(step, shape)
        optimizer.step()
        for name, value in optimizer.state[p].items():
            if name not in NUMBERS:
                homes.append(Guarded(value, of_state(shape)))
                optimizer.state[p][name] = homes[-1].tensor
    assert all(home.intact() for home in homes)
    assert_agree(p.detach(), expected, exact=of_p in WALKED)
    for name, value in expected_state.items():
        assert_agree(optimizer.state[p][name], value, exact=of_p in WALKED, where=name)


@pytest.mark.structure
def test_a_gradient_expanded_from_one_number(configuration):
    results = []
    for expand in (True, False):
        p = torch.nn.Parameter(values(0, (4, 33)))
        optimizer = configuration.ours([p])
        for step in range(1, STEPS + 1):
            g = torch.tensor(float(step)).expand(4, 33)
            p.grad = g if expand else g.clone()
            optimizer.step()
        results.append((p.detach(), optimizer.state[p]))
    assert torch.equal(results[0][0], results[1][0])
    assert all(torch.equal(results[0][1][name], value) for name, value in results[1][1].items())


@pytest.mark.structure
def test_a_gradient_that_is_a_lazily_negated_view(configuration):
    results = []
    for lazy in (True, False):
        p = torch.nn.Parameter(values(0, (33,)))
        optimizer = configuration.ours([p])
        for step in range(1, STEPS + 1):
            g = torch.complex(values(1, (33,)), values(1 + step, (33,))).conj().imag
            assert g.is_neg()
            # an interleaved view is not dense; its own memory of the same kind is
            g = torch._neg_view(g.resolve_neg().neg())  # pyright: ignore[reportPrivateImportUsage]
            p.grad = g if lazy else g.resolve_neg().clone()
            assert p.grad is not None
            assert p.grad.is_neg() == lazy
            optimizer.step()
        results.append((p.detach(), optimizer.state[p]))
    assert torch.equal(results[0][0], results[1][0])
    assert all(torch.equal(results[0][1][name], value) for name, value in results[1][1].items())


def test_half_types_take_the_same_step_whether_a_kernel_walks_them_or_not(configuration):
    """The rule on tensors, which is what a parameter that no kernel may walk gets, keeps
    its state in the same dtypes and rounds as often as the kernel does."""
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        results = []
        for of_p in (contiguous, first_columns):
            home = Guarded(values(0, (5, 33)).to(dtype), of_p((5, 33)))
            p = torch.nn.Parameter(home.tensor)
            optimizer = configuration.ours([p])
            for step in range(1, STEPS + 1):
                p.grad = values(step, (5, 33)).to(dtype)
                optimizer.step()
            assert home.intact()
            results.append((p.detach(), optimizer.state[p]))
        assert_agree(results[1][0], results[0][0], exact=False)
        for name, value in results[0][1].items():
            assert_agree(results[1][1][name], value, exact=False, where=(dtype, name))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_dense_means_that_each_place_of_one_stretch_is_used_once(shape):
    for of in LAYOUTS:
        tensor = Guarded(torch.zeros(shape), of(shape)).tensor
        places = torch.arange(10_000).as_strided(shape, of(shape)).flatten().tolist()
        assert layout.is_dense(tensor) == (sorted(places) == [*range(len(places))])
    assert not layout.is_dense(torch.zeros(1).expand(5))
    assert layout.is_dense(torch.zeros(3, 0, 5))
