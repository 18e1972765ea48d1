"""DTensors in one process: which tensors a kernel walks, what is noticed between steps, what is refused.

What several processes make of them is in `parallel/`.
"""

import copy
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributed._functional_collectives import AsyncCollectiveTensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor

import steepest
from steepest.torch import fallbacks
from steepest.torch.stepping import native_look, shards
from support import one_process
from support.configurations import Configuration

pytestmark = pytest.mark.structure


@pytest.fixture(scope="module")
def mesh() -> Iterator[Any]:
    """Of this process alone."""
    with one_process.group() as mesh:
        yield mesh


def divided(values: Tensor, mesh: Any, dim: int = 0) -> Any:
    return distribute_tensor(values, mesh, [Shard(dim)])


def values(step: int, *shape: int) -> Tensor:
    count = int(torch.tensor(shape).prod())
    return torch.linspace(-1, 2 + step, count).sin().view(shape)


SHAPES = [(4, 3), (5,), (0, 3), (2, 3, 2)]


class Run:
    """The same parameters twice, plain and as DTensors, each with an optimizer."""

    def __init__(self, configuration: Configuration, mesh: Any, shapes: Any = SHAPES) -> None:
        self.mesh, self.steps = mesh, 0
        self.plain = [nn.Parameter(values(0, *shape)) for shape in shapes]
        self.parameters: list[Any] = [nn.Parameter(divided(p.detach().clone(), mesh)) for p in self.plain]
        self.ours, self.theirs = configuration.ours(self.parameters), configuration.ours(self.plain)

    def step(self, make: Callable[[Tensor], Any] | None = None) -> None:
        self.steps += 1
        for p, q in zip(self.parameters, self.plain, strict=True):
            q.grad = values(self.steps, *q.shape)
            p.grad = divided(q.grad.clone(), self.mesh) if make is None else make(q.grad.clone())
        self.ours.step()
        self.theirs.step()

    def check(self) -> None:
        """Parameters and state are the same, and state is divided as its parameter."""
        for p, q in zip(self.parameters, self.plain, strict=True):
            torch.testing.assert_close(p.full_tensor(), q, rtol=1e-6, atol=1e-6)
            for name, value in self.theirs.state[q].items():
                found = self.ours.state[p][name]
                assert isinstance(found, DTensor) == (value.shape == q.shape and value.dim() > 0), name
                if isinstance(found, DTensor):
                    assert found.placements == p.placements
                    found = found.full_tensor()
                torch.testing.assert_close(found, value, rtol=1e-6, atol=1e-6)

    def plan(self) -> Any:
        return self.ours._plans[0][0]


def test_the_kernel_walks_the_shards(configuration: Configuration, mesh: Any) -> None:
    if configuration.name == "SparseAdam":
        pytest.skip("steps along sparse gradients alone")
    run = Run(configuration, mesh)
    for _ in range(4):
        run.step()
    run.check()
    assert not run.plan().unfused
    (plan,) = run.ours._plans[0]
    assert plan is run.plan(), "one plan for all steps"


ADAMW = Configuration("AdamW", {"lr": 0.02, "weight_decay": 0.1})


# Between two steps


def replace_a_shard(run: Run) -> None:
    """As FSDP2 does when a model is loaded or moved."""
    for p, q in zip(run.parameters, run.plain, strict=True):
        p._local_tensor = torch.full_like(p._local_tensor, 0.5)
        q.data.fill_(0.5)


def give_a_shard_other_memory(run: Run) -> None:
    for p, q in zip(run.parameters, run.plain, strict=True):
        p._local_tensor.set_(torch.full_like(p._local_tensor, 0.25))
        q.data.fill_(0.25)


def lay_a_shard_out_anew(run: Run) -> None:
    p = run.parameters[0]
    p._local_tensor = p._local_tensor.t().contiguous().t()


def swap_parameters(run: Run) -> None:
    """As Module.to does with parameters that are wrappers."""
    for p, q in zip(run.parameters, run.plain, strict=True):
        other = nn.Parameter(divided(torch.full_like(q, 0.125), run.mesh))
        p.grad = None
        torch.utils.swap_tensors(p, other)
        q.data.fill_(0.125)


def replace_state(run: Run) -> None:
    for p, q in zip(run.parameters, run.plain, strict=True):
        run.ours.state[p]["exp_avg"] = torch.zeros_like(p)
        run.theirs.state[q]["exp_avg"] = torch.zeros_like(q)


def replace_a_shard_of_the_state(run: Run) -> None:
    for p, q in zip(run.parameters, run.plain, strict=True):
        run.ours.state[p]["exp_avg"]._local_tensor = torch.zeros_like(p._local_tensor)
        run.theirs.state[q]["exp_avg"].zero_()


def replace_state_by_whole_tensors(run: Run) -> None:
    """As a user does who loads a file of one process."""
    for p, q in zip(run.parameters, run.plain, strict=True):
        run.ours.state[p]["exp_avg"] = run.theirs.state[q]["exp_avg"].clone()


def divide_state_otherwise(run: Run) -> None:
    for p in run.parameters:
        run.ours.state[p]["exp_avg"] = run.ours.state[p]["exp_avg"].redistribute(placements=[Replicate()])


def load(run: Run) -> None:
    run.ours.load_state_dict(copy.deepcopy(run.ours.state_dict()))


def load_of_one_process(run: Run) -> None:
    run.ours.load_state_dict(copy.deepcopy(run.theirs.state_dict()))


def load_into_a_new_one(run: Run) -> None:
    saved = run.theirs.state_dict()
    run.ours = ADAMW.ours(run.parameters)
    run.ours.load_state_dict(saved)
    state = [value for one in run.ours.state.values() for name, value in one.items() if name != "step"]
    assert all(isinstance(value, DTensor) for value in state)


DEEDS = [
    replace_a_shard, give_a_shard_other_memory, lay_a_shard_out_anew, swap_parameters, replace_state,
    replace_a_shard_of_the_state, replace_state_by_whole_tensors, divide_state_otherwise, load, load_of_one_process,
    load_into_a_new_one,
]  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
def test_what_is_done_between_two_steps_is_noticed(deed: Callable[[Run], None], mesh: Any) -> None:
    run = Run(ADAMW, mesh, [(4, 3), (5,)])
    run.step()
    run.step()
    deed(run)
    run.step()
    run.step()
    run.check()


def test_a_gradient_of_another_step_may_be_divided_otherwise(mesh: Any) -> None:
    """Its placement is looked at in each step, though the object that says it is new each time."""
    run = Run(ADAMW, mesh, [(4, 3), (5, 2)])
    run.step()
    assert not run.plan().unfused
    run.step(lambda g: distribute_tensor(g, mesh, [Replicate()]))
    assert len(run.plan().unfused) == 2
    run.step(lambda g: DTensor.from_local(g, mesh, [Partial()]))
    run.step()
    assert not run.plan().unfused
    run.check()


def test_shards_are_fetched_only_where_something_is_new(mesh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A DTensor is looked into in machine code as long as it is divided as the same object says, wherever it lies."""
    native_look._compiled()  # as it is on every machine after ten steps
    run = Run(Configuration("AdamW", {}), mesh)
    run.step()
    run.step()
    fetched: list[int] = []
    of = shards.Shards.of
    monkeypatch.setattr(shards.Shards, "of", lambda self, tensors: fetched.append(len(tensors)) or of(self, tensors))

    def into_the_same(g: Tensor) -> Any:
        owner = next(p.grad for p in run.parameters if p.grad is not None and p.grad.shape == g.shape)
        owner._local_tensor.copy_(g)
        return owner

    def moved(g: Tensor) -> Any:
        owner = into_the_same(g)
        owner._local_tensor = g
        return owner

    for make in (into_the_same, moved, into_the_same, moved):
        run.step(make)
        run.check()
    assert fetched == []
    run.step()  # equal, but said by another object
    run.check()
    assert len(fetched) == 1


def test_without_private_names_the_plan_holds_too(mesh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "shard_getter", lambda _: fallbacks.shard_of)
    monkeypatch.setattr(shards, "placement_getter", lambda _: fallbacks.placement_of)
    run = Run(ADAMW, mesh)
    for _ in range(3):
        run.step()
    run.check()
    assert len(run.ours._plans[0]) == 1
    assert not run.plan().unfused


def test_gradients_that_are_still_on_their_way(mesh: Any) -> None:
    """As those are that were divided anew: torch waits for them when somebody looks."""
    run = Run(ADAMW, mesh, [(4, 3)])

    def on_its_way(g: Tensor) -> Any:
        own = AsyncCollectiveTensor(g)
        return DTensor.from_local(own, mesh, [Shard(0)], run_check=False, shape=g.shape, stride=g.stride())

    for _ in range(3):
        run.step(on_its_way)
        assert not run.plan().unfused
    run.check()
    assert len(run.ours._plans[0]) == 1


def test_plain_parameters_in_the_same_group(mesh: Any) -> None:
    plain = [nn.Parameter(values(0, 4, 3)) for _ in range(4)]
    mixed: list[Any] = [nn.Parameter(divided(p.detach().clone(), mesh)) if i % 2 else copy.deepcopy(p)
                        for i, p in enumerate(plain)]  # fmt: skip
    ours, theirs = ADAMW.ours(mixed), ADAMW.theirs(plain)
    for step in range(4):
        for p, q in zip(mixed, plain, strict=True):
            q.grad = values(step, 4, 3)
            p.grad = divided(q.grad, mesh) if isinstance(p, DTensor) else q.grad
        ours.step()
        theirs.step()
    for p, q in zip(mixed, plain, strict=True):
        torch.testing.assert_close(p.full_tensor() if isinstance(p, DTensor) else p, q, rtol=2e-6, atol=2e-6)
    (plan,) = ours._plans[0]
    assert not plan.unfused


def test_autograd_notices_the_step(mesh: Any) -> None:
    run = Run(ADAMW, mesh, [(4, 3)])
    (p,) = run.parameters
    loss = (p * p).sum()
    run.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_steps_are_differentiable(mesh: Any) -> None:
    found = []
    for wrap in (lambda t: t, lambda t: divided(t, mesh)):
        start = nn.Parameter(wrap(values(0, 4, 3)))
        p = start.clone()
        optimizer = steepest.AdamW([p], lr=0.1, differentiable=True)
        for _ in range(2):
            p.grad = (start * start).cos()
            optimizer.step()
        loss: Any = (p * p).sum()
        (loss.full_tensor() if isinstance(loss, DTensor) else loss).backward()
        assert start.grad is not None
        found.append(start.grad.full_tensor() if isinstance(start.grad, DTensor) else start.grad)
    torch.testing.assert_close(found[1], found[0], rtol=1e-6, atol=1e-6)


# What is refused


def refused(p: Any, g: Any, match: str, **options: Any) -> None:
    p = nn.Parameter(p)
    p.grad = g
    before = copy.deepcopy(p)
    for make in (steepest.AdamW, steepest.Muon):
        with pytest.raises(RuntimeError, match=match):
            make([p], **options).step()
    torch.testing.assert_close(p, before)


def test_a_plain_gradient_of_a_dtensor(mesh: Any) -> None:
    p: Any = nn.Parameter(divided(values(0, 4, 3), mesh))
    optimizer = steepest.AdamW([p])
    p.grad = divided(values(1, 4, 3), mesh)
    optimizer.step()
    before = p.full_tensor().clone()
    try:
        p.grad = values(1, 4, 3)
    except (RuntimeError, TypeError):
        pytest.skip("torch refuses it already")
    with pytest.raises(RuntimeError, match=r"gradient that is no DTensor.*distribute_tensor"):
        optimizer.step()
    torch.testing.assert_close(p.full_tensor(), before)


def test_a_parameter_that_is_a_sum_to_be_taken(mesh: Any) -> None:
    p = DTensor.from_local(values(0, 4, 3), mesh, [Partial()])
    refused(p, DTensor.from_local(values(1, 4, 3), mesh, [Partial()]), r"Partial.*redistribute")


def test_a_gradient_on_another_mesh(mesh: Any) -> None:
    other = init_device_mesh("cpu", (1, 1))
    g = distribute_tensor(values(1, 4, 3), other, [Shard(0), Replicate()])
    refused(divided(values(0, 4, 3), mesh), g, "one mesh for both")


def test_state_that_no_process_has_all_of(mesh: Any) -> None:
    run = Run(ADAMW, mesh, [(4, 3)])
    run.step()
    saved, before = run.ours.state_dict(), copy.deepcopy(run.theirs.state_dict())
    with pytest.raises(ValueError, match="full_state_dict=True"):
        run.theirs.load_state_dict(saved)
    torch.testing.assert_close(run.theirs.state_dict(), before)


# Rules of whole tensors


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize(
    "configuration_of_whole",
    [Configuration("Muon", {"lr": 0.02}), Configuration("Adafactor", {"lr": 0.02})],
    ids=lambda c: c.name,
)
def test_rules_of_whole_tensors(configuration_of_whole: Configuration, dim: int, mesh: Any) -> None:
    """As one process alone, bit for bit; state that has its parameter's shape is divided as that is."""
    p, q = nn.Parameter(divided(values(0, 4, 6), mesh, dim)), nn.Parameter(values(0, 4, 6))
    ours, theirs = configuration_of_whole.ours([p]), configuration_of_whole.ours([q])
    for step in range(3):
        q.grad = values(step, 4, 6)
        p.grad = divided(q.grad, mesh, dim)
        ours.step()
        theirs.step()
    found: Any = p
    assert torch.equal(found.full_tensor(), q)
    for name, value in ours.state[p].items():
        assert torch.equal(value.full_tensor() if isinstance(value, DTensor) else value, theirs.state[q][name])
        if value.shape == p.shape:
            assert value.placements == (Shard(dim),)


# What it costs who has no DTensors


def test_torch_distributed_tensor_is_imported_by_nobody() -> None:
    code = (
        "import sys, torch, steepest; p = torch.nn.Parameter(torch.ones(2)); p.grad = torch.ones(2); "
        "o = steepest.AdamW([p]); o.step(); o.load_state_dict(o.state_dict()); o.zero_grad(); "
        "print('torch.distributed.tensor' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
