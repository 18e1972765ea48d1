"""skorch: an optimizer given as a class, its arguments by name, its scheduler, its checkpoints."""

from pathlib import Path
from typing import Any

import pytest
import torch

import steepest
from support.framework import LIBRARIES, X, Y, assert_near, assert_same, needs, net, values

skorch = needs("skorch")
callbacks = needs("skorch.callbacks")


def regressor(lib: Any, seed: int = 0, epochs: int = 4, **more: Any) -> Any:
    options = {"optimizer__weight_decay": 0.1, "optimizer__param_groups": [("0.*", {"lr": 0.02})]}
    return skorch.NeuralNetRegressor(
        net(seed), optimizer=lib.AdamW, lr=0.05, max_epochs=epochs, batch_size=8, train_split=None, verbose=0,
        iterator_train__shuffle=False, **options | more,
    )  # fmt: skip


def scheduler(lib: Any, every: str) -> Any:
    if every == "batch":
        return callbacks.LRScheduler(lib.lr_scheduler.OneCycleLR, step_every="batch", max_lr=0.1, total_steps=24)
    return callbacks.LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)


def fit(found: Any) -> Any:
    return found.partial_fit(X, Y)


@pytest.mark.parametrize("every", ["batch", "epoch"])
def test_equal_to_torch(every: str) -> None:
    found = []
    for lib in LIBRARIES.values():
        clip = callbacks.GradientNormClipping(0.3)
        one = fit(regressor(lib, callbacks=[("rates", scheduler(lib, every)), ("clip", clip)]))
        found.append((one.history[:, "train_loss"], values(one.module_)))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-5)
    assert_near(found[1][1], found[0][1])


def test_an_argument_is_changed_between_two_fits() -> None:
    found = []
    for lib in LIBRARIES.values():
        one = fit(regressor(lib, epochs=2))
        one.set_params(optimizer__lr=0.01)
        found.append(values(fit(one).module_))
    assert_near(found[1], found[0])


def test_resumed_bit_for_bit(tmp_path: Path) -> None:
    through = fit(regressor(steepest, epochs=2))
    names = {"f_params": tmp_path / "weights", "f_optimizer": tmp_path / "optimizer"}
    through.save_params(**names)
    fit(through)
    resumed = regressor(steepest, seed=1, epochs=2).initialize()
    resumed.load_params(**names)
    fit(resumed)
    assert_same(values(resumed.module_), values(through.module_))


def test_a_checkpoint_of_the_callback_and_a_pickle(tmp_path: Path) -> None:
    checkpoint = callbacks.Checkpoint(dirname=str(tmp_path), monitor=None, f_criterion=None)
    through = fit(regressor(steepest, epochs=2, callbacks=[("saved", checkpoint)]))
    resumed = regressor(steepest, seed=1, epochs=2, callbacks=[("load", callbacks.LoadInitState(checkpoint))])
    fit(resumed.initialize())
    fit(through)
    assert_same(values(resumed.module_), values(through.module_))
