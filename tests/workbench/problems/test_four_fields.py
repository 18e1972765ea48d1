"""A problem for each field: each learns, and its metric says what it should of models whose value is known."""

import importlib
import importlib.util
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch

from steepest.workbench import problems
from steepest.workbench.errors import UsageError
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import FAILED, TRAINED
from steepest.workbench.problems import _digits, cartpole, digits_gan, digits_resnet, digits_vae, text_transformer
from steepest.workbench.training.run import Run

LEARNS = {  # name: rate, steps, and a value of the metric that is reached
    "digits-resnet": (3e-3, 60, 1.2),
    "text-transformer": (3e-3, 60, 2.8),
    "digits-vae": (5e-3, 150, 26.5),
    "digits-gan": (5e-3, 150, 0.4),
}
needs_gymnasium = pytest.mark.skipif(
    importlib.util.find_spec("gymnasium") is None, reason="gymnasium is an extra: pip install 'steepest[reinforcement]'"
)


@pytest.mark.parametrize("name", LEARNS)
def test_adam_learns_it(name: str) -> None:
    rate, steps, reached = LEARNS[name]
    run = Run(problems.load(name), KNOWN["adam"], rate, seed=0, steps=steps)
    outcome = run.train()
    assert (outcome.status, outcome.reason) == (TRAINED, "")
    assert outcome.trace.last(run.task.metric) < reached


def test_an_image_is_shifted_by_at_most_one_pixel() -> None:
    images = torch.rand(64, 1, 8, 8)
    (batch, places), *_ = islice(digits_resnet.Shifted(images, torch.arange(64), 64, seed=0), 1)
    padded = np.pad(images.numpy()[:, 0], ((0, 0), (1, 1), (1, 1)))
    moves = set()
    for shifted, place in zip(batch[:, 0].numpy(), places.tolist(), strict=True):
        same = [
            (down, right)
            for down in range(3)
            for right in range(3)
            if np.array_equal(shifted, padded[place, down : down + 8, right : right + 8])
        ]
        assert len(same) == 1
        moves |= set(same)
    assert len(moves) == 9


def test_a_transformer_does_not_see_what_follows() -> None:
    torch.manual_seed(0)
    model = text_transformer.NextCharacter().eval()
    one = torch.randint(64, (1, 32))
    other = one.clone()
    other[0, 20:] = (other[0, 20:] + 1) % 64
    given, changed = model(one), model(other)
    torch.testing.assert_close(given[0, :20], changed[0, :20])
    assert not torch.allclose(given[0, 20], changed[0, 20])


def collapsed_autoencoder() -> Any:
    """Its codes say nothing of the image, and its decoder gives every pixel its mean."""
    model: Any = digits_vae.Autoencoder()
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
        mean = _digits.split()[0].flatten(1).mean(0).clamp(1e-3, 1 - 1e-3)
        model.decode[2].bias.copy_(torch.log(mean / (1 - mean)))
    return model


def test_a_collapsed_autoencoder_has_the_value_of_the_baseline() -> None:
    """So a run that ends there has failed to train."""
    assert digits_vae.evaluate(collapsed_autoencoder())["nll"] == pytest.approx(digits_vae.constant_nll(), rel=1e-5)


def test_the_bound_of_a_model_of_one_code_is_the_integral() -> None:
    """With the prior as the posterior it is the log of a mean over codes; here every code gives the same image."""
    model = collapsed_autoencoder()
    images = _digits.split()[2].flatten(1).double().numpy()
    mean = _digits.split()[0].flatten(1).mean(0).clamp(1e-3, 1 - 1e-3).double().numpy()
    by_hand = -(images * np.log(mean) + (1 - images) * np.log(1 - mean)).sum(1).mean()
    assert digits_vae.evaluate(model)["nll"] == pytest.approx(by_hand, rel=1e-5)


def test_the_energy_distance_by_hand() -> None:
    some, others = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [3.0]])
    # Between: (0 + 3 + 1 + 2) / 4; within: 1 and 3.
    assert digits_gan.energy_distance(some, others) == pytest.approx(1.5 - 0.5 - 1.5)


def test_a_collapsed_generator_cannot_beat_the_baseline() -> None:
    images, held_out = _digits.split()[0].flatten(1), digits_gan.held_out()
    baseline = digits_gan.constant_distance()
    for single in (images[:1], images.mean(0, keepdim=True), torch.zeros(1, 64)):
        assert digits_gan.energy_distance(single.expand(720, 64), held_out) >= baseline - 1e-5
    three_kinds = images[:3].repeat(240, 1)
    honest = digits_gan.energy_distance(images[:720], held_out)
    assert abs(honest) < 0.01 < digits_gan.energy_distance(three_kinds, held_out)


def test_the_gan_has_two_optimizers_and_one_setting() -> None:
    run = Run(problems.load("digits-gan"), KNOWN["adam"], 1e-3, seed=0, steps=2)
    run.train()
    assert {part: one.param_groups[0]["lr"] for part, one in run.training.optimizers.items()} == {
        "critic": 1e-3,
        "generator": 1e-3,
    }


def test_a_missing_package_is_answered_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(
        UsageError, match=r"needs gymnasium, which is not installed; type: pip install 'steepest\[reinf"
    ):
        cartpole.task(0)


class Always(torch.nn.Linear):
    """Pushes to one side."""

    def __init__(self, side: int) -> None:
        super().__init__(4, 2)
        torch.nn.init.zeros_(self.weight)
        with torch.no_grad():
            self.bias.copy_(torch.tensor([0.0, 0.0])).index_fill_(0, torch.tensor(side), 5.0)


@needs_gymnasium
def test_a_constant_policy_is_no_better_than_the_baseline() -> None:
    for side in (0, 1):
        assert 8 <= cartpole.evaluate(Always(side))["return"] <= cartpole.CONSTANT_RETURN


@needs_gymnasium
def test_a_policy_gradient_learns_to_balance() -> None:
    run = Run(problems.load("cartpole"), KNOWN["adam"], 2e-2, seed=0, steps=15)
    outcome = run.train()
    assert outcome.status == TRAINED
    assert outcome.trace.last("return") > 60
    nothing = Run(problems.load("cartpole"), KNOWN["adam"], 1e-12, seed=0, steps=2).train()
    assert nothing.status == FAILED


@needs_gymnasium
def test_an_interrupted_policy_gradient_goes_on_bit_for_bit() -> None:
    make = problems.load("cartpole")
    whole = Run(make, KNOWN["adam"], 2e-2, seed=1, steps=6).train()
    part = Run(make, KNOWN["adam"], 2e-2, seed=1, steps=6)
    saved = part.train(stop=lambda: part.trace.step >= 3).saved
    rest = Run(make, KNOWN["adam"], 2e-2, seed=1, steps=6, saved=saved).train()
    assert [loss for *_, loss in rest.trace.curve] == [loss for *_, loss in whole.trace.curve]
    assert rest.reason == whole.reason
