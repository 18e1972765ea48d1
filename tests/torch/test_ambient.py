"""What is set around a program for its own tensors changes no step: default devices and dtypes, modes, autocast.

A life of an optimizer (made, stepped, saved, loaded, given a group, copied, stepped on) is the same, bit for bit, with
and without the setting, during all of it or a part.
"""

import contextlib
import copy
import functools
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch.nn import Parameter

import steepest
from support.half_steps import ALL

pytestmark = pytest.mark.structure


@contextlib.contextmanager
def default_device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """New memory that is not written to is filled with NaN."""
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.utils.deterministic.fill_uninitialized_memory  # pyright: ignore[reportAttributeAccessIssue]
        yield
    finally:
        torch.use_deterministic_algorithms(False)


SETTINGS: dict[str, Callable[[], Any]] = {
    "a device around": lambda: torch.device("meta"),
    "a default device": lambda: default_device("meta"),
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "float16": lambda: default_dtype(torch.float16),
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "no gradients": lambda: torch.set_grad_enabled(False),
    "deterministic": deterministic,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}
PHASES = ("make", "first", "later", "save", "load", "add", "zero", "copy")
OPTIONS = {"SGD": {"momentum": 0.9}, "RMSprop": {"momentum": 0.9, "centered": True}, "Adam": {"amsgrad": True}}


def parameter(*shape: int) -> Parameter:
    values = torch.arange(1, 1 + torch.Size(shape).numel(), dtype=torch.float32, device="cpu")
    return Parameter(values.div(7).sin().view(shape))


def parameters(name: str) -> list[Parameter]:
    if name in ("Muon", "SparseAdam", "LBFGS"):
        return [parameter(4, 3), parameter(3, 4)]
    odd = Parameter(parameter(6, 4).detach()[:, ::2])
    return [parameter(4, 3), parameter(5), odd, Parameter(parameter(4, 3).detach().bfloat16())]


class Life:
    """The same steps with and without a setting.

    when: the phases that it surrounds.
    """

    def __init__(self, name: str, setting: str, when: tuple[str, ...]) -> None:
        self.name, self.setting, self.when = name, setting, when
        self.steps = 0
        self.optimizer: Any = None

    def phase(self, name: str) -> Any:
        return SETTINGS[self.setting]() if name in self.when else contextlib.nullcontext()

    def live(self) -> list[torch.Tensor]:
        params = parameters(self.name)
        halves = [{"params": params[:2]}, {"params": params[2:]}] if len(params) > 2 else params
        with self.phase("make"):
            self.optimizer = getattr(steepest, self.name)(halves, **OPTIONS.get(self.name, {}))
        for phase in ("first", "later", "later"):
            self.step(phase)
        with self.phase("save"):
            saved = copy.deepcopy(self.optimizer.state_dict())
        with self.phase("load"):
            self.optimizer.load_state_dict(saved)
        self.step("later")
        if self.name != "LBFGS":
            more = parameter(2, 2)
            with self.phase("add"):
                self.optimizer.add_param_group({"params": [more]})
            self.step("first")
        with self.phase("zero"):
            self.optimizer.zero_grad(set_to_none=self.name == "SparseAdam")
        for copied in (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):
            with self.phase("copy"):
                self.optimizer = copied(self.optimizer)
            self.step("later")
        self.step("afterwards")
        return self.tensors()

    def step(self, phase: str) -> None:
        params = self.params()
        if self.name == "LBFGS":
            with self.phase(phase):
                self.optimizer.step(lambda: self.loss(params))
            return
        self.steps += 1
        for i, p in enumerate(params):
            numbers = torch.arange(1, 1 + p.numel(), dtype=torch.float32, device="cpu")
            g = numbers.mul(self.steps + i).cos().view(p.shape).to(p.dtype)
            g = g.t().contiguous().t() if i == 0 and self.steps % 2 else g
            p.grad = g.to_sparse(1) if self.name == "SparseAdam" else g
        with self.phase(phase):
            self.optimizer.step()

    def loss(self, params: list[Parameter]) -> torch.Tensor:
        for p in params:
            p.grad = 2 * p.detach()
        return sum((p.detach() * p.detach()).sum() for p in params)  # type: ignore[return-value]

    def params(self) -> list[Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def tensors(self) -> list[torch.Tensor]:
        found: list[Any] = []
        for p in self.params():
            found.append(p.detach())
            for value in self.optimizer.state.get(p, {}).values():
                found += value if isinstance(value, list) else [value]
        return [one.detach() for one in found if isinstance(one, torch.Tensor)]


@functools.cache
def undisturbed(name: str) -> list[torch.Tensor]:
    return Life(name, "", ()).live()


WHEN = {"all the time": PHASES, "at first": ("make", "first", "add"), "later": ("later", "load", "zero")}
_PARTS = ("a device around", "inference_mode")  # where it matters most what was made in them
CASES = [
    pytest.param(setting, when, marks=[] if when == "all the time" or setting in _PARTS else pytest.mark.exhaustive)
    for setting in SETTINGS
    for when in WHEN
]


@pytest.mark.parametrize(("setting", "when"), CASES)
@pytest.mark.parametrize("name", [*ALL, "Lion"])
def test_a_life_in_a_setting_is_the_same(name, setting, when):
    # a parameter that is made or copied in inference_mode may never be written to elsewhere, says torch
    phases = tuple(one for one in WHEN[when] if setting != "inference_mode" or one != "copy")
    found, expected = Life(name, setting, phases).live(), undisturbed(name)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.device == other.device
        if setting == "float64":  # in which torch counts there, and numbers are rounded less
            assert one.dtype == other.dtype or one.numel() == 1
            torch.testing.assert_close(one.to(other.dtype), other)
        else:
            assert one.dtype == other.dtype
            assert torch.equal(one, other)
        assert not one.is_inference()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", [name for name in ALL if name not in ("LBFGS", "Muon", "SparseAdam")])
def test_numbers_have_the_dtype_that_torch_gives_them(name, dtype):
    kinds = []
    for lib in (steepest, torch.optim):
        p = parameter(4, 3)
        optimizer = getattr(lib, name)([p])
        p.grad = torch.ones_like(p)
        with default_dtype(dtype):
            optimizer.step()
        kinds.append({key: value.dtype for key, value in optimizer.state[p].items() if value.dim() == 0})
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("setting", [one for one in SETTINGS if one != "inference_mode"])
@pytest.mark.parametrize("rule", ["adam", "nadam", "rprop", "asgd", "muon"])
def test_the_functional_form_is_the_same(rule, setting):
    def run(around: Any) -> Any:
        p, g = parameter(4, 3).detach(), parameter(4, 3).detach().cos()
        with around:
            form = steepest.functional(getattr(steepest.rules, rule))
            state = form.init(p)
            for _ in range(3):
                p, state = form.update(p, g, state)
        return p, state

    (p, state), (q, expected) = run(SETTINGS[setting]()), run(contextlib.nullcontext())
    torch.testing.assert_close(p, q, rtol=0, atol=0)
    torch.testing.assert_close(state, expected, rtol=0, atol=0)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("scheduler", ["StepLR", "OneCycleLR", "CosineAnnealingLR", "ReduceLROnPlateau"])
def test_schedulers_are_the_same(scheduler, setting):
    arguments: dict[str, Any] = {
        "StepLR": {"step_size": 2}, "OneCycleLR": {"max_lr": 1.0, "total_steps": 9}, "CosineAnnealingLR": {"T_max": 5},
        "ReduceLROnPlateau": {"patience": 0},
    }  # fmt: skip

    def run(around: Any) -> list[float]:
        p = parameter(3)
        p.grad = torch.ones_like(p)
        optimizer, rates = steepest.Adam([p], lr=torch.tensor(0.1, dtype=torch.float64)), []
        with around:
            schedule = getattr(steepest.lr_scheduler, scheduler)(optimizer, **arguments[scheduler])
            for _ in range(4):
                optimizer.step()
                schedule.step(*([1.0] if scheduler == "ReduceLROnPlateau" else []))
                rates.append(float(optimizer.param_groups[0]["lr"]))
        return rates

    assert run(SETTINGS[setting]()) == run(contextlib.nullcontext())
