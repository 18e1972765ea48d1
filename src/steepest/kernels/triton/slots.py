"""The small kernel before the fused one: steps are counted and the numbers of a step computed, where the tensors are.

    adam_slots(rows, hyperparameters, found_inf, grad_scale, scalars, clocks, count): one thread for each row of
        address of the step count, whether it is a float64, which states are new (one bit each),
        for each state that is one number: its address, whether it is a float64
    writes the row of scalars that the fused kernel reads.  The hyperparameters are words (`given.py`); clocks are how
    many steps the schedules of each row have seen, where there are any.

In float64, as on the host.  A step along gradients that are not finite (found_inf is not 0) is marked and not counted.
So one way serves eager steps, graphs, GradScaler, and rows whose steps differ, and nobody waits for the device.
"""

import ast
import functools
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from steepest.compiler.expression import Expression, FirstStep, Name, rebuilt
from steepest.compiler.host import used
from steepest.compiler.program import Program
from steepest.compiler.python import SPELLINGS, Spellings, call
from steepest.compiler.python import text as python_text
from steepest.kernels.backend import Row
from steepest.kernels.triton import columns
from steepest.kernels.triton.columns import LANES
from steepest.kernels.triton.given import BY_ADDRESS, Kind
from steepest.kernels.triton.schedules import expression_of
from steepest.kernels.triton.text import spelled

STEP, STEP_IS_DOUBLE, UNINITIALIZED, NUMBERS = range(4)
"""Columns of a row; the numbers follow, two columns each."""

ARGUMENTS: Mapping[str, str] = {
    "rows_": "*i64", "hyperparameters_": "*fp64", "found_inf_": "*fp32", "grad_scale_": "*fp32", "scalars_": "*real",
    "clocks_": "*i64", "count_": "i32",
}  # fmt: skip

OPERATIONS: Spellings = {
    **SPELLINGS,
    **spelled("sqrt", "exp", "log", "sign", "maximum", "minimum", "where", "cos", "floor"),
    "truediv": lambda x, y: call("divide_", x, y),
    "pow": lambda x, y: call("power_", x, y),
    "neg": lambda x: call("negative_", x),
    "pos": lambda x: x,
    "abs": lambda x: call("tl_.abs", x),
    "not_": lambda x: call("falsehood_", x),
    "if_else": lambda test, first, second: call("where_", test, first, second),
    "logical_and": lambda *parts: functools.reduce(lambda x, y: call("where_", x, y, x), parts),
    "logical_or": lambda *parts: functools.reduce(lambda x, y: call("where_", x, x, y), parts),
    "full_like": lambda _, value: value,
}
"""Operation -> its spelling; numbers are float64, truth is a bit or a number that is not 0."""


def _constant(value: Any) -> ast.expr:
    return call("number_", ast.Constant(float(value)))


def table(program: Program, rows: Sequence[Row]) -> np.ndarray:
    """The rows as the kernel reads them, and writes that states are new no longer."""
    bits = {name: 1 << bit for bit, name in enumerate(program.uninitialized)}
    found = [
        [row.step, row.step_is_double, sum(bits[name] for name in row.uninitialized), *chain(*row.scalar_states)]
        for row in rows
    ]
    return np.array(found, dtype=np.int64)


def name_of(program: Program) -> str:
    """What the kernel is called."""
    return f"{program.rule.name}_slots"


def text(program: Program, real: str, kinds: Sequence[Kind] = ()) -> str:
    """The kernel as text.

    real: the dtype of the scalars.  kinds: what the words of the hyperparameters are; without them each is a number.
    """
    writer = _Writer(program, real, kinds)
    lines = [*writer.row(), *writer.hyperparameters(), *writer.host(), *writer.written(), *writer.counted()]
    head = f"def {name_of(program)}({', '.join(ARGUMENTS)}):"
    return "\n".join([head, *(f"    {line}" for line in lines)]) + "\n"


class _Writer:
    def __init__(self, program: Program, real: str, kinds: Sequence[Kind]) -> None:
        self.program, self.real, self.kinds = program, real, kinds
        self.has_clock = any(hasattr(kind, "_at") for kind in kinds)
        self.width = NUMBERS + 2 * len(program.scalar_states)

    def row(self) -> list[str]:
        lines = [
            f"row_ = tl_.program_id(0) * {LANES} + tl_.arange(0, {LANES})",
            "inside_ = row_ < count_",
            f"row_at_ = rows_ + row_.to(tl_.int64) * {self.width}",
            "all_ = row_ * 0  # what is the same for all rows is read by each, so that every number is a block",
            "is_taken_ = tl_.load(found_inf_ + all_) == 0",
            f"uninitialized_ = tl_.load(row_at_ + {UNINITIALIZED}, mask=inside_, other=0)",
        ]
        asked = enumerate(self.program.uninitialized)
        lines += [f"is_new_{name}_ = (uninitialized_ >> {bit}) & 1 != 0" for bit, name in asked]
        if self.program.rule.counts:
            lines += [*self._loaded("step", STEP), "step = step + 1.0"]
        if self.has_clock:
            lines.append("clock_ = tl_.load(clocks_ + row_, mask=inside_, other=0).to(tl_.float64)")
        for place, name in enumerate(self.program.scalar_states):
            lines += self._loaded(name, NUMBERS + 2 * place)
        return lines

    def _loaded(self, name: str, column: int) -> list[str]:
        """A number of float64 or float32, at an address that may be missing."""
        return [
            f"{name}_at_ = tl_.load(row_at_ + {column}, mask=inside_, other=0)",
            f"{name}_double_ = inside_ & (tl_.load(row_at_ + {column + 1}, mask=inside_, other=0) != 0)",
            f"{name}_float_ = inside_ & ({name}_at_ != 0) & (~{name}_double_)",
            f"{name}_to_ = {name}_at_.to(tl_.pointer_type(tl_.float64), bitcast=True)",
            f"{name}_to_float_ = {name}_at_.to(tl_.pointer_type(tl_.float32), bitcast=True)",
            f"{name} = tl_.load({name}_to_, mask={name}_double_, other=0.0)",
            f"{name} = {name} + tl_.load({name}_to_float_, mask={name}_float_, other=0.0).to(tl_.float64)",
        ]

    def hyperparameters(self) -> list[str]:
        lines, place = [], 0
        for name, default in used(self.program).items():
            count = len(default) if isinstance(default, tuple) else 1
            found = [self._word(place + i) for i in range(count)]
            lines.append(f"{name} = {', '.join(found)}" if isinstance(default, tuple) else f"{name} = {found[0]}")
            place += count
        return [*lines, f"direction_ = tl_.load(hyperparameters_ + all_ + {place})  # -1 to maximize"]

    def _word(self, place: int) -> str:
        kind, at = self.kinds[place] if self.kinds else None, f"hyperparameters_ + all_ + {place}"
        if kind in BY_ADDRESS:
            address = f"tl_.load(({at}).to(tl_.pointer_type(tl_.int64), bitcast=True))"
            return f"tl_.load({address}.to(tl_.pointer_type(tl_.{kind}), bitcast=True)).to(tl_.float64)"
        number = f"tl_.load({at})"
        return f"{number} * ({self._spelled(expression_of(kind, Name('clock_')))})" if kind is not None else number

    def host(self) -> list[str]:
        return [f"{', '.join(line.targets)} = {self._spelled(line.value)}" for line in self.program.host]

    def _spelled(self, value: Expression) -> str:
        def change(node: Expression) -> Expression | None:
            if isinstance(node, FirstStep):
                return Name(f"is_new_{node.state}_")
            return None

        return python_text(rebuilt(value, change), OPERATIONS, _constant)

    def written(self) -> list[str]:
        width = columns.SLOTS + len(self.program.slots)
        numbers = {
            columns.GRADIENT_SCALE: "direction_ / tl_.load(grad_scale_ + all_).to(tl_.float64)",
            columns.IS_SKIPPED: "1.0 - is_taken_.to(tl_.float64)",
        }
        numbers |= {columns.SLOTS + i: self._spelled(slot) for i, slot in enumerate(self.program.slots)}
        lines = [f"scalars_at_ = scalars_ + row_.to(tl_.int64) * {width}"]
        return lines + [
            f"tl_.store(scalars_at_ + {place}, ({number}).to(tl_.{self.real}), mask=inside_)"
            for place, number in numbers.items()
        ]

    def counted(self) -> list[str]:
        """What is written back where the step is taken."""
        program = self.program
        results = dict(zip(program.scalar_states, program.results, strict=True))
        after = {name: self._spelled(value) for name, value in results.items()}
        after |= {"step": "step"} if program.rule.counts else {}
        lines = []
        for name, value in after.items():
            new = f"after_{name}_"
            lines += [
                f"{new} = {value}",
                f"tl_.store({name}_to_, {new}, mask={name}_double_ & is_taken_)",
                f"tl_.store({name}_to_float_, {new}.to(tl_.float32), mask={name}_float_ & is_taken_)",
            ]
        if self.has_clock:
            lines.append("tl_.store(clocks_ + row_, clock_.to(tl_.int64) + 1, mask=inside_ & is_taken_)")
        if program.uninitialized:
            lines.append(f"tl_.store(row_at_ + {UNINITIALIZED}, uninitialized_ * 0, mask=inside_ & is_taken_)")
        return lines
