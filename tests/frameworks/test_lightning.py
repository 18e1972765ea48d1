"""Lightning: automatic and manual optimization, its callbacks that write into optimizers, checkpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import steepest
from steepest import schedules
from support.framework import (
    LIBRARIES,
    alike,
    as_if_started_by_torchrun,
    assert_near,
    assert_same,
    loader,
    loss_of,
    needs,
    net,
    values,
)
from support.ranks import Group

L = needs("lightning")
callbacks = needs("lightning.pytorch.callbacks")

Configure = Callable[[Any, Any], Any]
EPOCHS = 4
STEPS_PER_EPOCH = 6


class Module(L.LightningModule):
    """The net; `configure` makes the optimizer and whatever belongs to it."""

    def __init__(self, lib: Any, configure: Configure) -> None:
        super().__init__()
        self.called = "torch" if lib is torch.optim else "steepest"  # a callback copies the module
        self.configure, self.rates, self.lr = configure, [], 0.05
        self.backbone, self.head = net()[:2], net()[2]

    def forward(self, x: Any) -> Any:
        return self.head(self.backbone(x))

    def training_step(self, batch: Any, _: int) -> Any:
        return loss_of(self, batch)

    def on_train_batch_end(self, *_: Any) -> None:
        self.rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])

    def configure_optimizers(self) -> Any:
        return self.configure(LIBRARIES[self.called], self)


def fit(module: Any, folder: Path, *, path: str | None = None, **options: Any) -> Any:
    given = {"max_epochs": EPOCHS, "accelerator": "cpu", "logger": False, "enable_progress_bar": False}
    given |= {"enable_model_summary": False, "enable_checkpointing": False, "default_root_dir": folder}
    trainer = L.Trainer(**given | options)
    trainer.fit(module, loader(), ckpt_path=path)
    return trainer


def adamw(lib: Any, module: Any) -> Any:
    return lib.AdamW(module.parameters(), lr=0.05)


def scheduled(make: Callable[[Any, Any], Any], interval: str = "step") -> Configure:
    def configure(lib: Any, module: Any) -> Any:
        optimizer = lib.AdamW(module.parameters(), lr=0.05)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": make(lib, optimizer), "interval": interval}}

    return configure


CONFIGURATIONS: dict[str, Configure] = {
    "no scheduler": adamw,
    "SGD": lambda lib, m: lib.SGD(m.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01),
    "RMSprop": lambda lib, m: lib.RMSprop(m.parameters(), lr=0.005, eps=1e-3, momentum=0.5),
    "one cycle of its library": scheduled(lambda lib, o: lib.lr_scheduler.OneCycleLR(o, 0.1, total_steps=24)),
    "cosine of torch": scheduled(lambda _, o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 24)),
    "by epoch": scheduled(lambda lib, o: lib.lr_scheduler.StepLR(o, 1, 0.5), "epoch"),
    "in sequence": scheduled(
        lambda lib, o: lib.lr_scheduler.SequentialLR(
            o, [lib.lr_scheduler.LinearLR(o, 0.1, total_iters=4), lib.lr_scheduler.ExponentialLR(o, 0.9)], [4]
        )
    ),
}
TRAINERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clipping and accumulation": {"gradient_clip_val": 0.1, "accumulate_grad_batches": 2},
    "clipping of values": {"gradient_clip_val": 0.01, "gradient_clip_algorithm": "value"},
}


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_equal_to_torch(name: str, trainer: str, tmp_path: Path) -> None:
    modules = {key: Module(lib, CONFIGURATIONS[name]) for key, lib in LIBRARIES.items()}
    for module in modules.values():
        fit(module, tmp_path, **TRAINERS[trainer])
    assert modules["steepest"].rates == pytest.approx(modules["torch"].rates, rel=1e-6)
    assert_near(values(modules["steepest"]), values(modules["torch"]))


def test_bfloat16(tmp_path: Path) -> None:
    """A last bit of a weight may become one of bfloat16 in the net."""
    modules = [Module(lib, CONFIGURATIONS["SGD"]) for lib in LIBRARIES.values()]
    for module in modules:
        fit(module, tmp_path, precision="bf16-mixed")
    assert_near(values(modules[1]), values(modules[0]), 2e-3)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_resumed_bit_for_bit(name: str, tmp_path: Path) -> None:
    through = Module(steepest, CONFIGURATIONS[name])
    fit(through, tmp_path)
    trainer = fit(Module(steepest, CONFIGURATIONS[name]), tmp_path, max_epochs=EPOCHS // 2)
    trainer.save_checkpoint(tmp_path / "middle.ckpt")
    resumed = Module(steepest, CONFIGURATIONS[name])
    fit(resumed, tmp_path, path=str(tmp_path / "middle.ckpt"))
    assert_same(values(resumed), values(through))
    assert resumed.rates == through.rates[len(through.rates) // 2 :]


@pytest.mark.parametrize("first", LIBRARIES)
def test_a_run_goes_on_with_the_other_library(first: str, tmp_path: Path) -> None:
    second = "torch" if first == "steepest" else "steepest"
    through = Module(torch.optim, adamw)
    fit(through, tmp_path)
    trainer = fit(Module(LIBRARIES[first], adamw), tmp_path, max_epochs=EPOCHS // 2)
    trainer.save_checkpoint(tmp_path / "middle.ckpt")
    resumed = Module(LIBRARIES[second], adamw)
    fit(resumed, tmp_path, path=str(tmp_path / "middle.ckpt"))
    assert_near(values(resumed), values(through))


# A rate that is a schedule


def with_a_schedule(lib: Any, module: Any) -> Any:
    return steepest.AdamW(module.parameters(), lr=schedules.cosine(0.05, 24, warmup_steps=4))


def with_its_rates(lib: Any, module: Any) -> Any:
    rate = schedules.cosine(0.05, 24, warmup_steps=4)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: float(rate(step)))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def test_a_rate_that_is_a_schedule(tmp_path: Path) -> None:
    ours, theirs = Module(None, with_a_schedule), Module(None, with_its_rates)
    fit(ours, tmp_path)
    fit(theirs, tmp_path)
    assert_near(values(ours), values(theirs))
    trainer = fit(Module(None, with_a_schedule), tmp_path, max_epochs=EPOCHS // 2)
    trainer.save_checkpoint(tmp_path / "middle.ckpt")
    resumed = Module(None, with_a_schedule)
    fit(resumed, tmp_path, path=str(tmp_path / "middle.ckpt"))
    assert_same(values(resumed), values(ours))


# Callbacks


class Unfreezing(callbacks.BaseFinetuning):
    """Adds the backbone as a group of its own after the first epoch."""

    def freeze_before_training(self, pl_module: Any) -> None:
        self.freeze(pl_module.backbone)

    def finetune_function(self, pl_module: Any, epoch: int, optimizer: Any) -> None:
        if epoch == 1:
            self.unfreeze_and_add_param_group(pl_module.backbone, optimizer, lr=0.01)


def of_the_head(lib: Any, module: Any) -> Any:
    optimizer = lib.SGD([p for p in module.parameters() if p.requires_grad], lr=0.1, momentum=0.9)
    return {"optimizer": optimizer, "lr_scheduler": lib.lr_scheduler.ExponentialLR(optimizer, 0.9)}


def test_a_group_that_a_callback_adds(tmp_path: Path) -> None:
    modules = [Module(lib, of_the_head) for lib in LIBRARIES.values()]
    for module in modules:
        trainer = fit(module, tmp_path, callbacks=[Unfreezing()])
        assert len(trainer.optimizers[0].param_groups) == 2
    assert modules[1].rates == pytest.approx(modules[0].rates, rel=1e-6)
    assert_near(values(modules[1]), values(modules[0]))


CALLBACKS: dict[str, Callable[[], Any]] = {
    "averaging": lambda: callbacks.StochasticWeightAveraging(swa_lrs=0.02, swa_epoch_start=2, annealing_epochs=2),
    "accumulation": lambda: callbacks.GradientAccumulationScheduler({0: 1, 2: 3}),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_that_change_the_run(name: str, tmp_path: Path) -> None:
    modules = [Module(lib, CONFIGURATIONS["SGD"]) for lib in LIBRARIES.values()]
    for module in modules:
        fit(module, tmp_path, callbacks=[CALLBACKS[name]()])
    assert modules[1].rates == pytest.approx(modules[0].rates, rel=1e-6)
    assert_near(values(modules[1]), values(modules[0]))


def test_averaging_takes_over_a_rate_that_is_a_schedule(tmp_path: Path) -> None:
    module = Module(None, with_a_schedule)
    fit(module, tmp_path, callbacks=[CALLBACKS["averaging"]()])
    assert module.rates[-1] == pytest.approx(0.02, rel=1e-6)


def test_finding_a_rate(tmp_path: Path) -> None:
    from lightning.pytorch.tuner import Tuner

    found = []
    for lib in LIBRARIES.values():
        module = Module(lib, lambda lib, m: lib.SGD(m.parameters(), lr=m.lr))
        trainer = L.Trainer(
            max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
            default_root_dir=tmp_path,
        )  # fmt: skip
        results = Tuner(trainer).lr_find(module, loader(), num_training=20, early_stop_threshold=None).results
        found.append((results["lr"], results["loss"]))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)
    assert found[1][1] == pytest.approx(found[0][1], rel=1e-4)


# Manual optimization


class Manual(Module):
    """Two optimizers that take turns, one with a closure, clipped and accumulated by hand."""

    automatic_optimization = False

    def __init__(self, lib: Any, configure: Configure) -> None:
        super().__init__(lib, configure)
        self.automatic_optimization = False

    def training_step(self, batch: Any, index: int) -> None:
        first, second = self.optimizers()

        def closure() -> Any:
            second.zero_grad()
            loss = loss_of(self, batch)
            self.manual_backward(loss)
            return loss

        if index % 2:
            second.step(closure)
            return
        first.zero_grad()
        for _ in range(2):
            self.manual_backward(loss_of(self, batch) / 2)
        self.clip_gradients(first, gradient_clip_val=0.5, gradient_clip_algorithm="norm")
        first.step()


def two_optimizers(lib: Any, module: Any) -> Any:
    return lib.AdamW(module.backbone.parameters(), lr=0.05), lib.SGD(module.head.parameters(), lr=0.1, momentum=0.9)


def test_manual_optimization(tmp_path: Path) -> None:
    modules = [Manual(lib, two_optimizers) for lib in LIBRARIES.values()]
    for module in modules:
        fit(module, tmp_path)
    assert_near(values(modules[1]), values(modules[0]))


class Told(Module):
    """Its optimizer is named on the command line."""

    def __init__(self) -> None:
        super().__init__(steepest, adamw)


def test_the_command_line_knows_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """LightningCLI reads them from the signature of the constructor."""
    needs("jsonargparse")
    from lightning.pytorch.cli import LightningCLI

    monkeypatch.delattr(Module, "configure_optimizers")
    told = ["--optimizer", "steepest.SGD", "--optimizer.lr", "0.5", "--optimizer.momentum", "0.25"]
    command = LightningCLI(Told, run=False, save_config_callback=None, args=told)
    optimizer = command.model.configure_optimizers()
    assert type(optimizer) is steepest.SGD
    assert (optimizer.defaults["lr"], optimizer.defaults["momentum"]) == (0.5, 0.25)


# Two ranks


def fit_on_a_rank(module: Any, folder: Path, **options: Any) -> Any:
    as_if_started_by_torchrun(folder)
    strategy = L.pytorch.strategies.DDPStrategy(process_group_backend="gloo")
    trainer = fit(module, folder, strategy=strategy, devices=2, use_distributed_sampler=True, **options)
    assert trainer.world_size == 2
    return trainer


def on_a_rank(library: str, name: str, folder: Path) -> tuple[list[float], list[Any]]:
    module = Module(LIBRARIES[library], CONFIGURATIONS[name])
    fit_on_a_rank(module, folder)
    return module.rates, values(module)


@pytest.mark.parametrize("name", ["SGD", "one cycle of its library", "in sequence"])
def test_two_ranks_are_equal_to_torch(name: str, ranks: Group, tmp_path: Path) -> None:
    theirs, ours = (alike(ranks(2).run(on_a_rank, library, name, tmp_path)) for library in LIBRARIES)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
    assert_near(ours[1], theirs[1])


def resumed_on_a_rank(name: str, folder: Path) -> list[Any]:
    through = Module(steepest, CONFIGURATIONS[name])
    fit_on_a_rank(through, folder)
    trainer = fit_on_a_rank(Module(steepest, CONFIGURATIONS[name]), folder, max_epochs=EPOCHS // 2)
    trainer.save_checkpoint(folder / "middle.ckpt")
    resumed = Module(steepest, CONFIGURATIONS[name])
    fit_on_a_rank(resumed, folder, path=str(folder / "middle.ckpt"))
    assert_same(values(resumed), values(through))
    return values(resumed)


@pytest.mark.parametrize("name", ["SGD", "one cycle of its library"])
def test_two_ranks_are_resumed_bit_for_bit(name: str, ranks: Group, tmp_path: Path) -> None:
    alike(ranks(2).run(resumed_on_a_rank, name, tmp_path))
