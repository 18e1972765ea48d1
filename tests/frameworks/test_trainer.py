"""The Trainer of transformers: optimizers given both ways, its schedulers, its log, its checkpoints."""

from pathlib import Path
from typing import Any

import pytest
import torch

import steepest
from steepest import schedules
from support.framework import LIBRARIES, alike, as_if_started_by_torchrun, assert_near, assert_same, needs, values
from support.ranks import Group

transformers = needs("transformers")

STEPS = 8
LENGTH, WORDS = 6, 29
TEXTS = [torch.tensor([(3 * i + i * j + j * j) % WORDS for j in range(LENGTH)]) for i in range(24)]
DATA = [{"input_ids": text, "labels": text} for text in TEXTS]

SCHEDULERS: dict[str, dict[str, Any]] = {
    "linear": {"warmup_steps": 2},
    "cosine": {"warmup_steps": 2},
    "cosine_with_restarts": {"lr_scheduler_kwargs": {"num_cycles": 2}},
    "polynomial": {"lr_scheduler_kwargs": {"power": 2.0}},
    "constant_with_warmup": {"warmup_steps": 3},
    "inverse_sqrt": {"warmup_steps": 2},
    "cosine_with_min_lr": {"lr_scheduler_kwargs": {"min_lr": 1e-3}},
    "warmup_stable_decay": {"warmup_steps": 2, "lr_scheduler_kwargs": {"num_decay_steps": 3}},
    "reduce_lr_on_plateau": {"eval_strategy": "steps", "eval_steps": 2, "lr_scheduler_kwargs": {"patience": 0}},
}


def model(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=WORDS, **sizes))


def options(folder: Path, **more: Any) -> Any:
    given = {"output_dir": str(folder), "max_steps": STEPS, "per_device_train_batch_size": 4, "learning_rate": 0.01}
    given |= {"report_to": "none", "use_cpu": True, "logging_steps": 1, "save_strategy": "no", "disable_tqdm": True}
    return transformers.TrainingArguments(**given | {"weight_decay": 0.1} | more)


def by_class(lib: Any, folder: Path, **more: Any) -> Any:
    """The Trainer makes the optimizer, in groups of its own."""
    made = lib.AdamW, {"lr": 0.01, "betas": (0.9, 0.99)}
    return transformers.Trainer(
        model(), options(folder, **more), train_dataset=DATA, eval_dataset=DATA[:4], optimizer_cls_and_kwargs=made
    )


def by_hand(lib: Any, folder: Path, **more: Any) -> Any:
    """The optimizer is given, with two groups; the Trainer makes the scheduler."""
    net = model()
    flat, others = ([p for p in net.parameters() if (p.dim() < 2) == is_flat] for is_flat in (True, False))
    optimizer = lib.RMSprop([{"params": flat, "lr": 2e-3}, {"params": others}], lr=1e-3, momentum=0.5)
    return transformers.Trainer(
        net, options(folder, **more), train_dataset=DATA, eval_dataset=DATA[:4], optimizers=(optimizer, None)
    )


def rates(trainer: Any) -> list[float]:
    return [entry["learning_rate"] for entry in trainer.state.log_history if "learning_rate" in entry]


@pytest.mark.parametrize("make", [by_class, by_hand])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_equal_to_torch(name: str, make: Any, tmp_path: Path) -> None:
    theirs, ours = (make(lib, tmp_path, lr_scheduler_type=name, **SCHEDULERS[name]) for lib in LIBRARIES.values())
    theirs.train()
    ours.train()
    assert len(rates(ours)) == STEPS
    assert rates(ours) == pytest.approx(rates(theirs), rel=1e-6)
    assert_near(values(ours.model), values(theirs.model))


@pytest.mark.parametrize("more", [{"gradient_accumulation_steps": 2}, {"max_grad_norm": 0.05}], ids=str)
def test_accumulation_and_clipping(more: dict[str, Any], tmp_path: Path) -> None:
    theirs, ours = (by_class(lib, tmp_path, **more) for lib in LIBRARIES.values())
    theirs.train()
    ours.train()
    assert_near(values(ours.model), values(theirs.model))


def test_bfloat16(tmp_path: Path) -> None:
    theirs, ours = (by_hand(lib, tmp_path, bf16=True, max_steps=3) for lib in LIBRARIES.values())
    theirs.train()
    ours.train()
    assert_near(values(ours.model), values(theirs.model), 1e-3)


def resumed_and_through(name: str, make: Any, folder: Path) -> tuple[Any, Any]:
    """A run that went on from the middle of another one, and that one; they end with the same weights."""
    more = {"lr_scheduler_type": name, "save_strategy": "steps", "save_steps": STEPS // 2, **SCHEDULERS[name]}
    through = make(steepest, folder, **more)
    through.train()
    resumed = make(steepest, folder, **more)
    resumed.train(resume_from_checkpoint=str(folder / f"checkpoint-{STEPS // 2}"))
    assert_same(values(resumed.model), values(through.model))
    return resumed, through


@pytest.mark.parametrize("make", [by_class, by_hand])
@pytest.mark.parametrize("name", ["cosine", "reduce_lr_on_plateau"])
def test_resumed_bit_for_bit(name: str, make: Any, tmp_path: Path) -> None:
    resumed, through = resumed_and_through(name, make, tmp_path)
    assert rates(resumed) == rates(through)


@pytest.mark.parametrize("first", LIBRARIES)
def test_a_run_goes_on_with_the_other_library(first: str, tmp_path: Path) -> None:
    second = "torch" if first == "steepest" else "steepest"
    more = {"save_strategy": "steps", "save_steps": STEPS // 2}
    through = by_class(LIBRARIES[first], tmp_path, **more)
    through.train()
    resumed = by_class(LIBRARIES[second], tmp_path, **more)
    resumed.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{STEPS // 2}"))
    assert_near(values(resumed.model), values(through.model))


def test_two_phases_on_one_optimizer(tmp_path: Path) -> None:
    """The second Trainer makes a scheduler of its own."""
    found = []
    for lib in LIBRARIES.values():
        first = by_hand(lib, tmp_path)
        first.train()
        second = transformers.Trainer(
            first.model, options(tmp_path), train_dataset=DATA, optimizers=(first.optimizer.optimizer, None)
        )
        second.train()
        found.append((rates(second), values(second.model)))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)
    assert_near(found[1][1], found[0][1])


def test_a_rate_that_is_a_schedule(tmp_path: Path) -> None:
    """With a scheduler that leaves the rate alone, the schedule is followed, and the log shows the rates used."""
    rate = schedules.cosine(0.01, STEPS, warmup_steps=2)
    nets = model(), model()
    ours = steepest.AdamW(nets[0].parameters(), lr=rate)
    theirs = torch.optim.AdamW(nets[1].parameters(), lr=1.0)
    no_change = torch.optim.lr_scheduler.LRScheduler
    by_lambda = torch.optim.lr_scheduler.LambdaLR(theirs, lambda step: float(rate(step)))
    trainers = [
        transformers.Trainer(net, options(tmp_path), train_dataset=DATA, optimizers=(optimizer, scheduler))
        for net, optimizer, scheduler in zip(nets, (ours, theirs), (Idle(ours), by_lambda), strict=True)
    ]
    assert issubclass(Idle, no_change)
    for trainer in trainers:
        trainer.train()
    assert_near(values(nets[0]), values(nets[1]))
    assert rates(trainers[0])[:-1] == pytest.approx([float(rate(step)) for step in range(STEPS)][: STEPS - 1], rel=1e-6)


class Idle(torch.optim.lr_scheduler.LRScheduler):
    """Changes nothing and shows the rate of the optimizer."""

    def get_lr(self) -> list[Any]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[Any]:
        return self.get_lr()


# Two ranks


def on_a_rank(library: str, name: str, folder: Path) -> tuple[list[float], list[Any]]:
    as_if_started_by_torchrun(folder)
    trainer = by_class(LIBRARIES[library], folder, lr_scheduler_type=name, **SCHEDULERS[name])
    assert trainer.args.world_size == 2
    trainer.train()
    return [*map(float, rates(trainer))], values(trainer.model)


@pytest.mark.parametrize("name", ["cosine", "reduce_lr_on_plateau"])
def test_two_ranks_are_equal_to_torch(name: str, ranks: Group, tmp_path: Path) -> None:
    found = {}
    for library in LIBRARIES:  # the first rank alone writes the log
        (logged, weights), (_, others) = ranks(2).run(on_a_rank, library, name, tmp_path)
        assert_same(others, weights)
        found[library] = logged, weights
    assert len(found["steepest"][0]) == STEPS
    assert found["steepest"][0] == pytest.approx(found["torch"][0], rel=1e-6)
    assert_near(found["steepest"][1], found["torch"][1])


def resumed_on_a_rank(name: str, folder: Path) -> list[Any]:
    as_if_started_by_torchrun(folder)
    resumed, _ = resumed_and_through(name, by_class, folder)
    return values(resumed.model)


@pytest.mark.parametrize("name", ["cosine", "reduce_lr_on_plateau"])
def test_two_ranks_are_resumed_bit_for_bit(name: str, ranks: Group, tmp_path: Path) -> None:
    alike(ranks(2).run(resumed_on_a_rank, name, tmp_path))
