"""Laws of kernels: of what is compiled, and of how it is run."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from steepest.compiler.branches import scalar_states
from steepest.compiler.program import program
from steepest.kernels.cpu import native
from steepest.testing.compare import Difference, Kept, agree, near, same
from steepest.testing.law import law
from steepest.testing.subject import (
    Gradients,
    Subject,
    after,
    bounds,
    by_optimizer,
    by_rule,
    exactly,
    kept,
    problem,
    step,
)
from steepest.torch.state.arrays import number_dtype

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
SIZES = (0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 255, 4097)
"""Around the widths of vectors, and more than one vector."""
MANY = 200_003
"""Elements that several threads share."""


@law(
    of_kernels=True,
    cause="arithmetic on the result of a comparison, which NumPy does in bool or int: choose with `where`.",
)
def kernel_equals_rule(subject: Subject) -> None:
    """A kernel computes what the rule computes on NumPy: the same bits, in every dtype and size."""
    for dtype in DTYPES:
        problems = [problem(dtype, (n,)) for n in SIZES]
        inexact = _calls_the_c_library(subject)
        allowed = [bounds(subject, *each, dtype) if inexact else None for each in problems]
        params = [Parameter(start.clone()) for start, _ in problems]
        optimizer = subject.optimizer(params)
        for count, expected in enumerate(zip(*(_on_numpy(subject, *each) for each in problems), strict=True), 1):
            for p, (_, gradients) in zip(params, problems, strict=True):
                p.grad = gradients[count - 1].clone()
            optimizer.step()
            for p, right, bound in zip(params, expected, allowed, strict=True):
                agree(_without_step(kept(p, optimizer)), right, bound, f"{dtype}, {p.numel()} elements, step {count}")


def _calls_the_c_library(subject: Subject) -> bool:
    """Whose exp and log are not NumPy's, to the last bit."""
    return not program(subject.rule, subject.hyperparameters).operations.isdisjoint(("exp", "log"))


def _on_numpy(subject: Subject, start: Tensor, gradients: Gradients) -> Iterator[Kept]:
    """The rule on NumPy; what is stored is rounded to the parameter's dtype, a number to the one that torch keeps."""
    dtype, real = start.dtype, torch.promote_types(start.dtype, torch.float32)
    single = scalar_states(subject.rule)

    def rounded(value: Any) -> Any:
        whole = np.broadcast_to(np.asarray(value), start.shape) if np.ndim(value) == 0 else value
        return torch.from_numpy(np.array(whole)).to(dtype).to(real).numpy()

    def store(value: Any) -> Any:
        return float(torch.tensor(value, dtype=number_dtype())) if isinstance(value, float) else rounded(value)

    for now in by_rule(subject, start.to(real).numpy(), [g.to(real).numpy() for g in gradients], store):
        yield {
            name: torch.tensor(value, dtype=number_dtype()) if name in single
            else torch.from_numpy(rounded(value)).to(dtype)
            for name, value in now.items()
        }  # fmt: skip


def _without_step(found: Kept) -> Kept:
    return {name: value for name, value in found.items() if name != "step"}


@law(
    of_kernels=True,
    cause="nearly equal numbers are subtracted, or a large one is added and taken away again: reorder the line.",
)
def near_float64(subject: Subject) -> None:
    """In every dtype, a kernel is as close to the rule in float64 as one rounding of its inputs allows."""
    for dtype in DTYPES:
        start, gradients = problem(dtype, (4097,))
        ours = _without_step(after(by_optimizer(subject, start, gradients)))
        right = exactly(subject, start, gradients)
        near(ours, right, bounds(subject, start, gradients, dtype), f"{dtype}, 4097 elements, {len(gradients)} steps")


@law(of_kernels=True, cause="a fault of steepest itself: please report it, with the rule.")
def any_number_of_threads(subject: Subject) -> None:
    """However many threads share a step, the result is the same to the last bit."""
    before = torch.get_num_threads()
    start, gradients = problem(torch.float32, (MANY,), steps=2)
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(after(by_optimizer(subject, start, gradients)))
            same(results[-1], results[0], f"{threads} threads instead of 1, {MANY} elements, torch.float32")
    finally:
        torch.set_num_threads(before)


@law(of_kernels=True, cause="an `if` compares a number, so each side of it is another kernel: say it with arithmetic.")
def numbers_compile_nothing(subject: Subject) -> None:
    """A new value of a hyperparameter, for example from a schedule, uses the same kernel."""
    start, gradients = problem(torch.float32, subject.shape, steps=2)
    lines = program(subject.rule, subject.hyperparameters)
    for name, value in subject.changed().items():
        p = Parameter(start.clone())
        optimizer = subject.optimizer([p])
        step(optimizer, p, gradients[0])
        compiled = native.compilations
        optimizer.param_groups[0][name] = value
        step(optimizer, p, gradients[1])
        another = program(subject.rule, subject.hyperparameters | {name: value}) is not lines
        if native.compilations != compiled or another:  # a kernel that an earlier process compiled is not counted
            raise Difference(f"{name}={value} instead of {subject.hyperparameters[name]} takes another kernel.")
