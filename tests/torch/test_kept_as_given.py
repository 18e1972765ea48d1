"""What a user put into an optimizer is used, not a copy: groups, and the numbers of state."""

import copy
import multiprocessing as mp

import pytest
import torch
from torch import nn
from torch.nn import Parameter

import steepest
from support.configurations import NUMBERS, REPRESENTATIVES
from support.half_steps import ones, step

pytestmark = pytest.mark.structure

COUNTED = [row for row in REPRESENTATIVES if row.rule.counts]
WHOLE = ["Muon", "Adafactor"]


# --- groups -----------------------------------------------------------------------------------------------------------


def test_the_callers_dictionary_is_the_group(configuration):
    for make in (configuration.ours, configuration.theirs):
        model = nn.Linear(3, 2)
        group = {"params": model.parameters()}
        optimizer = make([group])
        assert optimizer.param_groups[0] is group
        assert [*group["params"]] == [*model.parameters()]
        later = {"params": iter([Parameter(torch.ones(2))]), "mine": 1}
        optimizer.add_param_group(later)
        assert optimizer.param_groups[1] is later


def test_an_optimizer_made_of_anothers_groups_shares_them(configuration):
    """Horovod does so: a scheduler of the first sets the rate of the second."""
    first = configuration.ours([ones(3)])
    second = type(first)(first.param_groups)
    torch.optim.lr_scheduler.LambdaLR(first, lambda _: 0.5)
    assert second.param_groups[0]["lr"] == 0.5 * configuration.hyperparameters["lr"]
    theirs = configuration.theirs([p := ones(3)])
    theirs.param_groups[0]["lr"] *= 0.5
    second.step()
    theirs.step()
    torch.testing.assert_close(second.param_groups[0]["params"][0], p)


def test_something_else_than_a_dictionary_is_refused_in_torchs_words():
    with pytest.raises(TypeError, match="param_group must be a dict"):
        steepest.SGD([ones(2)]).add_param_group([ones(2)])  # pyright: ignore[reportArgumentType]


# --- numbers of state -------------------------------------------------------------------------------------------------

PLACES = {
    "shape (1,)": lambda value: torch.full((1,), float(value)),
    "shape (1, 1)": lambda value: torch.full((1, 1), float(value)),
    "shared": lambda value: torch.full((1,), float(value)).share_memory_(),
    "a view": lambda value: torch.full((5,), float(value))[3],
    "float64": lambda value: torch.tensor(value, dtype=torch.float64),
    "int64": lambda value: torch.tensor(value, dtype=torch.int64),
    "int32 of shape (1,)": lambda value: torch.tensor([value], dtype=torch.int32),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("row", COUNTED, ids=lambda row: row.id)
def test_a_number_is_counted_in_the_tensor_that_is_there(row, place):
    runs = []
    for given in (True, False):
        p = ones(3)
        optimizer = row.ours([p])
        step(optimizer)
        tensors = {}
        for name in optimizer.state[p].keys() & NUMBERS if given else ():
            if name == "step" or "int" not in place:  # torch cannot write a fraction into whole numbers either
                was = optimizer.state[p][name].item()
                optimizer.state[p][name] = tensors[name] = PLACES[place](int(was) if name == "step" else was)
        step(optimizer, 3)
        for name, tensor in tensors.items():
            assert optimizer.state[p][name] is tensor
        numbers = optimizer.state[p].keys() & NUMBERS
        runs.append((p.detach(), {name: float(optimizer.state[p][name]) for name in numbers}))
    assert runs[0][1] == pytest.approx(runs[1][1], rel=1e-6)
    torch.testing.assert_close(*(p for p, _ in runs))
    assert runs[0][1]["step"] == 4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.uint8])
def test_a_count_that_would_stand_still_goes_on_in_another_tensor(dtype):
    """1 added to 256 in bfloat16 is 256: torch's Adam corrects a bias for ever that is long gone."""
    p = ones(2)
    optimizer = steepest.Adam([p])
    step(optimizer)
    optimizer.state[p]["step"] = torch.tensor(255).to(dtype)
    expected = float(optimizer.state[p]["step"])
    step(optimizer, 3)
    assert optimizer.state[p]["step"].item() == expected + 3


def test_one_count_for_all_parameters_counts_each_as_in_torch():
    runs = []
    for lib in (steepest, torch.optim):
        count, ps = torch.zeros(1, dtype=torch.int64), [ones(2), ones(3)]
        optimizer = lib.Adam(ps)
        for p in ps:
            optimizer.state[p] = {"step": count, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
        step(optimizer, 2)
        runs.append([count.item(), *ps[0].tolist(), *ps[1].tolist()])
    assert runs[0] == pytest.approx(runs[1], rel=1e-6)


def test_sparse_steps_count_there_too():
    p, count = Parameter(torch.ones(4, 2)), torch.zeros(1, dtype=torch.int64)
    optimizer = steepest.SparseAdam([p])
    zeros = torch.zeros_like
    optimizer.state[p] = {"step": count, "exp_avg": zeros(p), "exp_avg_sq": zeros(p)}
    for _ in range(2):
        p.grad = torch.eye(4, 2).to_sparse()
        optimizer.step()
    assert count.item() == 2
    assert optimizer.state[p]["step"] is count


@pytest.mark.parametrize("name", WHOLE)
def test_rules_of_whole_tensors_count_there_too(name):
    p = ones(3, 2)
    optimizer = getattr(steepest, name)([p])
    step(optimizer)
    if "step" in optimizer.state[p]:
        optimizer.state[p]["step"] = count = torch.ones(1, dtype=torch.int64)
        step(optimizer)
        assert optimizer.state[p]["step"] is count
        assert count.item() == 2


class SharedAdam(steepest.Adam):
    """As programs of A3C write it."""

    def __init__(self, params, lr):
        super().__init__(params, lr=lr)
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                state["step"] = torch.zeros(1).share_memory_()
                for name in ("exp_avg", "exp_avg_sq"):
                    state[name] = torch.zeros_like(p.data).share_memory_()


def _step_shared(model, optimizer):
    step(optimizer, 2)


def test_processes_share_an_adam():
    model = nn.Linear(3, 2).share_memory()
    optimizer = SharedAdam(model.parameters(), 0.1)
    twin = copy.deepcopy(model)
    for _ in range(2):  # one after the other, so that the result is one
        process = mp.get_context("fork").Process(target=_step_shared, args=(model, optimizer))
        process.start()
        process.join()
        assert process.exitcode == 0
    expected = torch.optim.Adam(twin.parameters(), lr=0.1)
    step(expected, 4)
    assert [state["step"].item() for state in optimizer.state.values()] == [4, 4]
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q)


def test_loading_writes_into_a_number_of_another_shape():
    p = ones(2)
    optimizer = SharedAdam([p], 0.1)
    count = optimizer.state[p]["step"]
    donor = torch.optim.Adam([ones(2)])
    step(donor, 3)
    optimizer.load_state_dict(donor.state_dict())
    assert optimizer.state[p]["step"] is count
    assert count.tolist() == [3.0]
