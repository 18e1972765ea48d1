"""Law: torch.optim computes the same, parameters and state, and either can go on from the other's checkpoint."""

import copy
import io
import itertools
import pickle

import pytest
import torch

import steepest
from support.nets import assert_same_run, net, train


@pytest.mark.parametrize(
    ("dtype", "tolerances"),
    [
        (torch.float64, {"rtol": 1e-9, "atol": 1e-11}),
        # rounding of 2^-23 a step, amplified by 25 steps through the gradients of the net
        (torch.float32, {"rtol": 1e-3, "atol": 3e-5}),
    ],
    ids=str,
)
def test_a_run_equals_torchs(configuration, dtype, tolerances):
    runs = []
    for make in (configuration.ours, configuration.theirs):
        model = net(dtype)
        optimizer = make(model.parameters())
        train(model, optimizer, 25)
        runs.append((model, optimizer))
    assert_same_run(*runs, **tolerances)


def through_a_file(state_dict: dict) -> dict:
    file = io.BytesIO()
    torch.save(state_dict, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


HANDOVERS = {
    "state_dict": lambda d: d,
    "deepcopy": copy.deepcopy,
    "file": through_a_file,
    "pickle": lambda d: pickle.loads(pickle.dumps(d)),
}


@pytest.mark.structure
@pytest.mark.parametrize("handover", HANDOVERS)
@pytest.mark.parametrize("order", ["torch, ours, torch", "ours, torch, ours"])
def test_three_runs_of_7_steps_equal_one_of_21(configuration, order, handover):
    whole = net()
    expected = configuration.theirs(whole.parameters())
    train(whole, expected, 21)
    model, optimizer = net(), None
    for who in order.split(", "):
        before = optimizer
        optimizer = (configuration.theirs if who == "torch" else configuration.ours)(model.parameters())
        if before is not None:
            optimizer.load_state_dict(HANDOVERS[handover](before.state_dict()))
        train(model, optimizer, 7)
    assert_same_run((model, optimizer), (whole, expected), rtol=1e-8, atol=1e-10)


@pytest.mark.structure
def test_an_old_checkpoint_with_steps_that_are_numbers(configuration):
    model, expected = net(), net()
    ours, theirs = configuration.ours(model.parameters()), configuration.theirs(expected.parameters())
    train(model, ours, 3)
    train(expected, theirs, 3)
    for optimizer in (ours, theirs):
        old = copy.deepcopy(optimizer.state_dict())
        for state in old["state"].values():
            if "step" in state:
                state["step"] = int(state["step"])
        optimizer.load_state_dict(old)
    train(model, ours, 3)
    train(expected, theirs, 3)
    assert_same_run((model, ours), (expected, theirs), rtol=1e-9, atol=1e-11)


@pytest.mark.structure
@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=str)
def test_steps_are_counted_in_the_default_dtype(configuration, kind):
    before = torch.get_default_dtype()
    torch.set_default_dtype(kind)
    try:
        runs = []
        for make in (configuration.ours, configuration.theirs):
            model = net(torch.float32)
            optimizer = make(model.parameters())
            train(model, optimizer, 2)
            runs.append([s.get("step", torch.tensor(0.0)).dtype for s in optimizer.state.values()])
        assert runs[0] == runs[1]
    finally:
        torch.set_default_dtype(before)


DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
PAIRS = [*itertools.permutations(DTYPES, 2)]
EACH_ONCE = [*zip(DTYPES, (*DTYPES[1:], DTYPES[0]), strict=True)]
MIXED = {"SGD-lr=0.01-momentum=0.9": EACH_ONCE, "RMSprop-lr=0.001-centered": EACH_ONCE, "Adam-lr=0.001-amsgrad": PAIRS}
"""All pairs of dtypes for the one that keeps most; of the others each dtype once on either side: a kernel each."""


@pytest.mark.parametrize(
    ("name", "of_p", "of_state"),
    [
        pytest.param(name, *pair, marks=() if pair in always else pytest.mark.exhaustive)
        for name, always in MIXED.items()
        for pair in PAIRS
    ],
    ids=str,
)
def test_state_of_another_dtype_than_its_parameter(name, of_p, of_state):
    """V7: torch's fused kernels refuse it.  Here it stays in its dtype, and costs no more than its rounding."""
    from support.configurations import TABLE

    configuration = next(row for row in TABLE if row.id == name)
    runs = []
    for exact in (False, True):
        p = torch.nn.Parameter(torch.linspace(-1, 1, 35).to(of_p).to(torch.float64 if exact else of_p))
        optimizer = configuration.ours([p])
        for step in range(4):
            p.grad = torch.linspace(1, 2 + step, 35).to(of_p).to(p.dtype)
            optimizer.step()
            for key, value in optimizer.state[p].items():
                if key != "step":
                    assert step == 0 or value.dtype == (torch.float64 if exact else of_state)
                    optimizer.state[p][key] = value.to(torch.float64 if exact else of_state)
        runs.append((p.detach().double(), optimizer.state[p]))
    # four steps, each stored value rounded once (times ten operations in float32), relative to the largest around
    eps = max(torch.finfo(of_p).eps, torch.finfo(of_state).eps, 10 * torch.finfo(torch.float32).eps)
    torch.testing.assert_close(runs[0][0], runs[1][0], rtol=0, atol=4 * eps / 2)
    for key, value in runs[1][1].items():
        bound = 4 * eps / 2 * max(1.0, value.abs().max().item())
        torch.testing.assert_close(runs[0][1][key].double(), value.double(), rtol=0, atol=bound)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("share", [1.0, 1e-8])
def test_a_centred_average_that_overflows_stands_still_as_torchs(share, momentum, dtype):
    """The average square is infinite, and so may be the square of the average: their difference is no number."""
    ends = []
    for library in (torch.optim, steepest):
        p = torch.nn.Parameter(torch.ones(9, dtype=dtype))
        optimizer = library.RMSprop([p], centered=True, momentum=momentum)
        for g in (share * torch.finfo(dtype).max, 1.0, 1.0):
            p.grad = torch.full_like(p, g)
            optimizer.step()
        ends.append([p.detach(), *(optimizer.state[p][name] for name in ("square_avg", "grad_avg"))])
    for found, expected in zip(*ends[::-1], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    assert torch.equal(ends[1][0], torch.ones(9, dtype=dtype))
