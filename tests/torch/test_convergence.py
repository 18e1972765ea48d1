"""Every optimizer comes to the minimum of a parabola and of Rosenbrock's valley, with real and complex parameters."""

import pytest
import torch
from torch.nn import Parameter

import steepest

# name -> (options, steps) for the parabola; for the valley.  Rates from a search over halves and doubles.
PARABOLA = {
    "SGD": ({"lr": 0.1}, 200),
    "RMSprop": ({"lr": 0.005}, 800),
    "Adagrad": ({"lr": 0.5}, 400),
    "Adadelta": ({"lr": 10.0}, 2000),
    "Adam": ({"lr": 0.05}, 600),
    "AdamW": ({"lr": 0.05, "weight_decay": 0.0}, 600),
    "Adamax": ({"lr": 0.05}, 600),
    "NAdam": ({"lr": 0.05}, 600),
    "RAdam": ({"lr": 0.05}, 900),
    "ASGD": ({"lr": 0.1, "lambd": 0.0}, 300),
    "Rprop": ({"lr": 0.05}, 200),
    "Lion": ({"lr": 0.001}, 3000),
    "Adafactor": ({"lr": 0.05}, 3000),
    "Muon": ({"lr": 0.002, "weight_decay": 0.0, "momentum": 0.5}, 2500),
    "SparseAdam": ({"lr": 0.05}, 600),
    "LBFGS": ({}, 20),
}
VALLEY = {
    "SGD": ({"lr": 1e-3, "momentum": 0.9}, 4000),
    "RMSprop": ({"lr": 1e-3}, 6000),
    "Adagrad": ({"lr": 0.5}, 8000),
    "Adadelta": ({"lr": 0.5, "rho": 0.999}, 16000),
    "Adam": ({"lr": 0.02}, 4000),
    "AdamW": ({"lr": 0.02, "weight_decay": 0.0}, 4000),
    "Adamax": ({"lr": 0.02}, 5000),
    "NAdam": ({"lr": 0.02}, 4000),
    "RAdam": ({"lr": 2e-3}, 10000),
    "ASGD": ({"lr": 1e-3, "lambd": 0.0}, 12000),
    "Rprop": ({"lr": 0.01}, 3000),
    "Lion": ({"lr": 8e-4}, 8000),
    "Adafactor": ({"lr": 0.01}, 6000),
    "Muon": ({"lr": 1e-3, "weight_decay": 0.0}, 6000),
    "SparseAdam": ({"lr": 0.02}, 5000),
    "LBFGS": ({"line_search_fn": "strong_wolfe"}, 40),
}
REAL_ONLY = ("Adafactor", "Muon", "SparseAdam")  # as in torch
CASES = [(name, torch.float32) for name in PARABOLA]
CASES += [(name, torch.complex64) for name in PARABOLA if name not in REAL_ONLY]


def parabola(p: torch.Tensor) -> torch.Tensor:
    """Lowest at 2, in the complex plane at 2 - i."""
    target = torch.tensor(2 - 1j if p.is_complex() else 2.0, dtype=p.dtype)
    return ((p - target).abs() ** 2 * torch.tensor([[1.0, 0.2]])).sum()


def valley(p: torch.Tensor) -> torch.Tensor:
    """Rosenbrock, 1960; of a complex pair as of its real parts and its imaginary parts."""
    parts = torch.view_as_real(p)[0].T if p.is_complex() else p
    x, y = parts[:, 0], parts[:, 1]
    return ((1 - x) ** 2 + 100 * (y - x**2) ** 2).sum()


def minimise(name: str, how: tuple[dict, int], f, start: torch.Tensor) -> torch.Tensor:
    options, steps = how
    p = Parameter(start)
    optimizer = getattr(steepest, name)([p], **options)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = f(p)
        loss.backward()
        if name == "SparseAdam":
            p.grad = p.grad.to_sparse(1)  # type: ignore[union-attr]
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return p.detach()


def test_every_optimizer_of_torch_is_here() -> None:
    """What torch does not have needs no line here: that it goes downhill is a law of every rule."""
    everyone = {name for name in torch.optim.__all__ if name in steepest.torch.__all__}
    assert {*PARABOLA} == {*VALLEY} == everyone | {"Lion"}


@pytest.mark.parametrize(("name", "dtype"), CASES, ids=str)
def test_the_parabola(name: str, dtype: torch.dtype) -> None:
    p = minimise(name, PARABOLA[name], parabola, torch.zeros(1, 2, dtype=dtype))
    target = torch.full((1, 2), 2 - 1j if dtype.is_complex else 2.0, dtype=dtype)
    torch.testing.assert_close(p, target, rtol=0, atol=0.02)


@pytest.mark.exhaustive  # 3000 to 16,000 steps each
@pytest.mark.parametrize(("name", "dtype"), CASES, ids=str)
def test_rosenbrocks_valley(name: str, dtype: torch.dtype) -> None:
    start = torch.tensor([[-1.5 - 1j, 1.5 + 0.5j]]) if dtype.is_complex else torch.tensor([[-1.5, 1.5]])
    p = minimise(name, VALLEY[name], valley, start)
    target = torch.full((1, 2), 1 + 1j if dtype.is_complex else 1.0, dtype=dtype)
    torch.testing.assert_close(p, target, rtol=0, atol=0.1)
