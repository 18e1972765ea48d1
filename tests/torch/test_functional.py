"""The functional form: what the optimizer does, with gradients through it and populations at once."""

import copy

import pytest
import torch
from torch.func import grad, vmap

import steepest
from steepest import rules
from support.configurations import NUMBERS

STEPS = 4


def gradients(shape=(5, 3), seed: int = 0) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=random, dtype=torch.float64) for _ in range(STEPS)]


def form_of(configuration, **changed):
    return steepest.functional(
        configuration.rule.function, maximize=configuration.maximize, **{**configuration.hyperparameters, **changed}
    )


def whole(name: str, **options):
    """An optimizer of whole tensors, and its functional form."""
    form = steepest.functional(getattr(rules, name.lower()), **options)
    return getattr(steepest, name), form


def run(form, p, grads):
    state = form.init(p)
    for g in grads:
        p, state = form.update(p, g, state)
    return p, state


def test_it_equals_the_optimizer(configuration):
    q = torch.nn.Parameter(torch.ones(5, 3, dtype=torch.float64))
    optimizer = configuration.ours([q])
    for g in gradients():
        q.grad = g
        optimizer.step()
    p, state = run(form_of(configuration), torch.ones(5, 3, dtype=torch.float64), gradients())
    torch.testing.assert_close(p, q.detach(), rtol=1e-10, atol=1e-12)
    assert {*state} == {*optimizer.state[q]}
    for name, value in optimizer.state[q].items():
        torch.testing.assert_close(state[name], value, rtol=1e-10, atol=1e-12, check_dtype=name not in NUMBERS)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Muon", {"lr": 0.1}),
        ("Muon", {"lr": 0.1, "nesterov": False, "adjust_lr_fn": "match_rms_adamw"}),
        ("Adafactor", {"lr": 0.1, "eps": (1e-8, 1e-3), "weight_decay": 0.1}),
    ],
)
def test_it_equals_the_optimizer_of_whole_tensors(name, options):
    cls, form = whole(name, **options)
    q = torch.nn.Parameter(torch.ones(5, 3, dtype=torch.float64))
    optimizer = cls([q], **options)
    for g in gradients():
        q.grad = g
        optimizer.step()
    p, _ = run(form, torch.ones(5, 3, dtype=torch.float64), gradients())
    torch.testing.assert_close(p, q.detach(), rtol=1e-10, atol=1e-12)


def test_nothing_that_is_given_is_changed(configuration):
    form = form_of(configuration)
    p, g = torch.ones(4), torch.full((4,), 0.5)
    _, state = form.update(p, g, form.init(p))
    before = copy.deepcopy((p, g, state))
    form.update(p, g, state)
    torch.testing.assert_close((p, g, state), before, rtol=0, atol=0)


def test_trees_of_tensors(configuration):
    form = form_of(configuration)
    tree = {"w": torch.ones(2, 2), "rest": [torch.ones(3), (torch.ones(()),)]}
    grads = {"w": torch.ones(2, 2), "rest": [torch.full((3,), 2.0), (None,)]}
    new, state = form.update(tree, grads, form.init(tree))
    alone, _ = form.update(tree["rest"][0], grads["rest"][0], form.init(tree["rest"][0]))
    assert torch.equal(new["rest"][0], alone)
    assert torch.equal(new["rest"][1][0], torch.ones(())), "a tensor without gradient stays"
    assert {*new} == {*tree}
    form.update(new, grads, state)


def test_vmap_runs_a_population(configuration):
    form = form_of(configuration)
    members, grads = torch.randn(6, 4, dtype=torch.float64), [torch.randn(6, 4, dtype=torch.float64) for _ in range(3)]
    p, state = members, vmap(form.init)(members) if configuration.rule.counts else form.init(members)
    for g in grads:
        p, state = vmap(form.update)(p, g, state)
    for i in range(6):
        alone, _ = run(form, members[i], [g[i] for g in grads])
        torch.testing.assert_close(p[i], alone, rtol=1e-12, atol=1e-14)


def test_vmap_over_rates():
    def stepped(lr):
        form = steepest.functional(rules.adam)
        p, _ = form.update(torch.ones(3), torch.ones(3), form.init(torch.ones(3)), lr=lr)
        return p

    rates = torch.tensor([0.1, 0.2, 0.4])
    torch.testing.assert_close(vmap(stepped)(rates), 1 - rates[:, None].expand(3, 3))


def quadratic_after(form, p, lr, steps: int = 3):
    """(p - 3)^2 after some steps of gradient descent by this rule."""
    state = form.init(p)
    for _ in range(steps):
        p, state = form.update(p, 2 * (p - 3), state, lr=lr)
    return ((p - 3) ** 2).sum()


def test_the_gradient_with_respect_to_the_rate_is_a_difference_quotient(configuration):
    form, p = form_of(configuration), torch.tensor([0.5, 1.0], dtype=torch.float64)
    lr = 0.9 * torch.tensor(configuration.hyperparameters["lr"], dtype=torch.float64)  # off Rprop's bounds
    found = grad(lambda rate: quadratic_after(form, p, rate))(lr)
    h = 1e-6 * float(lr)
    quotient = (quadratic_after(form, p, lr + h) - quadratic_after(form, p, lr - h)) / (2 * h)
    torch.testing.assert_close(found, quotient, rtol=1e-4, atol=1e-7)


def test_hypergradient_descent_by_hand():
    """One step of SGD on (p - 3)^2 from 0: p = 6 lr, so the loss is (6 lr - 3)^2 and its slope 12 (6 lr - 3)."""
    form = steepest.functional(rules.sgd)
    slope = grad(lambda lr: quadratic_after(form, torch.zeros(1), lr, steps=1))(torch.tensor(0.1))
    assert slope.item() == pytest.approx(12 * (0.6 - 3))


def test_half_precision_is_stepped_in_float32():
    form = steepest.functional(rules.adam, lr=1e-3)
    p, state = run(form, torch.ones(4, dtype=torch.bfloat16), [torch.ones(4, dtype=torch.bfloat16)] * 2)
    assert p.dtype is torch.bfloat16
    assert state["exp_avg"].dtype is torch.bfloat16
    assert state["step"].item() == 2


@pytest.mark.parametrize(
    ("wrong", "kind", "answer"),
    [
        ({"learning_rate": 0.1}, TypeError, "Did you mean 'lr'"),
        ({"lr": -1.0}, ValueError, "Invalid learning rate: -1.0"),
        ({"betas": (0.9, 1.0)}, ValueError, "Invalid beta parameter at index 1: 1.0"),
    ],
)
def test_a_wrong_hyperparameter_is_refused(wrong, kind, answer):
    with pytest.raises(kind, match=answer):
        steepest.functional(rules.adam, **wrong)


def test_a_strangers_rule_has_it_too():
    def halve(p, g, *, lr=0.5):
        p = p - lr * g
        return p

    p, state = run(steepest.functional(halve), torch.ones(2), [torch.ones(2)])
    assert p.tolist() == [0.5, 0.5]
    assert state == {}
