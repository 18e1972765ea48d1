"""Members that are trained at once end where each one ends that is trained alone."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

import steepest

MEMBERS = [{"lr": 0.02}, {"lr": 0.1, "weight_decay": 0.1}, {"lr": 0.003, "weight_decay": 0.01}]


class Tied(nn.Module):
    """One matrix at two places, as language models have it."""

    def __init__(self):
        super().__init__()
        self.into, self.out = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
        self.out.weight = self.into.weight

    def forward(self, x):
        return self.out(self.into((x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()))


def partly_frozen():
    model = nn.Sequential(nn.Linear(12, 6), nn.Tanh(), nn.Linear(6, 5))
    model[0].weight.requires_grad_(False)
    return model


# Without the biases whose gradient is 0 but for rounding, which AdamW would make steps of.
MODELS = {
    "linear": lambda: nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5)),
    "convolutions": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 3, 4)), nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
        nn.Linear(8, 5),
    ),
    "attention": lambda: nn.Sequential(
        nn.Unflatten(1, (3, 4)), nn.TransformerEncoderLayer(4, 2, 8, 0.0, batch_first=True, bias=False),
        nn.Flatten(), nn.Linear(12, 5),
    ),
    "tied": Tied,
    "partly frozen": partly_frozen,
}  # fmt: skip


def loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def batches(count, size=6):
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        yield torch.randn(size, 12, generator=generator), torch.randint(5, (size,), generator=generator)


def made(make, seed=0):
    torch.manual_seed(seed)
    return make()


def alone(model, member, given, optimizer: Any = steepest.AdamW):
    """The losses of one member that is trained by itself, and what the model is then."""
    model = copy.deepcopy(model)
    stepping, losses = optimizer(model.parameters(), **member), []
    for batch in given:
        stepping.zero_grad()
        found = loss(model, batch)
        found.backward()
        stepping.step()
        losses.append(found.item())
    return torch.tensor(losses), model


def check_as_alone(many, models, given):
    """given: the batches of each member."""
    for member, (model, hyperparameters) in enumerate(zip(models, MEMBERS, strict=True)):
        _, expected = alone(model, hyperparameters, given[member])
        for (name, value), theirs in zip(
            many[member].state_dict().items(), expected.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(value, theirs, rtol=1e-4, atol=2e-5, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_as_each_one_alone(make):
    model = made(make)
    many = steepest.population(model, steepest.AdamW, MEMBERS)
    given = [*batches(8)]
    losses = torch.stack([many.step(loss, batch) for batch in given])
    for member, hyperparameters in enumerate(MEMBERS):
        expected, _ = alone(model, hyperparameters, given)
        torch.testing.assert_close(losses[:, member], expected, rtol=1e-5, atol=1e-5)
    check_as_alone(many, [model] * 3, [given] * 3)


def test_each_its_own_model_and_batches():
    models = [made(MODELS["linear"], seed) for seed in range(3)]
    many = steepest.population(models, steepest.AdamW, MEMBERS)
    given = [*batches(3 * 6)]
    of_each = [given[member::3] for member in range(3)]
    for own in zip(*of_each, strict=True):
        many.step(loss, tuple(map(torch.stack, zip(*own, strict=True))), own=True)
    check_as_alone(many, models, of_each)


@pytest.mark.parametrize("optimizer", [steepest.SGD, steepest.NAdam, torch.optim.RMSprop, steepest.Muon])
def test_other_optimizers(optimizer):
    def weights():
        return nn.Sequential(nn.Linear(12, 8, bias=False), nn.ReLU(), nn.Linear(8, 5, bias=False))

    model, given = made(weights), [*batches(5)]
    many = steepest.population(model, optimizer, [{"lr": 0.01}, {"lr": 0.03}])
    losses = torch.stack([many.step(loss, batch) for batch in given])
    for member, rate in enumerate((0.01, 0.03)):
        expected, _ = alone(model, {"lr": rate}, given, optimizer)
        torch.testing.assert_close(losses[:, member], expected, rtol=1e-4, atol=1e-4)


def test_dropout_draws_as_one_run_does():
    model = made(lambda: nn.Sequential(nn.Linear(12, 40), nn.Dropout(0.5), nn.Linear(40, 5)))
    many, (batch,) = steepest.population(model, steepest.SGD, [{"lr": 0.1}, {"lr": 0.2}]), batches(1)
    torch.manual_seed(3)
    losses = many.step(loss, batch)
    torch.manual_seed(3)
    torch.testing.assert_close(losses, loss(model, batch).detach().expand(2))
    different = steepest.population(model, steepest.SGD, [{"lr": 0.1}, {"lr": 0.2}], randomness="different")
    one, other = different.step(loss, batch)
    assert one != other
    one, other = many.eval().call(loss, batch)
    assert one != other, "after a step at another rate"
    torch.testing.assert_close(one, loss(many[0].eval(), batch))


def test_a_member_that_diverges_reaches_no_other():
    model, given = made(MODELS["convolutions"]), [*batches(6)]
    many = steepest.population(model, steepest.SGD, [{"lr": 0.1}, {"lr": 1e38}, {"lr": 0.1}])
    losses = torch.stack([many.step(loss, batch) for batch in given])
    assert not losses[-1, 1].isfinite()
    expected, _ = alone(model, {"lr": 0.1}, given, steepest.SGD)
    torch.testing.assert_close(losses[:, 0], expected, rtol=1e-5, atol=1e-5)
    assert losses[:, 0].equal(losses[:, 2])


@pytest.mark.parametrize("optimizer", [steepest.AdamW, torch.optim.AdamW])
def test_those_that_are_kept_go_on_as_they_would_have(optimizer):
    model, given = made(MODELS["convolutions"]), [*batches(6)]
    many = steepest.population(model, optimizer, MEMBERS)
    for batch in given[:3]:
        many.step(loss, batch)
    many.keep([2, 0])
    losses = torch.stack([many.step(loss, batch) for batch in given[3:]])
    assert len(many) == len(many.optimizer.param_groups) == 2
    for place, member in enumerate((2, 0)):
        expected, theirs = alone(model, MEMBERS[member], given, optimizer)
        torch.testing.assert_close(losses[:, place], expected[3:], rtol=1e-4, atol=1e-5)
        for name, value in many[place].state_dict().items():
            torch.testing.assert_close(value, theirs.state_dict()[name], rtol=1e-4, atol=2e-5)


def test_a_model_that_draws_is_refused_where_it_must_not():
    (batch,) = batches(1)
    many = steepest.population(nn.Sequential(nn.Linear(12, 5), nn.Dropout(0.5)), steepest.SGD, [{}], randomness="error")
    with pytest.raises(RuntimeError, match="random"):
        many.step(loss, batch)


def test_schedulers_and_hands_set_the_rate_of_each():
    model, given = made(MODELS["linear"]), [*batches(4)]
    many = steepest.population(model, steepest.SGD, [{"lr": 0.1}, {"lr": 0.2}])
    scheduler = steepest.lr_scheduler.ExponentialLR(many.optimizer, 0.5)
    for batch in given:
        many.step(loss, batch)
        scheduler.step()
    assert [group["lr"] for group in many.optimizer.param_groups] == [0.1 / 16, 0.2 / 16]


def test_it_goes_on_from_a_checkpoint():
    given = [*batches(6)]
    many = steepest.population(made(MODELS["linear"]), steepest.AdamW, MEMBERS)
    for batch in given[:3]:
        many.step(loss, batch)
    again = steepest.population(list(many), steepest.AdamW, MEMBERS)
    again.optimizer.load_state_dict(many.optimizer.state_dict())
    for batch in given[3:]:
        assert many.step(loss, batch).equal(again.step(loss, batch))


def test_a_member_is_a_model_of_its_own():
    many = steepest.population(made(MODELS["linear"]), steepest.SGD, [{"lr": 0.1}])
    (batch,) = batches(1)
    taken = many[0]
    before = copy.deepcopy(taken.state_dict())
    many.step(loss, batch)
    assert all(value.equal(before[name]) for name, value in taken.state_dict().items())
    assert len(many) == len(list(many)) == 1


class Reads(nn.Linear):
    def forward(self, input):
        return super().forward(input) * (1.0 if self.weight.sum().item() > 0 else 2.0)


class Recurrent(nn.GRU):
    def forward(self, input, hx=None):
        return super().forward(input, hx)[0]


@pytest.mark.parametrize("make", [Reads, Recurrent])
def test_what_cannot_be_computed_for_many_is_refused_in_a_sentence(make):
    many = steepest.population(make(12, 5), steepest.SGD, [{"lr": 0.1}])
    (batch,) = batches(1)
    with pytest.raises(RuntimeError, match=r"cannot be computed for many members at once, though .* one by one"):
        many.step(loss, batch)


def test_a_loss_that_is_no_number_is_refused():
    (batch,) = batches(1)
    with pytest.raises(ValueError, match=r"must be one number, but it has the shape \(6, 5\)"):
        steepest.population(nn.Linear(12, 5), steepest.SGD, [{}]).step(lambda model, batch: model(batch[0]), batch)


def test_an_error_of_the_model_is_the_models():
    (batch,) = batches(1)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        steepest.population(nn.Linear(3, 5), steepest.SGD, [{"lr": 0.1}]).step(loss, batch)


@pytest.mark.parametrize(
    ("models", "members", "said"),
    [
        (nn.Linear(2, 2), [], "needs members"),
        ([nn.Linear(2, 2)], [{}, {}], "There are 1 models for 2 members"),
        ([nn.Linear(2, 2), nn.Linear(2, 3)], [{}, {}], "Model 1 is not of the architecture of model 0"),
    ],
)
def test_bad_input(models, members, said):
    with pytest.raises(ValueError, match=said):
        steepest.population(models, steepest.SGD, members)


def test_a_hyperparameter_that_there_is_not_is_refused():
    with pytest.raises((TypeError, ValueError), match="momentun"):
        steepest.population(nn.Linear(2, 2), steepest.SGD, [{"momentun": 0.9}])
