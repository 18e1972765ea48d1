"""LBFGS against torch.optim.LBFGS: runs, arguments, hooks, schedules."""

import copy
import inspect
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from steepest.torch.optimizers.lbfgs import LBFGS
from support.closures import (
    ROSENBROCK,
    TO_THE_END,
    Loss,
    Plain,
    closure_of,
    mixed,
    mixed_loss,
    point,
    rosenbrock,
    train,
)
from support.nets import assert_same_run, loss_of, net

P = nn.Parameter


def complex_plain() -> Plain:
    z = torch.linspace(-1, 1, 6, dtype=torch.float64).view(3, 2)
    return Plain(torch.complex(z.sin(), z.cos()), torch.ones(2, dtype=torch.float64), torch.complex(z, z))


def complex_loss(model: Plain) -> torch.Tensor:
    z, w, _ = model()
    return ((z.abs() ** 2 - 1) ** 2).sum() + ((w * z).real - 0.5).pow(2).sum()


def sparse_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(9, 3, sparse=True), nn.Linear(3, 1)).double()


def sparse_loss(model: nn.Module) -> torch.Tensor:
    return (model(torch.tensor([1, 2, 5, 1])) - torch.tensor([[1.0], [2.0], [3.0], [4.0]])).square().mean()


PROBLEMS: dict[str, tuple[Callable[[], Any], Loss]] = {
    "a net": (net, loss_of),
    "Rosenbrock": (lambda: point(*ROSENBROCK), rosenbrock),
    "complex": (complex_plain, complex_loss),
    "sparse": (sparse_net, sparse_loss),
    "two dtypes": (mixed, mixed_loss),
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"lr": 0.1, "history_size": 3},
    {"lr": 0.1, "history_size": 1, "max_iter": 4},
    {"lr": torch.tensor(0.25)},
    {"lr": torch.tensor([0.25], dtype=torch.float64), "line_search_fn": "strong_wolfe"},
    {"max_iter": 1},
    {"max_iter": 0},
    {"max_eval": 3},
    {"tolerance_grad": 0.2},
    {"tolerance_change": 1e-2},
    {"tolerance_change": 0.5, "lr": 0.1},  # the step is small before the change of the loss is
    {"tolerance_grad": -1, "tolerance_change": -1, "max_iter": 7},  # never stop early: people write this
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 6},
    {"line_search_fn": "strong_wolfe", "max_eval": 1},
    {"line_search_fn": "strong_wolfe", "max_eval": 4, "lr": 3.0},
    {"line_search_fn": "strong_wolfe", "lr": 1e-3, "tolerance_change": 1e-4},
]


@pytest.mark.parametrize(
    ("problem", "options"),
    [(p, o) for p in ("a net", "Rosenbrock") for o in OPTIONS]
    + [(p, o) for p in ("complex", "sparse", "two dtypes") for o in (OPTIONS[1], OPTIONS[3], OPTIONS[13])],
    ids=str,
)
def test_a_run_equals_torchs(problem, options):
    make, loss = PROBLEMS[problem]
    runs, losses = [], []
    for cls in (LBFGS, torch.optim.LBFGS):
        model = make()
        optimizer = cls(model.parameters(), **copy.deepcopy(options))
        losses.append(train(model, optimizer, loss, 3))
        runs.append((model, optimizer))
    assert losses[0] == pytest.approx(losses[1], rel=1e-9, abs=1e-11)
    # the two-dtype vector is one of float64, but half of the parameters are rounded to float32
    tolerances = {"rtol": 1e-5, "atol": 1e-6} if problem == "two dtypes" else {"rtol": 1e-9, "atol": 1e-10}
    assert_same_run(*runs, **tolerances)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16], ids=str)
def test_low_precision_is_torchs_too(kind):
    runs = []
    for cls in (LBFGS, torch.optim.LBFGS):
        model = net(kind)
        optimizer = cls(model.parameters(), max_iter=3, line_search_fn="strong_wolfe")
        train(model, optimizer, loss_of, 2)
        runs.append((model, optimizer))
    assert_same_run(*runs, rtol=20 * torch.finfo(kind).eps, atol=20 * torch.finfo(kind).eps)


def test_rosenbrocks_minimum():
    model = point(*ROSENBROCK)
    optimizer = LBFGS(model.parameters(), max_iter=60, line_search_fn="strong_wolfe", **TO_THE_END)
    train(model, optimizer, rosenbrock, 1)
    torch.testing.assert_close(model()[0].detach(), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-8)
    assert optimizer.state[model()[0]]["func_evals"] < 80


def test_the_signature_is_torchs():
    found, expected = (list(inspect.signature(cls).parameters.values()) for cls in (LBFGS, torch.optim.LBFGS))
    assert [parameter for parameter in found if parameter.name != "maximize"] == [
        p for p in expected if p.name != "maximize"
    ]
    ours, theirs = (cls([P(torch.ones(2))]) for cls in (LBFGS, torch.optim.LBFGS))
    assert ours.defaults == theirs.defaults
    assert repr(ours) == repr(theirs)
    positional = 0.5, 7, 9, 0.1, 0.2, 3, "strong_wolfe"
    ours, theirs = (cls([P(torch.ones(2))], *positional).defaults for cls in (LBFGS, torch.optim.LBFGS))
    assert ours == theirs


TORCH_REFUSES: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
    "a tensor": lambda: (P(torch.ones(1)), {}),
    "no parameters": lambda: ([], {}),
    "numbers": lambda: ([1.0], {}),
    "one of two groups twice": lambda: ([{"params": [p]} for p in [P(torch.ones(1))] * 2], {}),
    "a rate of two elements": lambda: ([P(torch.ones(1))], {"lr": torch.ones(2)}),
    "a negative rate": lambda: ([P(torch.ones(1))], {"lr": -1.0}),
    "a rate that is no number": lambda: ([P(torch.ones(1))], {"lr": math.nan}),
    "both wrong": lambda: ([], {"lr": -1.0}),
    "some with names": lambda: ([("a", P(torch.ones(1))), P(torch.ones(1))], {}),
    "a group with names": lambda: ([{"params": [P(torch.ones(1))]}, {"params": [("a", P(torch.ones(1)))]}], {}),
}


@pytest.mark.parametrize("case", TORCH_REFUSES)
def test_wrong_arguments_are_refused_in_torchs_words(case):
    """All of torch.testing._internal.common_optimizers, and a few more."""
    answers = []
    for cls in (LBFGS, torch.optim.LBFGS):
        params, options = TORCH_REFUSES[case]()
        with pytest.raises((ValueError, TypeError)) as caught:
            cls(params, **options)
        answers.append((type(caught.value), str(caught.value)))
    assert answers[0] == answers[1]


def test_one_parameter_twice_is_a_warning_as_in_torch():
    p = P(torch.ones(1))
    with pytest.warns(UserWarning, match="a parameter group with duplicate parameters"):
        LBFGS([p, p])


REFUSED_ONLY_HERE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"max_iter": -1}, ValueError, "max_iter must be at least 0, not -1"),
    ({"max_eval": -1}, ValueError, "max_eval must be at least 0, not -1"),
    ({"history_size": 0}, ValueError, "history_size must be at least 1, not 0"),
    ({"history_size": 2.5}, ValueError, "history_size must be a whole number"),
    ({"tolerance_grad": math.nan}, ValueError, "tolerance_grad must be a number"),
    ({"line_search_fn": "armijo"}, RuntimeError, "only 'strong_wolfe' is supported: line_search_fn is 'armijo'"),
    ({"max_itr": 3}, TypeError, "'max_itr'. Did you mean 'max_iter'?"),
]


@pytest.mark.parametrize(("options", "kind", "words"), REFUSED_ONLY_HERE, ids=str)
def test_what_no_step_could_work_with_is_refused_at_once(options, kind, words):
    with pytest.raises(kind, match=words.replace("?", r"\?")):
        LBFGS([P(torch.ones(2))], **options)
    if kind is ValueError:
        with pytest.raises(kind, match=words):
            LBFGS([{"params": [P(torch.ones(2))], **options}])


def test_there_is_one_group():
    groups = [{"params": [P(torch.ones(1))]} for _ in range(2)]
    for cls in (LBFGS, torch.optim.LBFGS):
        with pytest.raises(ValueError, match=r"LBFGS doesn't support per-parameter options \(parameter groups\)"):
            cls(groups)
    optimizer = LBFGS([P(torch.ones(1))])
    with pytest.raises(ValueError, match="parameter groups"):
        optimizer.add_param_group(groups[0])
    assert len(optimizer.param_groups) == 1


def test_a_step_needs_a_closure_that_returns_the_loss_and_a_search_that_exists():
    optimizer = LBFGS([P(torch.ones(1))])
    with pytest.raises(TypeError, match=r"pass a closure, `optimizer.step\(closure\)`"):
        optimizer.step()
    with pytest.raises(TypeError, match="end it with `return loss`"):
        optimizer.step(lambda: None)
    optimizer.param_groups[0]["line_search_fn"] = "armijo"
    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optimizer.step(lambda: 1.0)


def test_hooks_run_and_the_closure_sees_the_counts():
    model = point(*ROSENBROCK)
    optimizer = LBFGS(model.parameters(), max_iter=3)
    seen: list[Any] = []
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    closure = closure_of(model, optimizer, rosenbrock)

    def watching():
        state = optimizer.state[model()[0]]
        seen.append((state["n_iter"], state["func_evals"]))
        return closure()

    optimizer.step(watching)
    assert seen == ["before", (0, 0), (1, 1), (2, 2), "after"]


@pytest.mark.parametrize("schedule", ["StepLR", "a hand"])
def test_a_rate_that_is_a_tensor_and_changes_is_the_number(schedule):
    """torch keeps the group's very tensor as the length of the last step, so a change of lr changes the memory."""
    runs = {}
    for name, cls, lr in [
        ("tensor", LBFGS, torch.tensor(1.0, dtype=torch.float64)),
        ("number", LBFGS, 1.0),
        ("torch's number", torch.optim.LBFGS, 1.0),
        ("torch's tensor", torch.optim.LBFGS, torch.tensor(1.0, dtype=torch.float64)),
    ]:
        model = net()
        optimizer = cls(model.parameters(), lr=lr, max_iter=3)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
        runs[name] = []
        for _ in range(4):
            runs[name] += train(model, optimizer, loss_of, 1)
            if schedule == "StepLR":
                scheduler.step()
            elif isinstance(lr, torch.Tensor):
                lr.mul_(0.5)
            else:
                optimizer.param_groups[0]["lr"] *= 0.5
    assert runs["tensor"] == pytest.approx(runs["number"], rel=1e-9)
    assert runs["tensor"] == pytest.approx(runs["torch's number"], rel=1e-9)
    assert runs["torch's tensor"] != pytest.approx(runs["torch's number"], rel=1e-2)


def test_a_gradient_that_is_conjugated_lazily():
    ends = []
    for resolve in (lambda g: g, torch.resolve_conj):
        z = P(torch.tensor([1.0 + 2.0j, -1.0j]))

        def closure(z=z, resolve=resolve):
            z.grad = resolve((z.detach() - 1).conj().resolve_conj().conj())
            return (z - 1).abs().square().sum() / 2

        LBFGS([z]).step(closure)
        ends.append(z.detach())
    torch.testing.assert_close(ends[0], torch.ones(2, dtype=torch.complex64))
    assert torch.equal(*ends)


def test_layouts_that_torch_cannot_flatten():
    def loss(model):
        a, b = model()
        return (a.t() * b - 1).square().sum() + 0.1 * a.square().sum()

    def trained(cls, laid_out):
        a, b = torch.linspace(0, 1, 12).double().view(3, 4).t(), torch.linspace(1, 2, 24).double().view(3, 8)[:, ::2]
        model = Plain(laid_out(a), laid_out(b))
        optimizer = cls(model.parameters(), line_search_fn="strong_wolfe", max_iter=4)
        train(model, optimizer, loss, 3)
        return model, optimizer

    runs = [trained(LBFGS, laid_out) for laid_out in (lambda x: x, torch.Tensor.contiguous)]
    assert_same_run(*runs, rtol=1e-9, atol=1e-10)
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        trained(torch.optim.LBFGS, lambda x: x)


def test_a_step_does_not_import_the_compiler():
    """0.9 s at the first step."""
    lines = (
        "import sys, torch; from steepest.torch.optimizers.lbfgs import LBFGS; p = torch.nn.Parameter(torch.ones(2))",
        "o = LBFGS([p]); f = lambda: (o.zero_grad(), (p ** 2).sum().backward(), (p ** 2).sum())[-1]",
        "o.step(f); o.load_state_dict(o.state_dict()); print('torch._dynamo' in sys.modules)",
    )
    run = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
