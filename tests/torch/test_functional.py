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


FIXED = gradients()


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


@pytest.mark.structure
def test_nothing_that_is_given_is_changed(configuration):
    form = form_of(configuration)
    p, g = torch.ones(4), torch.full((4,), 0.5)
    _, state = form.update(p, g, form.init(p))
    before = copy.deepcopy((p, g, state))
    form.update(p, g, state)
    torch.testing.assert_close((p, g, state), before, rtol=0, atol=0)


@pytest.mark.structure
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


@pytest.mark.structure
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


def sgd_with(name: str, value) -> torch.Tensor:
    """Where SGD ends with this value of one hyperparameter."""
    return run(steepest.functional(rules.sgd, **{name: value}), torch.ones(5, 3, dtype=torch.float64), FIXED)[0]


@pytest.mark.parametrize("name", ["momentum", "weight_decay", "lr"])
def test_a_population_with_other_hyperparameters(name):
    """`if momentum:` asks a tensor for its truth, which it does not have under vmap."""
    values = torch.tensor([0.0, 0.1, 0.9], dtype=torch.float64)
    for value, found in zip(values.tolist(), vmap(lambda v: sgd_with(name, v))(values), strict=True):
        torch.testing.assert_close(found, sgd_with(name, value), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["momentum", "weight_decay"])
def test_gradients_flow_to_a_hyperparameter_of_zero(name):
    """A difference quotient says what they are; with the line left out they would be zero."""
    slope = grad(lambda value: sgd_with(name, value).sum())(torch.tensor(0.0, dtype=torch.float64))
    expected = (sgd_with(name, 1e-6).sum() - sgd_with(name, 0.0).sum()) / 1e-6
    torch.testing.assert_close(slope, expected, rtol=1e-3, atol=1e-9)


def test_a_population_with_other_betas():
    ones, g = torch.ones(3, dtype=torch.float64), torch.full((3,), 0.5, dtype=torch.float64)

    def last(beta1):
        form = steepest.functional(rules.adam, betas=(beta1, 0.999))
        p, state = form.update(ones, g, form.init(ones))
        return form.update(p, -g, state)[0]

    for beta, found in zip([0.5, 0.9], vmap(last)(torch.tensor([0.5, 0.9], dtype=torch.float64)), strict=True):
        torch.testing.assert_close(found, last(beta), rtol=1e-12, atol=0)


def test_a_tensor_cannot_choose_by_its_value():
    def impatient(p, g, *, lr=1e-2, rest=0.5):
        if rest > 0.3:
            p = p - lr * g
        return p

    form = steepest.functional(impatient, rest=torch.tensor(0.4))
    with pytest.raises(TypeError, match="rest chooses between lines of the rule impatient by its value"):
        form.update(torch.ones(2), torch.ones(2), form.init(torch.ones(2)))


def test_it_says_what_it_is():
    assert repr(steepest.functional(rules.sgd, lr=0.5, maximize=True)) == "functional(sgd, lr=0.5, maximize=True)"


def test_adafactors_own_epsilon_is_the_dtypes():
    p, g = torch.ones(4, 5), torch.full((4, 5), 0.25)
    own, given = steepest.functional(rules.adafactor), steepest.functional(rules.adafactor, eps=(2.0**-23, 1e-3))
    assert torch.equal(run(own, p, [g])[0], run(given, p, [g])[0])
