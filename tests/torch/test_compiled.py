"""A compiled train step: the numbers of the uncompiled one, and nothing of ours is traced."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

import steepest
from support.nets import loss_of, net

compiler = pytest.importorskip("torch._dynamo", reason="this build of torch has no compiler")
SRC = str(Path(steepest.__file__).parent)
STEPS = 4
Step = Callable[[], Any]


@pytest.fixture(autouse=True)
def _nothing_compiled_before() -> Iterator[None]:
    compiler.reset()
    yield
    compiler.reset()


def usual(model: nn.Module, optimizer: Any) -> Step:
    """As most programs train."""

    def step() -> None:
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()

    return step


def adamw(lib: Any, model: nn.Module) -> Step:
    return usual(model, lib.AdamW(model.parameters(), lr=0.1))


def of_several_groups(lib: Any, model: nn.Module) -> Step:
    weights, others = ([p for p in model.parameters() if (p.dim() > 1) == is_weight] for is_weight in (True, False))
    optimizer = lib.SGD([{"params": weights, "weight_decay": 0.1}, {"params": others}], lr=0.1, momentum=0.9)

    def step() -> None:
        loss_of(model).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    return step


def of_whole_tensors(lib: Any, model: nn.Module) -> Step:
    return usual(model, lib.Adafactor(model.parameters()))


def with_a_closure(lib: Any, model: nn.Module) -> Step:
    optimizer = lib.RMSprop(model.parameters(), lr=0.01)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        return loss

    return lambda: optimizer.step(closure)


def lbfgs(lib: Any, model: nn.Module) -> Step:
    trained = [p for name, p in model.named_parameters() if name[0].isdigit()]
    optimizer = lib.LBFGS(trained, max_iter=3, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        return loss

    return lambda: optimizer.step(closure)


def with_a_scheduler(make: Callable[[Any, Any], Any]) -> Callable[[Any, nn.Module], Step]:
    def train(lib: Any, model: nn.Module) -> Step:
        optimizer = lib.Adam(model.parameters(), lr=0.1)
        scheduler = make(lib, optimizer)

        def step() -> None:
            optimizer.zero_grad()
            loss_of(model).backward()
            optimizer.step()
            scheduler.step()

        return step

    return train


TRAINING: dict[str, Callable[[Any, nn.Module], Step]] = {
    "AdamW": adamw,
    "groups, clipping": of_several_groups,
    "Adafactor": of_whole_tensors,
    "a closure": with_a_closure,
    "LBFGS": lbfgs,
    "StepLR": with_a_scheduler(lambda lib, o: lib.lr_scheduler.StepLR(o, 1, 0.5)),
    "OneCycleLR": with_a_scheduler(lambda lib, o: lib.lr_scheduler.OneCycleLR(o, 0.2, total_steps=10)),
    "warm restarts": with_a_scheduler(lambda lib, o: lib.lr_scheduler.CosineAnnealingWarmRestarts(o, 3)),
    "SWALR": with_a_scheduler(lambda lib, o: lib.swa_utils.SWALR(o, 0.01, 3)),
    "SequentialLR": with_a_scheduler(
        lambda lib, o: lib.lr_scheduler.SequentialLR(
            o, [lib.lr_scheduler.LinearLR(o, 0.5, total_iters=2), lib.lr_scheduler.ExponentialLR(o, 0.5)], [2]
        )
    ),
}


def trained(lib: Any, train: Callable[[Any, nn.Module], Step], *, is_compiled: bool) -> list[torch.Tensor]:
    """The parameters after some steps."""
    model = net()
    step = train(lib, model)
    step = torch.compile(step, backend="eager") if is_compiled else step
    for _ in range(STEPS):
        step()
    return [p.detach().clone() for p in model.parameters()]


def traced_of_ours() -> list[str]:
    """Our functions among those that the compiler looked at."""
    codes = [reference() for reference in compiler.convert_frame.input_codes.seen]
    return [code.co_qualname for code in codes if code is not None and code.co_filename.startswith(SRC)]


@pytest.mark.parametrize("train", TRAINING.values(), ids=TRAINING)
def test_a_compiled_train_step(train: Callable[[Any, nn.Module], Step]) -> None:
    found = trained(steepest, train, is_compiled=True)
    assert traced_of_ours() == []
    torch.testing.assert_close(found, trained(torch.optim, train, is_compiled=False))


@pytest.mark.filterwarnings("ignore")  # torch warns of itself while it traces its own optimizers
@pytest.mark.parametrize("train", [of_several_groups, TRAINING["StepLR"]], ids=["SGD", "Adam, StepLR"])
def test_the_compiler_looks_at_no_more_functions_than_with_torchs_optimizer(
    train: Callable[[Any, nn.Module], Step],
) -> None:
    frames = []
    for lib in (steepest, torch.optim):
        compiler.reset()
        compiler.utils.counters.clear()
        trained(lib, train, is_compiled=True)
        frames.append(compiler.utils.counters["frames"]["total"])
    assert frames[0] <= frames[1]


def test_a_step_that_is_compiled_alone() -> None:
    models = []
    for lib in (torch.optim, steepest):
        model = net()
        optimizer = lib.NAdam(model.parameters(), lr=0.1)
        step = torch.compile(optimizer.step, backend="eager") if lib is steepest else optimizer.step
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss_of(model).backward()
            step()
        models.append(model)
    assert traced_of_ours() == []
    torch.testing.assert_close(*([*model.parameters()] for model in models))


def test_what_is_compiled_stays_so_inside_a_closure() -> None:
    """The barrier around our step ends where something else begins that its user compiled."""
    graphs: list[Any] = []

    def count(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    model = net()
    loss = torch.compile(lambda: loss_of(model), backend=count)
    optimizer: Any = steepest.SGD(model.parameters(), lr=0.1)
    for step in (lambda: optimizer.step(loss), torch.compile(lambda: optimizer.step(loss), backend="eager")):
        compiler.reset()
        graphs.clear()
        step()
        assert len(graphs) == 1


def test_checkpoints_and_groups_in_a_compiled_function() -> None:
    layer = nn.Linear(2, 3)
    optimizer = steepest.Adam([layer.weight], lr=0.1)

    @torch.compile(backend="eager")
    def change() -> Any:
        optimizer.add_param_group({"params": [layer.bias]})
        optimizer.load_state_dict(optimizer.state_dict())
        return optimizer.last_step_skipped

    assert change() is False
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 1]
    assert traced_of_ours() == []


METHODS = ("step", "zero_grad", "state_dict", "load_state_dict", "add_param_group")
NAMES = {name: module for module in (torch.optim, torch.optim.lr_scheduler) for name in module.__all__}
CLASSES = [vars(module)[name] for name, module in NAMES.items() if isinstance(vars(module)[name], type)]


@pytest.mark.parametrize("theirs", CLASSES, ids=lambda found: found.__name__)
def test_no_method_of_ours_is_traced(theirs: type) -> None:
    ours = getattr(steepest if issubclass(theirs, torch.optim.Optimizer) else steepest.lr_scheduler, theirs.__name__)
    for method in METHODS[: 1 if issubclass(ours, LRScheduler) else None]:
        assert (
            getattr(ours, method, None) is getattr(theirs, method, None) or getattr(ours, method)._torchdynamo_disable
        )
