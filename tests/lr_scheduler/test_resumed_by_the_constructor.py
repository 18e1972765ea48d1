"""`last_epoch` is the last epoch that a run has seen: a checkpoint may be of that one, or of the next."""

import copy
from typing import Any

import pytest
import torch

import steepest
from steepest import lr_scheduler as ours
from support.schedulers import MAKERS, assert_same_as_torchs, optimizer, rates

NOT_COUNTED = ("MultiplicativeLR", "SequentialLR", "OneCycleLR", "CyclicLR", "LambdaLR")  # of an epoch before the first
NAMES = [name for name in MAKERS if name != "ChainedScheduler"]  # which takes no last epoch


def made(s: Any, name: str, sgd: Any, **options: Any) -> Any:
    """As MAKERS makes it, in the middle of a run."""

    class Resumed:
        def __getattr__(self, called: str) -> Any:
            is_part = name == "SequentialLR" and called != name
            return lambda *args, **kwargs: getattr(s, called)(*args, **kwargs, **({} if is_part else options))

    return MAKERS[name](Resumed(), sgd)


@pytest.mark.parametrize("tensor", [False, True], ids=["", "tensor"])
@pytest.mark.parametrize("stop", [0, 1, 2, 3, 6, 9])
@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_from_before_the_schedulers_step(name: str, stop: int, tensor: bool) -> None:
    """What torch wants of `last_epoch`; its own rates are right for some classes only: those of a whole run are."""
    lr = torch.tensor(0.1) if tensor else 0.1
    whole = rates(MAKERS[name](ours, optimizer(steepest)), stop + 10)
    first = MAKERS[name](ours, optimizer(steepest, lr=copy.deepcopy(lr)))
    rates(first, stop)
    second = optimizer(steepest, lr=copy.deepcopy(lr))
    second.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
    assert rates(made(ours, name, second, last_epoch=stop), 9) == pytest.approx(whole[stop + 1 :], rel=1e-6)


@pytest.mark.parametrize("name", ["LambdaLR", "WarmRestarts", "StepLR", "MultiStepLR"])
def test_where_torch_is_right_too(name: str) -> None:
    def program(library: Any, s: Any) -> list[float]:
        first = MAKERS[name](s, optimizer(library))
        found = rates(first, 4)
        second = optimizer(library)
        second.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
        return found + rates(made(s, name, second, last_epoch=4), 9)

    assert_same_as_torchs(program)


@pytest.mark.parametrize("name", ["LambdaLR", "WarmRestarts"])
def test_what_a_class_sets_from_the_epoch_alone(name: str) -> None:
    """Whatever rate the group has."""

    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        sgd.param_groups[0] |= {"initial_lr": 0.2, "lr": 0.03}
        return rates(made(s, name, sgd, last_epoch=3), 9)

    assert_same_as_torchs(program)


@pytest.mark.parametrize("name", [name for name in MAKERS if name.endswith("LR") and name not in NOT_COUNTED])
@pytest.mark.parametrize("epoch", [-1, 0, 4])
def test_an_epoch_that_is_written(name: str, epoch: int) -> None:
    """As trainers do that resume from a number alone."""

    def program(library: Any, s: Any) -> list[float]:
        scheduler = MAKERS[name](s, optimizer(library))
        found = rates(scheduler, 3)
        scheduler.last_epoch = epoch
        return found + rates(scheduler, 12)

    assert_same_as_torchs(program)


@pytest.mark.filterwarnings("ignore:Detected call:UserWarning")  # torch's, of the chain's first step, with both
def test_a_part_that_a_sequence_begins_within_a_chain() -> None:
    """A subclass has torch take the first steps, of which our other part must make as many as torch's."""

    def program(library: Any, s: Any) -> list[float]:
        class Floored(s.StepLR):
            def get_lr(self) -> list[float]:
                return [max(rate, 0.02) for rate in super().get_lr()]

        sgd = optimizer(library)
        chain = s.ChainedScheduler([Floored(sgd, 1, 0.5), s.ConstantLR(sgd, 0.1, 2)])
        return rates(s.SequentialLR(sgd, [chain, Floored(sgd, 2, 0.5)], [4]), 12)

    assert_same_as_torchs(program)
