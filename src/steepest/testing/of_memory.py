"""Laws of how tensors lie in memory."""

import torch
from torch import Tensor
from torch.nn import Parameter

from steepest.compiler.branches import scalar_states
from steepest.testing.compare import Difference, Kept, agree, same
from steepest.testing.law import law
from steepest.testing.memory import (
    LAYOUTS,
    Guarded,
    Layout,
    channels_last,
    contiguous,
    every_second,
    transposed,
)
from steepest.testing.subject import Gradients, Subject, after, bounds, by_optimizer, kept, problem, step

DENSE = (contiguous, transposed, channels_last)
"""What a kernel walks as it is.  On other parameters the rule runs on tensors, with torch's square root, whose last bit
may differ."""


@law(cause="the rule writes into an array that it was given, or takes its elements in their order in memory.")
def any_layout(subject: Subject) -> None:
    """The memory layout of the tensors does not change the result, and a step writes nothing beside them."""
    for shape in subject.shapes:
        start, gradients = problem(torch.float32, shape, steps=3)
        right = after(by_optimizer(subject, start, gradients))
        allowed = bounds(subject, start, gradients, torch.float32)
        for of_p in LAYOUTS:
            for of_g in LAYOUTS:
                where = f"parameter {of_p.__name__}, gradient {of_g.__name__}, shape {shape}, torch.float32"
                ours = _run(subject, start, gradients, of_p, of_g, where)
                agree(ours, right, None if subject.rule.elementwise and of_p in DENSE else allowed, where)
    _check_expanded(subject)


def _run(subject: Subject, start: Tensor, gradients: Gradients, of_p: Layout, of_g: Layout, where: str) -> Kept:
    """Steps of a guarded parameter along guarded gradients; after the first its state is guarded too."""
    home = Guarded(start, of_p(start.shape))
    p, homes = Parameter(home.tensor), {"the parameter": home}
    optimizer = subject.optimizer([p])
    found: Kept = {}
    for count, g in enumerate(gradients):
        gradient = Guarded(g, of_g(g.shape))
        found = step(optimizer, p, gradient.tensor)
        if not gradient.untouched():
            raise Difference(f"{where}: the gradient was changed by the step.")
        if count == 0:
            homes |= _guard_state(subject, optimizer.state.get(p, {}), of_p)
    if p.data_ptr() != home.tensor.data_ptr():
        raise Difference(f"{where}: the parameter was moved.")
    for what, guarded in homes.items():
        if not guarded.intact():
            raise Difference(f"{where}: bytes beside {what} were changed.")
    return found


def _guard_state(subject: Subject, state: dict[str, Tensor], layout: Layout) -> dict[str, Guarded]:
    arrays = state.keys() - {"step"} - (scalar_states(subject.rule) if subject.rule.elementwise else set())
    homes = {name: Guarded(state[name], layout(state[name].shape)) for name in arrays}
    state.update({name: home.tensor for name, home in homes.items()})
    return {f"the state {name!r}": home for name, home in homes.items()}


def _check_expanded(subject: Subject) -> None:
    """A gradient whose elements are all the same place, as `sum().backward()` gives it."""
    start, _ = problem(torch.float32, subject.shape)
    expanded = [torch.tensor(n, dtype=torch.float32).expand(subject.shape) for n in (1, 2, 3)]
    p = Parameter(start.clone())
    optimizer = subject.optimizer([p])
    for g in expanded:
        p.grad = g
        optimizer.step()
    right = after(by_optimizer(subject, start, [g.contiguous() for g in expanded]))
    allowed = None if subject.rule.elementwise else bounds(subject, start, expanded, torch.float32)
    where = f"gradient expanded from one number, shape {subject.shape}, torch.float32"
    agree(kept(p, optimizer), right, allowed, where)


@law(cause="the rule gives the gradient back as its state: return a new array, such as `1.0 * g`.")
def keeps_no_gradient(subject: Subject) -> None:
    """A step keeps no part of the gradient's memory, which backward reuses after `zero_grad(set_to_none=False)`."""
    start, gradients = problem(torch.float32, subject.shape, steps=3)
    for layout in (contiguous, every_second):
        where = f"one gradient used for all steps, parameter {layout.__name__}, shape {subject.shape}, torch.float32"
        once, anew = (
            _reusing(subject, Guarded(start, layout(start.shape)), gradients, again) for again in (True, False)
        )
        same(once, anew, where)


def _reusing(subject: Subject, home: Guarded, gradients: Gradients, again: bool) -> Kept:
    p, memory = Parameter(home.tensor), torch.zeros_like(gradients[0])
    optimizer = subject.optimizer([p])
    for g in gradients:
        step(optimizer, p, memory.copy_(g) if again else g.clone())
        memory.zero_()
    return kept(p, optimizer)


@law(of_kernels=True, cause="a fault of steepest itself: please report it, with the rule.")
def complex_as_two_parts(subject: Subject) -> None:
    """A step of a complex tensor is a step of its real and a step of its imaginary part."""
    start, gradients = problem(torch.float32, (5, 7, 2), steps=3)
    right = after(by_optimizer(subject, start, gradients))
    allowed = bounds(subject, start, gradients, torch.float32)
    for layout in (contiguous, transposed, every_second):
        where = f"parameter {layout.__name__}, shape (5, 7), torch.complex64, as real and imaginary parts"
        p = Parameter(Guarded(torch.view_as_complex(start), layout((5, 7))).tensor)
        optimizer = subject.optimizer([p])
        for g in gradients:
            step(optimizer, p, torch.view_as_complex(g))
        found = kept(p, optimizer)
        parts = {name: torch.view_as_real(v) if v.is_complex() else v for name, v in found.items()}
        agree(parts, right, None if layout in DENSE else allowed, where)
