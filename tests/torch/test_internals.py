"""Without any private name of torch the results are the same, and those names stand in one file."""

import ast
import importlib.machinery
import importlib.util
import re
import sys
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as torchs
from torch.optim import swa_utils
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

import steepest
from steepest.torch import fallbacks, internals
from support.pretending import found_here, found_without, pretend

SRC = Path(steepest.__file__).parent
FOLDER = Path(internals.__file__).parent


def without(*names: str) -> Any:
    """A second copy of what is in the folder internals, made as if torch had not these names."""
    spec = importlib.machinery.ModuleSpec("internals_again", None)
    copy = importlib.util.module_from_spec(spec)
    pretend(copy, {*names})
    for file in ("finding", "compiling", *sorted(path.stem for path in FOLDER.glob("[!_]*.py"))):
        exec(compile(_without_imports_of_each_other(FOLDER / f"{file}.py"), file, "exec"), vars(copy))
    return copy


def _without_imports_of_each_other(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text())
    theirs = (isinstance(one, ast.ImportFrom) and str(one.module).startswith(internals.__name__) for one in tree.body)
    tree.body = [one for one, is_theirs in zip(tree.body, theirs, strict=True) if not is_theirs]
    return tree


def differs(copy: ModuleType, name: str) -> bool:
    return getattr(copy, name) is not getattr(internals, name)


# Tensors


def test_increment_version() -> None:
    copy = without("_increment_version")
    assert copy.increment_version is torch.autograd.graph.increment_version
    tensors = [torch.zeros(2), torch.zeros(3)]
    copy.increment_version(tensors)
    assert [tensor._version for tensor in tensors] == [1, 1]


def test_gradient_of() -> None:
    copy = without("grad")
    assert differs(copy, "gradient_of")
    p = torch.nn.Parameter(torch.zeros(2))
    assert copy.gradient_of(p) is None
    p.grad = torch.ones(2)
    assert copy.gradient_of(p) is p.grad is internals.gradient_of(p)


def test_numbers_of_tensors() -> None:
    copy = without("_dispatch_keys", "_cdata")
    assert copy.keys_of is copy.tensor_of is None
    assert internals.keys_of is not None
    assert internals.tensor_of is not None


def test_streams_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    copy = without("_cuda_getCurrentRawStream")
    streams = {0: 0, 1: 77}
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: SimpleNamespace(cuda_stream=streams[device]))
    assert [copy.raw_stream(device) for device in streams] == [0, 77]


def test_division_of_many() -> None:
    copy = without("_foreach_div_")
    assert differs(copy, "divide_each")
    for one in (copy, internals):
        tensors = [torch.full((2,), 3.0), torch.full((3,), 6.0, dtype=torch.float16)]
        one.divide_each(tensors, torch.tensor(4.0))
        assert [t.tolist() for t in tensors] == [[0.75] * 2, [1.5] * 3]


def freed() -> torch.Tensor:
    tensor = torch.zeros(3)
    tensor.untyped_storage().resize_(0)
    return tensor


STRIDED: dict[str, Callable[[], torch.Tensor]] = {
    "plain": lambda: torch.zeros(3),
    "part of another": lambda: torch.zeros(4, 3)[1:, ::2],
    "empty": lambda: torch.zeros(0),
    "of no dimension": lambda: torch.zeros(()),
    "zeros of autograd": lambda: torch._efficientzerotensor((3,)),  # pyright: ignore[reportPrivateImportUsage]
    "freed": freed,
    "conjugated": lambda: torch.zeros(3, dtype=torch.complex64).conj(),
    "negated": lambda: torch._neg_view(torch.zeros(3)),  # pyright: ignore[reportPrivateImportUsage]
    "meta": lambda: torch.zeros(3, device="meta"),
}


@pytest.mark.parametrize("make", STRIDED.values(), ids=STRIDED)
def test_is_zero_tensor(make: Callable[[], torch.Tensor], request: pytest.FixtureRequest) -> None:
    copy = without("_is_zerotensor")
    assert differs(copy, "is_zero_tensor")
    if request.node.callspec.id == "meta":
        pytest.skip("asked of tensors of the CPU alone: those of meta have no address either")
    assert copy.is_zero_tensor(make()) == internals.is_zero_tensor(make())
    assert copy.is_itself(make()) == internals.is_itself(make())


def test_the_parts_of_a_sparse_gradient() -> None:
    gradient = torch.sparse_coo_tensor(
        torch.tensor([[2, 0], [1, 1]]), torch.tensor([1.0, 3.0]), (3, 2), check_invariants=True
    )
    indices, values = without("_indices"), without("_values")
    assert differs(indices, "indices_of")
    assert differs(values, "values_of")
    assert sorted(indices.indices_of(gradient).T.tolist()) == sorted(internals.indices_of(gradient).T.tolist())
    assert sorted(values.values_of(gradient).tolist()) == sorted(internals.values_of(gradient).tolist())
    outside = torch.sparse_coo_tensor(torch.tensor([[7]]), [1.0], (3,), check_invariants=False)
    assert indices.indices_of(outside).tolist() == [[7]]


def test_storage_of() -> None:
    copy, whole = without("_cdata"), torch.zeros(4)
    for module in (copy, internals):
        assert module.storage_of(whole) == module.storage_of(whole[2:])
        assert module.storage_of(whole) != module.storage_of(torch.zeros(4))
    copy.storage_of(STRIDED["zeros of autograd"]())
    copy.storage_of(STRIDED["meta"]())


# Distributed tensors


def divided() -> Iterator[Any]:
    """A DTensor of this process alone."""
    from torch.distributed import HashStore  # pyright: ignore[reportPrivateImportUsage]
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    torch.distributed.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    yield distribute_tensor(torch.ones(3), init_device_mesh("cpu", (1,)), [Shard(0)])
    torch.distributed.destroy_process_group()


def test_shards_and_placements() -> None:
    for tensor in divided():
        copy = without("_local_tensor")
        assert copy.shard_getter(type(tensor)) is fallbacks.shard_of
        assert internals.shard_getter(type(tensor))(tensor) is fallbacks.shard_of(tensor)
        copy = without("_spec")
        assert copy.placement_getter(type(tensor)) is fallbacks.placement_of
        assert fallbacks.placement_of(tensor) == fallbacks.placement_of(tensor.clone())
        assert internals.placement_getter(type(tensor))(tensor).placements == fallbacks.placement_of(tensor)[1]
        assert copy.order_of_shards(tensor) is None
        assert without("shard_order").order_of_shards(tensor) is None


# Modes


def test_modes_that_replace_operations() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    for name in ("_len_torch_dispatch_stack", "_len_torch_function_stack"):
        copy = without(name)
        assert copy.modes() or copy.function_modes(), "looks at every step"
        assert not copy.are_operations_replaced()
    for copy in (without("_get_dispatch_mode"), internals):
        assert not copy.are_operations_replaced()
        with FakeTensorMode():
            assert copy.are_operations_replaced()


# torch.compile


def test_torch_says_the_same_of_a_function_that_it_is_to_leave_alone() -> None:
    """If this fails, look what torch.compiler.disable does to a function, and have `never_traced` do that."""
    assert vars(torch.compiler.disable(lambda: None))["_torchdynamo_disable"] is True


def test_never_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    copy = without("nothing")
    assert copy.never_traced(lambda: 3)() == 3


@pytest.mark.parametrize("name", ["_FrameExecStrategy", "set_code_exec_strategy", "SKIP"])
def test_never_traced_without_what_says_it_of_code(name: str) -> None:
    compiler = pytest.importorskip("torch._dynamo", reason="this build of torch has no compiler")
    compiler.reset()

    def inner() -> int:
        return 3

    def outer() -> int:
        return inner()

    assert torch.compile(without(name).never_traced(outer), backend="eager")() == 3
    traced = {reference() for reference in compiler.convert_frame.input_codes.seen}
    assert not traced & {outer.__code__, inner.__code__}


# Trees

Pair = namedtuple("Pair", "a b")
TREES: dict[str, Any] = {
    "a leaf": 1,
    "a list": [1, 2, [3]],
    "a dictionary": {"b": 1, "a": {"c": (2, 3)}},
    "None": (None, [1]),
    "a named tuple": Pair(1, [2, 3]),
    "an ordered dictionary": OrderedDict(b=1, a=2),
    "a default dictionary": defaultdict(list, a=1),
    "nothing": [],
}


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_trees(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = internals.map_tree(lambda leaf: {"of": leaf}, tree)
    expected = internals.map_tree(lambda leaf, below: (leaf, below), tree, other)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    found = without("nothing").map_tree(lambda leaf, below: (leaf, below), tree, other)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("other", [[1], {"a": 1}, [1, (2,)], (1, 2), 1], ids=str)
def test_trees_that_are_not_the_same(other: Any) -> None:
    for map_tree in (internals.map_tree, fallbacks.map_tree):
        with pytest.raises(ValueError):  # noqa: PT011 - pytree's words differ from ours
            map_tree(lambda *leaves: leaves, [1, [2]], other)


# Optimizers


@pytest.fixture
def everywhere() -> Iterator[list[str]]:
    """What hooks of all optimizers saw."""
    seen: list[str] = []
    handles = [
        register_optimizer_step_pre_hook(lambda *_: seen.append("before all")),
        register_optimizer_step_post_hook(lambda *_: seen.append("after all")),
    ]
    yield seen
    for handle in handles:
        handle.remove()


def stepped_with_hooks(module: Any, seen: list[str]) -> tuple[Any, list[str]]:
    class Halving(module.QuickOptimizer):
        def _step(self, closure: Any = None) -> Any:
            for p in self.param_groups[0]["params"]:
                p.data.mul_(0.5)
            return closure() if closure else None

        step = module.hooked(_step)

    p = torch.nn.Parameter(torch.ones(1))
    optimizer = Halving([p], {})
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("before") or ((o, lambda: 5), {}))
    optimizer.register_step_post_hook(lambda *_: seen.append("after"))
    with torch.profiler.profile() as profiled:
        returned = [optimizer.step(), optimizer.step(lambda: 3)]
    names = {event.key for event in profiled.key_averages() if event.key.startswith("Optimizer.step")}
    return (returned, p.item(), names), seen[:]


@pytest.mark.parametrize("name", ["_profiler_enabled", "profile_hook_step", "__wrapped__"])
def test_hooks_and_the_profiler(name: str, everywhere: list[str]) -> None:
    expected = stepped_with_hooks(internals, everywhere)
    everywhere.clear()
    assert stepped_with_hooks(without(name), everywhere) == expected
    assert expected[1] == ["before all", "before", "after", "after all"] * 2


def test_hooks_under_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if torch kept them elsewhere, where only its own wrapper finds them."""
    copy, seen = without("profile_hook_step"), []
    p = torch.nn.Parameter(torch.ones(1))

    class Nothing(copy.QuickOptimizer):
        step = copy.hooked(lambda self, closure=None: None)

    optimizer = Nothing([p], {})
    optimizer.moved = optimizer.__dict__.pop("_optimizer_step_pre_hooks")

    def register(hook: Callable[..., Any]) -> Any:
        handle = torch.utils.hooks.RemovableHandle(optimizer.moved)
        optimizer.moved[handle.id] = hook
        return handle

    optimizer.register_step_pre_hook = register
    optimizer.register_step_pre_hook(lambda *_: seen.append("before"))
    optimizer.step()
    assert seen == ["before"]


# All at once

PROGRAM = """
import torch, steepest
from steepest import lr_scheduler, swa_utils
from steepest.torch import internals
from torch.optim.lr_scheduler import LRScheduler

for name in ("_initial_step", "_update_lr"):
    if name in MISSING:
        delattr(internals.Scheduler, name)

found = {}
def run(title, optimizer, scheduler=None, closure=None):
    params, rates = [p for group in optimizer.param_groups for p in group["params"]], []
    for step in range(7):
        for p in params:
            p.grad = torch.full_like(p, 0.5 - 0.1 * step)
        optimizer.step(closure)
        if scheduler:
            scheduler.step()
            rates.append([*scheduler.get_last_lr(), optimizer.param_groups[0]["lr"]])
    found[title] = [[p.tolist() for p in params], rates]

def params():
    return [torch.nn.Parameter(torch.linspace(-1, 1, 6).view(2, 3)), torch.nn.Parameter(torch.ones(2))]

for name in ("SGD", "Adam", "RMSprop", "Adafactor"):
    run(name, getattr(steepest, name)(params()))
ps = params()
def closure():
    for p in ps:
        p.grad = 2 * p.detach()
    return sum((p.detach() ** 2).sum() for p in ps)
run("LBFGS", steepest.LBFGS(ps), closure=closure)
p = torch.nn.Parameter(torch.ones(4, 2))
optimizer = steepest.SparseAdam([p])
p.grad = torch.sparse_coo_tensor([[2, 0, 2]], torch.ones(3, 2), (4, 2), check_invariants=True)
optimizer.step()
found["SparseAdam"] = p.tolist()
optimizer = steepest.Adam(params())
run("before", optimizer)
other = steepest.Adam(params())
other.load_state_dict(optimizer.state_dict())
run("loaded", other)

S = lr_scheduler
class OwnLR(S.StepLR):
    def get_lr(self):
        return [group["lr"] * 0.9 for group in self.optimizer.param_groups]

def chain(o):
    return S.ChainedScheduler([S.StepLR(o, 2), S.ExponentialLR(o, 0.9)])
def sequence(o):
    return S.SequentialLR(o, [S.ConstantLR(o, 0.5, 2), S.OneCycleLR(o, 0.5, 10), S.StepLR(o, 1)], [2, 5])
SCHEDULERS = {
    "StepLR": lambda o: S.StepLR(o, 2), "LambdaLR": lambda o: S.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "CyclicLR": lambda o: S.CyclicLR(o, 0.1, 0.4, 3, cycle_momentum=False), "Own": lambda o: OwnLR(o, 2),
    "OneCycleLR": lambda o: S.OneCycleLR(o, 0.5, 12), "chain": chain, "sequence": sequence,
    "linear": lambda o: S.OneCycleLR(o, 0.5, 12, anneal_strategy="linear", three_phase=True, pct_start=0.4),
    "restarts": lambda o: S.CosineAnnealingWarmRestarts(o, 3), "SWALR": lambda o: swa_utils.SWALR(o, 0.01),
}
for name, make in SCHEDULERS.items():
    optimizer = steepest.SGD(params(), lr=0.2, momentum=0.9)
    run(name, optimizer, make(optimizer))

adam = steepest.functional(steepest.rules.adam)
tree = {"w": torch.ones(2), "rest": [torch.zeros(1)]}
new, state = adam.update(tree, {"w": torch.ones(2), "rest": [None]}, adam.init(tree))
found["functional"] = [new["w"].tolist(), new["rest"][0].tolist(), state["w"]["exp_avg"].tolist()]
found["pretends"] = internals.trees._trees is None and internals.keys_of is None
"""

NAMES = [
    "_increment_version", "grad", "_is_zerotensor", "_indices", "_values", "_cdata", "_dispatch_keys",
    "_profiler_enabled", "profile_hook_step", "__wrapped__", "torch._dynamo", "torch.utils._pytree",
    "_FrameExecStrategy", "set_code_exec_strategy", "SKIP",
    "_update_lr", "_initial_step", "_opt_called", "_get_lr_called_within_step", "_is_initial",
    "_schedulers", "_milestones", "_schedule_phases", "_anneal_func_type",
    "_local_tensor", "_spec", "_len_torch_dispatch_stack", "_len_torch_function_stack", "_get_dispatch_mode",
]  # fmt: skip


def test_without_any_private_name() -> None:
    found = found_without(NAMES, internals.__name__, PROGRAM, "-W", "error")
    expected = found_here(PROGRAM)
    assert (found.pop("pretends"), expected.pop("pretends")) == (True, False)
    assert found == expected


# Where they stand


def private_names_of_torch() -> set[str]:
    """Attributes and methods with a leading underscore of torch's optimizers, schedulers and tensors."""
    found = {name for name in dir(torch.Tensor) if re.match("_[a-z]", name)}
    for module in (sys.modules[torch.optim.Optimizer.__module__], torchs, swa_utils):
        tree = ast.parse(Path(module.__file__ or "").read_text())
        found |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr[0] == "_"}
        found |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name[0] == "_"}
    return {name for name in found if not name.startswith("__")}


def own_names(trees: list[ast.Module]) -> set[str]:
    """Private names that this library gives to something of its own."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    defined = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    stored = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    stored |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return defined | stored


def uses(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Private names that a file reads, defines or says as text, with the line, and whether they are said."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, lineno=line) | ast.FunctionDef(name=name, lineno=line) if _is_private(name):
                yield line, name, False
            case ast.Constant(value=str(name), lineno=line) if re.fullmatch(r"_[a-z]\w*|(torch|keras)\._\S+", name):
                yield line, name, True
            case ast.ImportFrom(module=str(module), names=names, lineno=line):
                yield from (
                    (line, f"{module}.{alias.name}", True) for alias in names if not module.startswith("steepest")
                )
            case ast.Import(names=names, lineno=line):
                yield from ((line, alias.name, True) for alias in names)


def _is_private(name: str) -> bool:
    return re.match("_[a-z]", name) is not None


OF_PYTHON = {"_fields", "_asdict", "_replace", "_make", "_exit", "_at_fork_reinit"}
"""Names that begin so and are documented; the last one is not, and belongs to locks since Python 3.9."""

ALSO_OURS = {"_step": "the step of an optimizer; torch uses the name for something of its own"}


def test_private_names_of_other_libraries_stand_in_one_file_each() -> None:
    files = {path: ast.parse(path.read_text()) for path in sorted(SRC.rglob("*.py"))}
    theirs, ours = private_names_of_torch() - {*ALSO_OURS}, own_names([*files.values()])
    for path, tree in files.items():
        if path.parts[-3:-1] == ("torch", "internals") or path.parts[-2:] == ("keras", "internals.py"):
            continue
        uses_torch = path.parent.name in ("torch", "lr_scheduler") or path.name in ("swa_utils.py", "on_torch.py")
        for line, name, is_said in uses(tree):
            is_foreign = name not in OF_PYTHON | ours and not is_said
            is_of_a_private_module = "._" in name or name.startswith("keras.src")
            if is_foreign or is_of_a_private_module or (uses_torch and name in theirs):
                pytest.fail(
                    f"{path.relative_to(SRC)}:{line} uses {name}, a private name of another library, which its next "
                    "release may not have. Look it up in steepest/torch/internals/ or steepest/keras/internals.py, "
                    "put there what does without it, and take it away in the test_internals.py of that library."
                )
