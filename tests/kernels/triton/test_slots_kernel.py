"""Law: the numbers of a step are those that the host computes, to the bit in float32, in every row of a table.

Steps, numbers that are kept, and what is left alone where GradScaler found gradients that are not finite.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")

from steepest import rules, schedules
from steepest.compiler.host import scalars
from steepest.compiler.program import Program, program
from steepest.compiler.rule import read
from steepest.kernels.backend import Row
from steepest.kernels.triton import columns, slots
from steepest.kernels.triton.driver import Packed
from steepest.kernels.triton.given import Given, Kind, given, several
from steepest.kernels.triton.interpreted import Interpreter
from steepest.kernels.triton.machine_code import compiled
from steepest.kernels.triton.target import Target
from support.configurations import TABLE, Configuration

STEPS = [0.0, 1.0, 2.0, 3.0, 9.0, 99.0, 12_345.0]


class Device:
    """What lies on the device for rows with these step counts; numbers are 0.75 there, new at the first step.

    kinds: what the words of the hyperparameters are; that of a schedule is 1.
    """

    def __init__(self, found: Program, real: str = "float32", kinds: Sequence[Kind] = ()) -> None:
        self.program = found
        self.steps = np.array(STEPS, np.float32)
        self.numbers = np.full((len(STEPS), max(1, len(found.scalar_states))), 0.75)
        rows = [self._row(place) for place in range(len(STEPS))]
        self.table = slots.table(found, rows)
        self.scalars = np.full((len(STEPS), columns.SLOTS + len(found.slots)), -7, getattr(np, real))
        self.clocks, self.kinds = np.zeros(len(STEPS), np.int64), kinds
        self.kernel = Interpreter().load(0, slots.text(found, real, kinds), slots.name_of(found), slots.ARGUMENTS, real)

    def _row(self, place: int) -> Row:
        names = self.program.scalar_states
        return Row(
            0, 0, (), self.steps[place:].ctypes.data if self.program.rule.counts else 0, False,
            frozenset(self.program.uninitialized if not STEPS[place] else ()),
            tuple((self.numbers[place, i:].ctypes.data, True) for i in range(len(names))),
        )  # fmt: skip

    def step(self, h: Mapping[str, Any], *, maximize: bool = False, found_inf: float = 0, scale: float = 1) -> None:
        words = given(self.program, h, "cpu", 0, is_captured=False)
        if self.kinds:
            numbers = (
                1.0 if hasattr(kind, "_at") else word for word, kind in zip(words.words, self.kinds, strict=True)
            )
            words = Given(tuple(numbers), words.kinds)
        self.launch(words.bytes(-1.0 if maximize else 1.0), found_inf, scale)

    def launch(self, words: bytes, found_inf: float = 0, scale: float = 1) -> None:
        amp = [np.array([one], np.float32) for one in (found_inf, scale)]
        arrays = [self.table, np.frombuffer(words), *amp, self.scalars, self.clocks]
        packed = Packed([*(one.ctypes.data for one in arrays), len(STEPS)])
        Interpreter().launch(self.kernel, 1, packed, 0)


def expected(found: Program, h: Mapping[str, Any], step: float) -> tuple[list[float], list[float]]:
    """The slots and the new numbers of a row with this step count, from the host's own function."""
    new = frozenset(found.uninitialized if not step else ())
    values = scalars(found)(h, step + 1, new, [0.75] * len(found.scalar_states))
    return [*map(float, values[: len(found.slots)])], [*values[len(found.slots) :]]


def kinds_of(found: Program, **kinds: Kind) -> list[Kind]:
    """What each word is where a name is a schedule, or by address; the first of several numbers alone."""
    names = [name for name, _ in several(found, found.rule.hyperparameters)]
    return [kinds.pop(name, None) for name in names]


def assert_rows(device: Device, h: Mapping[str, Any], real: Any) -> None:
    for place, step in enumerate(STEPS):
        wanted, numbers = expected(device.program, h, step)
        np.testing.assert_array_equal(device.scalars[place, columns.SLOTS :], np.array(wanted, real))
        np.testing.assert_array_equal(device.numbers[place, : len(numbers)], numbers)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_the_numbers_of_every_configuration(row: Configuration) -> None:
    device = Device(program(row.rule, row.hyperparameters))
    device.step(row.hyperparameters, maximize=row.maximize)
    assert_rows(device, row.hyperparameters, np.float32)
    assert (device.scalars[:, columns.GRADIENT_SCALE] == (-1 if row.maximize else 1)).all()
    assert (device.scalars[:, columns.IS_SKIPPED] == 0).all()
    counts = row.rule.counts
    assert device.steps.tolist() == [step + counts for step in STEPS]
    assert not device.table[:, slots.UNINITIALIZED].any()


def nadam() -> tuple[Program, dict[str, Any]]:
    rule = read(rules.nadam)
    return program(rule, rule.hyperparameters), rule.hyperparameters


def test_a_step_that_is_left_out_is_marked_and_not_counted() -> None:
    found, h = nadam()
    device = Device(found)
    before = device.table.copy()
    device.step(h, found_inf=1.0, scale=4.0)
    assert (device.scalars[:, columns.IS_SKIPPED] == 1).all()
    assert device.steps.tolist() == STEPS
    assert (device.numbers == 0.75).all()
    np.testing.assert_array_equal(device.table, before)
    device.step(h, scale=4.0)
    assert_rows(device, h, np.float32)
    assert (device.scalars[:, columns.GRADIENT_SCALE] == 0.25).all()
    assert device.steps.tolist() == [step + 1 for step in STEPS]


def test_in_float64_where_a_kernel_computes_so() -> None:
    found, h = nadam()
    device = Device(found, "float64")
    device.step(h)
    assert_rows(device, h, np.float64)


ALL = {
    "constant": schedules.constant(1e-3),
    "cosine": schedules.cosine(3e-4, 40),
    "warmup": schedules.cosine(3e-4, 40).warmup(10),
    "linear": schedules.linear(1e-3, 1e-5, 30),
    "exponential": schedules.exponential(1e-3, 0.9),
    "step": schedules.step(1e-3, 7, 0.5),
    "multi_step": schedules.multi_step(1e-3, [3, 20], 0.5),
    "one_cycle": schedules.one_cycle(1e-2, 50),
    "polynomial": schedules.polynomial(1e-3, 0.0, 30, 2.0),
    "inverse_sqrt": schedules.inverse_sqrt(1e-3, 10),
    "cyclic": schedules.cyclic(1e-3, 1e-2, 5),
    "warm_restarts": schedules.warm_restarts(1e-3, 5),
    "longer restarts": schedules.warm_restarts(1e-3, 5, factor=2),
    "wsd": schedules.wsd(1e-3, 60, 10, 20),
    "clipped": (schedules.cosine(1e-3, 30) * 0.5).clip(low=1e-4).shift(3),
}


@pytest.mark.parametrize("name", ALL)
def test_a_schedule_goes_on_inside_the_kernel(name: str) -> None:
    """55 replays: the rate is a slot of SGD, which no step count tells, so the kernel counts itself."""
    rule = read(rules.sgd)
    found, schedule = program(rule, rule.hyperparameters), ALL[name]
    device = Device(found, kinds=kinds_of(found, lr=schedule))
    for step in range(55):
        device.step(rule.hyperparameters)
        np.testing.assert_array_equal(device.scalars[:, columns.SLOTS], np.float32(schedule(step)))
        if step == 20:  # nor does it go on where a step is left out
            device.step(rule.hyperparameters, found_inf=1.0)


def test_one_of_several_numbers_may_be_a_schedule() -> None:
    rule = read(rules.lion)
    found, beta = program(rule, rule.hyperparameters), schedules.linear(0.5, 0.9, 4)
    device = Device(found, kinds=kinds_of(found, betas=beta))
    for step in range(3):
        device.step(rule.hyperparameters)
        now = rule.hyperparameters | {"betas": (beta(step), 0.99)}
        assert_rows(device, now, np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rate_is_read_where_it_lies(dtype: Any) -> None:
    rule = read(rules.nadam)
    found, rate = program(rule, rule.hyperparameters), np.array([0.25], dtype)
    device = Device(found, kinds=kinds_of(found, lr=np.dtype(dtype).name))
    names = [name for name, _ in several(found, rule.hyperparameters)]
    numbers = [float(value) for _, value in several(found, rule.hyperparameters)]
    words = tuple(rate.ctypes.data if n == "lr" else v for n, v in zip(names, numbers, strict=True))
    device.launch(Given(words, tuple(device.kinds)).bytes(1.0))
    assert_rows(device, rule.hyperparameters | {"lr": 0.25}, np.float32)


def test_a_schedule_that_asks_for_its_step_is_refused() -> None:
    class Own(schedules.Schedule):
        def _at(self, step: Any, lib: Any) -> Any:
            return 1.0 if step < 3 else 0.5

    rule = read(rules.sgd)
    found = program(rule, rule.hyperparameters)
    with pytest.raises(TypeError, match="a step inside a graph cannot answer"):
        slots.text(found, "float32", kinds_of(found, lr=Own()))


@pytest.mark.parametrize("target", [Target("cuda", 90), Target("cuda", 80), Target("hip", "gfx942")], ids=str)
@pytest.mark.parametrize("name", ["nadam", "radam", "asgd", "adam", "sgd", "rprop", "lion"])
def test_it_is_compiled(name: str, target: Target, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    rule = read(getattr(rules, name))
    found = program(rule, rule.hyperparameters)
    for scheduled in ((), kinds_of(found, lr=ALL["warmup"]), kinds_of(found, lr="float32")):
        code = compiled(
            slots.text(found, "float32", scheduled), slots.name_of(found), slots.ARGUMENTS, "float32", target
        )
        assert code.asm
