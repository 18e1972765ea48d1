"""Law: the numbers of a step are those that the host computes, to the bit in float32, in every row of a table.

Steps, numbers that are kept, and what is left alone where GradScaler found gradients that are not finite.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")

from steepest import rules, schedules
from steepest.compiler.host import scalars
from steepest.compiler.program import Program, program
from steepest.compiler.rule import read
from steepest.kernels.backend import Row
from steepest.kernels.triton import columns, functions, slots
from steepest.kernels.triton.interpreted import launch
from steepest.kernels.triton.machine_code import compiled
from steepest.kernels.triton.target import Target
from support.configurations import TABLE, Configuration

STEPS = [0.0, 1.0, 2.0, 3.0, 9.0, 99.0, 12_345.0]


class Device:
    """What lies on the device for rows with these step counts; numbers are 0.75 there, new at the first step."""

    def __init__(self, found: Program, real: str = "float32", schedules: Mapping[str, Any] | None = None) -> None:
        self.program = found
        self.steps = np.array(STEPS, np.float32)
        self.numbers = np.full((len(STEPS), max(1, len(found.scalar_states))), 0.75)
        rows = [self._row(place) for place in range(len(STEPS))]
        self.table = slots.table(found, rows)
        self.scalars = np.full((len(STEPS), columns.SLOTS + len(found.slots)), -7, getattr(np, real))
        self.kernel = functions.interpreted(slots.text(found, real, schedules), slots.name_of(found))

    def _row(self, place: int) -> Row:
        names = self.program.scalar_states
        return Row(
            0, 0, (), self.steps[place:].ctypes.data if self.program.rule.counts else 0, False,
            frozenset(self.program.uninitialized if not STEPS[place] else ()),
            tuple((self.numbers[place, i:].ctypes.data, True) for i in range(len(names))),
        )  # fmt: skip

    def step(self, h: Mapping[str, Any], *, maximize: bool = False, found_inf: float = 0, scale: float = 1) -> None:
        values = np.array([*slots.values(self.program, h), -1.0 if maximize else 1.0])
        amp = [np.array([one], np.float32) for one in (found_inf, scale)]
        with np.errstate(all="ignore"):
            launch(self.kernel, 1, self.table, values, *amp, self.scalars, len(STEPS))


def expected(found: Program, h: Mapping[str, Any], step: float) -> tuple[list[float], list[float]]:
    """The slots and the new numbers of a row with this step count, from the host's own function."""
    new = frozenset(found.uninitialized if not step else ())
    values = scalars(found)(h, step + 1, new, [0.75] * len(found.scalar_states))
    return [*map(float, values[: len(found.slots)])], [*values[len(found.slots) :]]


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
    device = Device(found, schedules={"lr": schedule})
    for step in range(55):
        device.step(rule.hyperparameters)
        np.testing.assert_array_equal(device.scalars[:, columns.SLOTS], np.float32(schedule(step)))
        if step == 20:  # nor does it go on where a step is left out
            device.step(rule.hyperparameters, found_inf=1.0)


def test_one_of_several_numbers_may_be_a_schedule() -> None:
    rule = read(rules.lion)
    found, beta = program(rule, rule.hyperparameters), schedules.linear(0.5, 0.9, 4)
    device = Device(found, schedules={"betas": (beta, 0.99)})
    for step in range(3):
        device.step(rule.hyperparameters)
        now = rule.hyperparameters | {"betas": (beta(step), 0.99)}
        assert_rows(device, now, np.float32)


def test_a_schedule_that_asks_for_its_step_is_refused() -> None:
    class Own(schedules.Schedule):
        def _at(self, step: Any, lib: Any) -> Any:
            return 1.0 if step < 3 else 0.5

    rule = read(rules.sgd)
    with pytest.raises(TypeError, match="a step inside a graph cannot answer"):
        slots.text(program(rule, rule.hyperparameters), "float32", {"lr": Own()})


@pytest.mark.parametrize("target", [Target("cuda", 90), Target("cuda", 80), Target("hip", "gfx942")], ids=str)
@pytest.mark.parametrize("name", ["nadam", "radam", "asgd", "adam", "sgd", "rprop", "lion"])
def test_it_is_compiled(name: str, target: Target, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    rule = read(getattr(rules, name))
    found = program(rule, rule.hyperparameters)
    for scheduled in ({}, {"lr": ALL["warmup"]}):
        code = compiled(
            slots.text(found, "float32", scheduled), slots.name_of(found), slots.ARGUMENTS, "float32", target
        )
        assert code.asm
