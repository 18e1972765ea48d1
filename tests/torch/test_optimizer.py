"""What torch promises of an Optimizer beside its arithmetic: hooks, closures, scaling, profiling."""

from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

import steepest
from support.nets import X, Y, assert_same_run, loss_of, net, train

pytestmark = pytest.mark.structure

P = torch.nn.Parameter
CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-11}


def test_hooks_of_the_instance_run_around_a_step(configuration):
    p = P(torch.ones(3))
    optimizer = configuration.ours([p])
    seen = []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("before", p[0].item())))
    after = optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("after", p[0].item())))
    p.grad = torch.ones(3)
    optimizer.step()
    assert seen == [("before", 1.0), ("after", p[0].item())]
    assert p[0].item() != 1.0
    before.remove()
    after.remove()
    optimizer.step()
    assert len(seen) == 2


def test_hooks_see_a_closure_by_its_place_or_by_its_name(configuration):
    seen: list[list[Any]] = []
    for make in (configuration.ours, configuration.theirs):
        p = P(torch.ones(3))
        p.grad = torch.ones(3)
        optimizer = make([p])
        found: list[Any] = []
        seen.append(found)
        with optimizer.register_step_pre_hook(lambda o, args, kwargs: found.append((len(args), *kwargs))):  # noqa: B023
            optimizer.step()
            optimizer.step(closure=lambda: 1.0)
            optimizer.step(lambda: 1.0)
        with optimizer.register_step_pre_hook(lambda o, args, kwargs: (args, {"closure": lambda: 7.0})):
            found.append(optimizer.step())
    ours, theirs = seen
    assert ours == theirs == [(1,), (1, "closure"), (2,), 7.0]


def test_hooks_of_all_optimizers_run_around_a_step(configuration):
    p = P(torch.ones(3))
    optimizer = configuration.ours([p])
    seen = []
    handles = [
        register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append(("before", o))),
        register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append(("after", o))),
    ]
    p.grad = torch.ones(3)
    try:
        optimizer.step()
    finally:
        for handle in handles:
            handle.remove()
    optimizer.step()
    assert seen == [("before", optimizer), ("after", optimizer)]


def test_a_pre_hook_may_change_the_gradients(configuration):
    runs = []
    for make in (configuration.ours, configuration.theirs):
        model = net()
        optimizer = make(model.parameters())
        optimizer.register_step_pre_hook(
            lambda o, args, kwargs: torch.nn.utils.clip_grad_norm_(o.param_groups[0]["params"], 0.1) and None
        )
        train(model, optimizer, 4)
        runs.append((model, optimizer))
    assert_same_run(*runs, **CLOSE)


def test_a_closure_is_called_once_with_gradients_on_and_its_loss_returned(configuration):
    runs = []
    for make in (configuration.ours, configuration.theirs):
        model = net()
        optimizer, losses = make(model.parameters()), []

        def closure(optimizer=optimizer, model=model):
            assert torch.is_grad_enabled()
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            return loss

        with torch.no_grad():
            for _ in range(4):
                losses.append(optimizer.step(closure).item())  # noqa: PERF401
        runs.append((model, optimizer))
        assert losses == sorted(losses, reverse=not configuration.maximize)
    assert_same_run(*runs, **CLOSE)


def test_a_step_without_any_gradient_changes_nothing(configuration):
    p = P(torch.ones(3))
    optimizer = configuration.ours([p])
    before = {k: v.clone() for k, v in optimizer.state[p].items()} if p in optimizer.state else {}
    assert optimizer.step() is None
    assert torch.equal(p, torch.ones(3))
    torch.testing.assert_close({**optimizer.state.get(p, {})}, before, rtol=0, atol=0)


def test_a_sliced_parameter_may_be_without_gradient_later(configuration):
    """No kernel may walk it; it is skipped like any other while it has no gradient."""
    runs = []
    for make in (configuration.ours, configuration.theirs):
        base = torch.linspace(0, 1, 40, dtype=torch.float64)
        p, q = P(base[::2]), P(torch.ones(5, dtype=torch.float64))
        optimizer = make([p, q])
        for step in range(5):
            p.grad = None if step in (1, 2) else torch.full_like(p, 1.0 + step)
            q.grad = torch.full_like(q, 2.0)
            optimizer.step()
        runs.append((torch.nn.ParameterList([p, q]), optimizer))
    assert_same_run(*runs, **CLOSE)


def test_state_missing_on_a_sliced_parameter_starts_as_it_does_elsewhere():
    """Adagrad's initial accumulator and SGD's undampened first buffer, on the path without a kernel."""
    for name, options in [
        ("Adagrad", {"initial_accumulator_value": 0.5}),
        ("SGD", {"momentum": 0.9, "dampening": 0.5}),
    ]:
        results = []
        for step in (1, 2):
            p = P(torch.ones(10, dtype=torch.float64)[::step][:5])
            optimizer = getattr(steepest, name)([p], **options)
            optimizer.state.clear()
            for _ in range(3):
                p.grad = torch.ones(5, dtype=torch.float64)
                optimizer.step()
            results.append(p.detach())
        torch.testing.assert_close(*results)


@pytest.mark.parametrize("copied", [False, True], ids=["plain", "with hooks"])
def test_the_gradient_scaler_unscales_and_skips(configuration, copied):
    runs = []
    for make in (configuration.ours, configuration.theirs):
        model: Any = net(torch.float32)
        optimizer = make(model.parameters())
        if copied:
            optimizer.register_step_pre_hook(lambda *_: None)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
        scales = []
        for step in range(5):
            optimizer.zero_grad()
            scaler.scale(loss_of(model)).backward()
            if step == 2:
                model[0].weight.grad[1, 1] = float("inf")
            before = model[0].weight.detach().clone()
            scaler.step(optimizer)
            scaler.update()
            scales.append(scaler.get_scale())
            assert torch.equal(before, model[0].weight) == (step == 2)
        runs.append((model, optimizer, scales))
    assert runs[0][2] == runs[1][2]
    assert_same_run(runs[0][:2], runs[1][:2], rtol=1e-5, atol=1e-6)


def test_the_profiler_sees_the_step(configuration):
    p = P(torch.ones(3))
    optimizer = configuration.ours([p])
    p.grad = torch.ones(3)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        optimizer.step()
    assert f"Optimizer.step#{configuration.name}.step" in {event.key for event in profile.key_averages()}


def test_autograd_notices_that_a_parameter_was_changed(configuration):
    """Twice backward through a graph that a step has made stale is an error, not a wrong gradient."""
    for make in (configuration.ours, configuration.theirs):
        model = net()
        optimizer = make(model.parameters())
        for _ in range(2):  # the first step makes the plan, the second uses it
            loss = loss_of(model)
            optimizer.zero_grad()
            loss.backward(retain_graph=True)
            optimizer.step()
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                loss.backward()


def test_groups_have_their_own_options(configuration):
    runs = []
    for make in (configuration.ours, configuration.theirs):
        model = net()
        optimizer = make(
            [
                {"params": model[0].parameters(), "lr": 0.02, "weight_decay": 0.3},
                {"params": model[2].parameters(), "maximize": not configuration.maximize},
                {"params": [model.unused]},
            ]
        )
        train(model, optimizer, 6)
        runs.append((model, optimizer))
    assert_same_run(*runs, **CLOSE)


TURNED_ON = [
    ("SGD", {}, {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9}, {"nesterov": True}),
    ("SGD", {"momentum": 0.9}, {"momentum": 0.0}),
    ("RMSprop", {}, {"momentum": 0.9, "centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5}, {"centered": False, "momentum": 0.0}),
    ("Adam", {}, {"amsgrad": True}),
    ("Adam", {"amsgrad": True}, {"amsgrad": False}),
    ("Adam", {}, {"betas": (0.5, 0.9), "eps": 1e-3, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("Adagrad", {}, {"lr_decay": 0.5}),
    ("SGD", {"momentum": 0.9}, {"differentiable": False, "foreach": True, "fused": True}),
]


@pytest.mark.parametrize(("name", "options", "change"), TURNED_ON, ids=str)
def test_an_option_changed_mid_run(name, options, change):
    """Where torch lacks the state it would need, it is given the zeros that it starts with."""
    runs = []
    for library in (steepest, torch.optim):
        model = net()
        optimizer = getattr(library, name)(model.parameters(), **options)
        train(model, optimizer, 3)
        optimizer.param_groups[0].update(change if library is steepest or "fused" not in change else {})
        if library is torch.optim and name != "SGD":
            for p, state in optimizer.state.items():
                for missing in ("momentum_buffer", "grad_avg", "max_exp_avg_sq"):
                    if missing not in state and name in ("RMSprop", "Adam"):
                        state[missing] = torch.zeros_like(p)
        train(model, optimizer, 3)
        runs.append((model, optimizer))
    for p, q in zip(runs[0][0].parameters(), runs[1][0].parameters(), strict=True):
        torch.testing.assert_close(p, q, **CLOSE)
    for ours, theirs in zip(runs[0][1].state.values(), runs[1][1].state.values(), strict=True):
        for key in ours:
            torch.testing.assert_close(ours[key], theirs[key], **CLOSE)


def test_two_optimizers_for_one_parameter_take_turns(configuration):
    runs = []
    for make in (configuration.ours, configuration.theirs):
        model = net()
        optimizers = [make(model.parameters()), make(model.parameters())]
        for step in range(6):
            train(model, optimizers[step % 2], 1)
        runs.append((model, optimizers[0]))
    assert_same_run(*runs, **CLOSE)


def test_gradients_with_a_graph_of_their_own(configuration):
    """create_graph=True leaves gradients that require gradients."""
    runs = []
    for make in (configuration.ours, configuration.theirs):
        model = net()
        optimizer = make(model.parameters())
        for _ in range(3):
            weights = [p for p in model.parameters() if p.requires_grad and p is not model.unused]
            loss = ((model(X) - Y) ** 2).mean()
            for p, g in zip(weights, torch.autograd.grad(loss, weights, create_graph=True), strict=True):
                p.grad = g
            optimizer.step()
            for p in weights:
                assert not any(value.requires_grad for value in optimizer.state[p].values())
        runs.append((model, optimizer))
    assert_same_run(*runs, **CLOSE)


def test_zero_grad_in_place_keeps_the_gradients_memory(configuration):
    p = P(torch.ones(5))
    optimizer = configuration.ours([p])
    p.grad = torch.ones(5)
    address = p.grad.data_ptr()
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.data_ptr() == address
    assert torch.equal(p.grad, torch.zeros(5))
    optimizer.zero_grad()
    assert p.grad is None
