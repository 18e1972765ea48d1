"""Law: a complex tensor is stepped as its real and imaginary parts are, whatever its layout; torch does the same."""

import pytest
import torch
from torch.nn import Parameter

from support.configurations import NUMBERS
from support.memory import Guarded, contiguous, every_second, transposed

pytestmark = pytest.mark.structure

SHAPE, STEPS = (5, 7), 4
DTYPES = (torch.complex64, torch.complex128)


def values(seed: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def parts_run(configuration, dtype: torch.dtype) -> tuple[torch.Tensor, dict]:
    p = Parameter(torch.view_as_real(values(0, dtype)).clone())
    optimizer = configuration.ours([p])
    for step in range(1, STEPS + 1):
        p.grad = torch.view_as_real(values(step, dtype))
        optimizer.step()
    return p.detach(), optimizer.state[p]


def assert_parts_equal(value: torch.Tensor, parts: torch.Tensor, *, exact: bool) -> None:
    eps = torch.finfo(parts.dtype).eps
    bound = 0.0 if exact else 8 * eps * max(1.0, parts.abs().max().item())  # torch's square root, see test_layout
    torch.testing.assert_close(torch.view_as_real(value.detach()), parts, rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("of_p", [contiguous, transposed, every_second], ids=lambda f: f.__name__)
def test_a_step_is_that_of_the_parts(configuration, of_p, dtype):
    expected, expected_state = parts_run(configuration, dtype)
    for of_g in (contiguous, transposed, every_second):
        home = Guarded(values(0, dtype), of_p(SHAPE))
        p = Parameter(home.tensor)
        optimizer = configuration.ours([p])
        for step in range(1, STEPS + 1):
            p.grad = Guarded(values(step, dtype), of_g(SHAPE)).tensor
            optimizer.step()
        assert home.intact()
        assert_parts_equal(p, expected, exact=of_p is not every_second)
        for name in expected_state.keys() - NUMBERS:
            assert optimizer.state[p][name].dtype is dtype
            assert_parts_equal(optimizer.state[p][name], expected_state[name], exact=of_p is not every_second)


def test_a_gradient_that_is_conjugated_only_when_looked_at(configuration):
    results = []
    for lazily in (True, False):
        p = Parameter(values(0, torch.complex64))
        optimizer = configuration.ours([p])
        for step in range(1, STEPS + 1):
            g = values(step, torch.complex64).conj()
            p.grad = g if lazily else g.resolve_conj()
            assert p.grad.is_conj() == lazily
            optimizer.step()
        results.append(p.detach())
    assert torch.equal(*results)


def test_a_parameter_that_is_conjugated_only_when_looked_at(configuration):
    results = []
    for lazily in (True, False):
        z = values(0, torch.complex64).conj()
        p = Parameter(z if lazily else z.resolve_conj())
        optimizer = configuration.ours([p])
        for step in range(1, STEPS + 1):
            p.grad = values(step, torch.complex64)
            optimizer.step()
        results.append(p.detach().resolve_conj())
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-6)


def test_real_state_of_a_complex_parameter_is_refused(configuration):
    p = Parameter(values(0, torch.complex64))
    optimizer = configuration.ours([p])
    p.grad = values(1, torch.complex64)
    optimizer.step()
    names = optimizer.state[p].keys() - NUMBERS
    for name in names:
        optimizer.state[p][name] = torch.zeros(SHAPE)
    if names:
        with pytest.raises(ValueError, match="another kind of number"):
            optimizer.step()
