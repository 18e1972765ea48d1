"""The optimizers that no kernel of single elements steps, and sparse gradients: ours against torch's, in turn."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

import steepest
from benchmarks.shapes import gpt2, resnet50
from benchmarks.timing import Step, in_turn, ms, ratio, stepper

ROWS, WIDTH, SEEN = 50_000, 64, 4_096
"""An embedding, and how many of its rows a batch has."""


def rows() -> Iterator[dict[str, Any]]:
    """One row for each optimizer: milliseconds, and ours over torch's."""
    for what, make in _cases().items():
        times = in_turn({"ours": make(steepest), "torch": make(torch.optim)}, rounds=9)
        yield {
            "what": what,
            "ours ms": ms(times["ours"]),
            "torch ms": ms(times["torch"]),
            "/ torch": ratio(times["ours"], times["torch"]),
        }


def _cases() -> dict[str, Callable[[Any], Step]]:
    layer = [shape for shape in gpt2(layers=2) if len(shape) == 2 and shape[0] < 10_000]
    return {
        "Muon, two layers of GPT-2": lambda library: stepper(layer, library.Muon),
        "Adafactor, ResNet-50": lambda library: stepper(resnet50(), library.Adafactor),
        "LBFGS, 20 iterations of 64 parameters": _lbfgs,
        **{f"{name}, sparse embedding": _sparse(name) for name in ("SGD", "Adagrad", "SparseAdam")},
    }


def _sparse(name: str) -> Callable[[Any], Step]:
    def make(library: Any) -> Step:
        torch.manual_seed(0)
        p = torch.nn.Parameter(torch.randn(ROWS, WIDTH))
        index = torch.randint(0, ROWS, (1, SEEN))
        g = torch.sparse_coo_tensor(index, torch.randn(SEEN, WIDTH), (ROWS, WIDTH), check_invariants=True)
        p.grad = g.coalesce()
        return getattr(library, name)([p], lr=1e-3).step

    return make


def _lbfgs(library: Any) -> Step:
    torch.manual_seed(0)
    curvature = torch.linspace(1, 100, 64)
    p = torch.nn.Parameter(torch.ones(64))
    optimizer = library.LBFGS([p], line_search_fn="strong_wolfe", tolerance_grad=0, tolerance_change=0)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (curvature * p**2).sum()
        loss.backward()
        return loss

    def step() -> None:
        with torch.no_grad():
            p.fill_(1.0)
        optimizer.state.clear()
        optimizer.step(closure)

    return step
