"""The training loop: deterministic, interruptible between any two steps, honest about failure."""

import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from steepest.workbench import Task
from steepest.workbench.errors import TaskError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import DIVERGED, FAILED, INTERRUPTED, TRAINED, Trace
from steepest.workbench.training.run import Run

Make = Callable[[int], Task]


def values(trace: Trace) -> tuple[list[tuple[int, float]], list[tuple[int, str, float]]]:
    """All that was measured but the time."""
    return [(step, loss) for step, _, loss in trace.curve], [(s, name, v) for s, _, name, v in trace.metrics]


@pytest.mark.parametrize("optimizer", KNOWN)
def test_the_same_run_twice_is_the_same(tiny: Make, optimizer: str) -> None:
    first, second = (Run(tiny, KNOWN[optimizer], 0.01, seed=3).train() for _ in range(2))
    assert values(first.trace) == values(second.trace)
    other = Run(tiny, KNOWN[optimizer], 0.01, seed=4).train()
    assert values(first.trace) != values(other.trace)


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "rmsprop", "adagrad", "amsgrad"])
def test_an_interrupted_run_goes_on_bit_for_bit(tiny: Make, optimizer: str) -> None:
    whole = Run(tiny, KNOWN[optimizer], 0.02, seed=5, steps=40)
    expected = whole.train()
    saved = None
    for stop_after in (1, 17, 20, 39):  # between evaluations, at one, and before the last step
        part = Run(tiny, KNOWN[optimizer], 0.02, seed=5, steps=40, saved=saved)
        stopped = part.train(stop=lambda at=stop_after, run=part: run.trace.step >= at)
        assert (stopped.status, stopped.trace.step) == (INTERRUPTED, stop_after)
        saved = stopped.saved
        torch.rand(3)  # another process has other random states
        np.random.rand()
    last = Run(tiny, KNOWN[optimizer], 0.02, seed=5, steps=40, saved=saved)
    found = last.train()
    assert values(found.trace) == values(expected.trace)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, last.model.state_dict()[name]), name


def test_a_data_loader_without_a_generator_goes_on_bit_for_bit(tiny: Make) -> None:
    def make(seed: int) -> Task:
        task = tiny(seed)
        rows = torch.utils.data.TensorDataset(*task.train.tensors)  # type: ignore[attr-defined]
        return replace(task, train=torch.utils.data.DataLoader(rows, batch_size=16, shuffle=True))

    expected = Run(make, KNOWN["adam"], 0.02, seed=5).train()
    stopped = Run(make, KNOWN["adam"], 0.02, seed=5)
    saved = stopped.train(stop=lambda: stopped.trace.step >= 11).saved
    assert values(Run(make, KNOWN["adam"], 0.02, seed=5, saved=saved).train().trace) == values(expected.trace)


def test_the_callers_random_state_is_untouched(tiny: Make) -> None:
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index]
    Run(tiny, KNOWN["adam"], 0.01, seed=3).train()
    after = torch.get_rng_state(), np.random.get_state()[1], random.getstate()  # type: ignore[index]
    assert torch.equal(before[0], after[0])
    assert np.array_equal(before[1], after[1])
    assert before[2] == after[2]


def test_evaluating_more_often_changes_nothing(tiny: Make) -> None:
    def often(seed: int) -> Task:
        return replace(tiny(seed), evaluations=40, evaluate=lambda m: {"val_loss": float(torch.rand(1)) + 0 * len(m)})

    rarely, more = (Run(make, KNOWN["adam"], 0.01, seed=3).train() for make in (tiny, often))
    assert values(rarely.trace)[0] == values(more.trace)[0]


def test_the_curve_is_bounded_and_its_points_are_means_over_all_steps(tiny: Make) -> None:
    every = Run(tiny, KNOWN["sgd"], 0.01, seed=0, steps=100).train().trace
    coarse = Run(tiny, KNOWN["sgd"], 0.01, seed=0, steps=250).train().trace
    assert [step for step, _, _ in every.curve] == list(range(1, 101))
    assert len(coarse.curve) == 100
    assert coarse.curve[0][0] == 3
    assert coarse.curve[0][2] == pytest.approx(np.mean([loss for _, _, loss in every.curve[:3]]))


def test_evaluation_time_is_not_training_time(tiny: Make) -> None:
    import time

    def slow(seed: int) -> Task:
        def evaluate(model: nn.Module) -> dict[str, float]:
            time.sleep(0.2)
            return {"val_loss": 0.0}

        return replace(tiny(seed), evaluate=evaluate)

    assert Run(slow, KNOWN["sgd"], 0.01, seed=0, steps=4).train().trace.seconds < 0.2


def test_a_diverging_run_stops_early_and_says_where(tiny: Make) -> None:
    outcome = Run(tiny, KNOWN["sgd"], 1e30, seed=0, steps=40).train()
    assert outcome.status == DIVERGED
    assert outcome.trace.step < 40
    assert "not finite" in outcome.reason
    assert outcome.final("val_loss") is None


def test_no_better_than_at_the_start_is_a_failure(tiny: Make) -> None:
    def constant(seed: int) -> Task:
        return replace(tiny(seed), evaluate=lambda model: {"val_loss": 1.0})

    outcome = Run(constant, KNOWN["sgd"], 0.01, seed=0).train()
    assert outcome.status == FAILED
    assert "before the first step" in outcome.reason


def test_no_better_than_a_constant_prediction_is_a_failure(tiny: Make) -> None:
    outcome = Run(lambda seed: replace(tiny(seed), baseline=0.0), KNOWN["sgd"], 0.01, seed=0).train()
    assert outcome.status == FAILED
    assert "constant prediction" in outcome.reason


def test_higher_can_be_better(tiny: Make) -> None:
    def score(seed: int) -> Task:
        task = tiny(seed)
        return replace(task, higher_is_better=True, evaluate=lambda m: {"val_loss": -task.evaluate(m)["val_loss"]})

    assert Run(score, KNOWN["adam"], 0.05, seed=0).train().status == TRAINED


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"loss": lambda model, batch: model(batch[0])}, "return a tensor with a single element"),
        ({"loss": lambda model, batch: 3.0}, "returned a float"),
        ({"evaluate": lambda model: 1.0}, "returned a float, but the task's metric is 'val_loss'"),
        ({"evaluate": lambda model: {"accuracy": 1.0}}, "the names 'accuracy'"),
        ({"train": []}, "`train` is empty"),
        ({"train": iter([(torch.zeros(16, 4), torch.zeros(16))])}, "ended after 1 batches"),
        ({"model": nn.Flatten()}, "no parameter that requires a gradient"),
        ({"steps": 0}, "at least 1"),
    ],
)
def test_a_broken_contract_is_answered_in_a_sentence(tiny: Make, change: dict, sentence: str) -> None:
    with pytest.raises(TaskError, match=sentence):
        Run(lambda seed: replace(tiny(seed), **change), KNOWN["sgd"], 0.01, seed=0).train()


def test_a_task_function_that_returns_something_else(tiny: Make) -> None:
    with pytest.raises(TaskError, match="returned a dict"):
        Run(lambda seed: {}, KNOWN["sgd"], 0.01, seed=0).train()  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("form", [dict, tuple, list])
def test_any_batch_will_do(tiny: Make, form: type) -> None:
    def make(seed: int) -> Task:
        task = tiny(seed)
        x, y = task.train.tensors  # type: ignore[attr-defined]
        batches = [form({"x": x, "y": y}.items() if form is dict else (x, y))]
        parts = (lambda b: (b["x"], b["y"])) if form is dict else tuple
        return replace(task, train=batches, loss=lambda model, batch: task.loss(model, parts(batch)))  # type: ignore[operator, misc]

    assert Run(make, KNOWN["adam"], 0.05, seed=0).train().status == TRAINED


def test_a_class_of_the_user_is_called_with_its_rate(tiny: Make) -> None:
    candidate = Candidate("mine", torch.optim.Adadelta, 1.0, "", {"rho": 0.8})
    run = Run(tiny, candidate, 0.5, seed=0, steps=2)
    run.train()
    assert (run.training.optimizers[""].defaults["lr"], run.training.optimizers[""].defaults["rho"]) == (0.5, 0.8)


def test_a_small_model_trains_on_one_thread_and_the_callers_number_comes_back(tiny: Make) -> None:
    seen = []

    def make(seed: int) -> Task:
        task = tiny(seed)
        return replace(task, evaluate=lambda model: {"val_loss": -len(seen), "n": seen.append(torch.get_num_threads())})

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(TaskError):  # whatever happens in the run
            Run(make, KNOWN["sgd"], 0.01, seed=0).train()
        assert (seen, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)
