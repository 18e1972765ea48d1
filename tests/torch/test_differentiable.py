"""differentiable=True: steps that are part of a graph, and the gradients that flow back through them."""

import torch

import steepest
from steepest.compiler.branches import scalar_states


def after_steps(make, steps: int, leaf: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """A parameter after steps that are part of a graph."""
    p = leaf.clone()
    optimizer = make([p], differentiable=True)
    for step in range(steps):
        p.grad = torch.sin(weight * (step + 1)) + 2 + p
        optimizer.step()
    return p


def leaves() -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.linspace(0.5, 1, 4, dtype=torch.float64, requires_grad=True),
        torch.linspace(-1, 1, 4, dtype=torch.float64, requires_grad=True),
    )


def test_gradients_through_steps_are_finite_differences(configuration):
    """Held to differences, because torch's are wrong (SGD cuts the first momentum off) or fail (amsgrad, centered)."""
    scale = 1 / configuration.options["lr"]  # a change of the parameter that differences can see
    assert torch.autograd.gradcheck(
        lambda *inputs: scale * (after_steps(configuration.ours, 3, *inputs) - inputs[0]), leaves(), atol=1e-4
    )


def test_gradients_through_a_step_equal_torchs(configuration):
    if configuration.name == "SGD" and "momentum" in configuration.options:
        return  # torch starts the buffer with grad.detach()
    results = []
    for make in (configuration.ours, configuration.theirs):
        inputs = leaves()
        p = after_steps(make, 1, *inputs)
        results.append((p, *torch.autograd.grad(p.square().sum(), inputs)))
    for ours, theirs in zip(*results, strict=True):
        # The first step of Adam is nearly a sign: its derivative is what 1 - 1 leaves, of 1e-8 or so.
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-8)


def test_differentiable_steps_have_the_values_of_plain_ones(configuration):
    leaf, weight = leaves()
    p = torch.nn.Parameter(leaf.detach().clone())
    optimizer = configuration.theirs([p])
    for step in range(3):
        p.grad = torch.sin(weight.detach() * (step + 1)) + 2 + p.detach()
        optimizer.step()
    torch.testing.assert_close(after_steps(configuration.ours, 3, leaf, weight).detach(), p.detach())


def test_gradients_through_the_rate():
    rate = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    gradient = torch.linspace(1, 2, 4, dtype=torch.float64)

    def final(rate):
        p = torch.ones(4, dtype=torch.float64, requires_grad=True).clone()
        optimizer = steepest.SGD([p], lr=rate, momentum=0.5, differentiable=True)
        for _ in range(3):
            p.grad = gradient
            optimizer.step()
        return p

    # the buffer is g, 1.5 g, 1.75 g: together 4.25 g
    torch.testing.assert_close(torch.autograd.grad(final(rate).sum(), rate)[0], -4.25 * gradient.sum())


def test_gradients_reach_every_state(configuration):
    """Of what a step is given, numbers for whole tensors too, as finite differences say."""
    names = [name for name in configuration.rule.state if name in made_by(configuration)]
    if configuration.name == "Rprop":
        names.remove("prev")  # of which the sign alone is asked
    if not names:
        return
    single = scalar_states(configuration.rule)
    size = {"grad_avg": 0.1}  # so that its square is less than the average square
    state = [torch.tensor(0.75) if n in single else torch.linspace(2.5, 4.5, 4) * size.get(n, 1.0) for n in names]
    weight = torch.linspace(-1, 1, 4, dtype=torch.float64)

    def stepped(*given):
        leaf = torch.linspace(0.5, 1, 4, dtype=torch.float64).requires_grad_().clone()
        optimizer = configuration.ours([leaf], differentiable=True)
        optimizer.state[leaf].update({name: value.clone() for name, value in zip(names, given, strict=True)})
        if configuration.rule.counts:
            optimizer.state[leaf]["step"] = torch.tensor(3.0)
        if configuration.name == "Rprop":
            optimizer.state[leaf]["prev"] = torch.ones_like(leaf)
        for step in range(2):
            leaf.grad = torch.cos(weight * (step + 1)) + 2
            optimizer.step()
        return (leaf / configuration.options["lr"], *(optimizer.state[leaf][name] for name in names))

    assert torch.autograd.gradcheck(stepped, [value.double().requires_grad_() for value in state], atol=1e-4)


def made_by(configuration) -> set[str]:
    """The names of what a step keeps."""
    p = torch.nn.Parameter(torch.ones(2))
    p.grad = torch.ones(2)
    optimizer = configuration.ours([p])
    optimizer.step()
    return {*optimizer.state[p]}
