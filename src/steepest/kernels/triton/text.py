"""The fused kernel of a rule as Triton's text: one launch walks a table of tensors in device memory, a chunk a program.

    adam(table, gradients, rows, scalars): chunk c belongs to row rows[c] of the table, which has
        first chunk, elements, row of scalars, address of p, of each state
    and gradients has the addresses of the gradients.  An indexed kernel takes sparse gradients: its elements are those
    of the gradient, two more columns say which slices of the parameter they are, and how many elements each has.

Arithmetic is that of the processor's kernel, to the bit: each operation rounds by itself and none is contracted.

A chunk whose arrays are aligned is walked 16 bytes at a time, any other element by element.  Alignment is read off the
addresses in the kernel, so gradients may move from step to step.  The two ways share no index: one `arange` for both
had 11 barriers in the second.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.compiler.program import Program
from steepest.compiler.python import SPELLINGS, Spellings, assignment, call, compared
from steepest.compiler.python import text as python_text
from steepest.kernels.storage import STORAGES
from steepest.kernels.triton import columns
from steepest.kernels.triton.columns import BLOCK, LANES


@dataclass(frozen=True)
class Codec:
    """How a kernel reads and writes one storage.

    cells: Triton's dtype of a cell of each part.  encode: the operation that makes a cell of a number, or a tuple of
    them.  decode: the operation that makes a number of several cells; one is a number by itself.
    """

    cells: tuple[str, ...]
    encode: str
    decode: str = ""


CODECS: dict[str, Codec] = {
    name: Codec((name,), f"to_{name}_") for name in ("float64", "float32", "bfloat16", "float16")
}

KERNEL: Mapping[str, str] = {"table_": "*i64", "gradients_": "*i64", "rows_": "*i32", "scalars_": "*real"}
"""The arguments of a kernel, as Triton writes types; `*real` is a pointer to what the kernel computes in."""


def constant(real: str) -> Any:
    """What spells a constant in this dtype."""
    return lambda value: ast.parse(f"tl_.full((), {float(value)!r}, tl_.{real})", mode="eval").body


def spelled(*names: str) -> Spellings:
    """Operations of `operations.py`, by their names."""
    return {name: (lambda *arguments, called=f"{name}_": call(called, *arguments)) for name in names}


OPERATIONS: Spellings = {
    **SPELLINGS,
    **spelled("sqrt", "exp", "log", "sign", "maximum", "minimum", "where"),
    "truediv": lambda x, y: call("divide_", x, y),
    "neg": lambda x: call("negative_", x),
    "pos": lambda x: x,
    "abs": lambda x: call("tl_.abs", x),
    "pow": lambda x, _: ast.BinOp(x, ast.Mult(), x),  # of 2 alone: `Program` refuses other powers
    "if_else": lambda slot, first, later: call("tl_.where", compared(slot, ast.NotEq, ast.Constant(0)), first, later),
    "full_like": lambda _, value: value,
}
"""Operation -> its spelling in a kernel."""


def arithmetic(storages: Sequence[str]) -> str:
    """The dtype that a kernel over arrays so kept computes in: float64 where any of them is, else float32."""
    return "float64" if any(STORAGES[name].is_double for name in storages) else "float32"


def text(program: Program, storages: Sequence[str] = (), *, indexed: bool = False) -> str:
    """The kernel as text.

    storages: of p, g and each state; without them each is float32.
    """
    return _Kernel(program, storages or ["float32"] * len(program.arrays), indexed).text()


@dataclass(frozen=True)
class _Part:
    """One part of memory of an array: its name in the text, Triton's dtype of its cells, and their bytes."""

    name: str
    cell: str
    size: int


class _Kernel:
    def __init__(self, program: Program, storages: Sequence[str], indexed: bool) -> None:
        self.program, self.indexed, self.real = program, indexed, arithmetic(storages)
        self.storages = dict(zip(program.arrays, storages, strict=True))
        self.parts = {array: _parts(array, storage) for array, storage in self.storages.items()}
        self.all_parts = [part for parts in self.parts.values() for part in parts]
        self.vector = 16 // max(part.size for part in self.all_parts)
        """Elements of 16 bytes of the widest cells; with those of the narrowest, others cross threads by barriers."""
        in_table = [part.name for array, parts in self.parts.items() if array != "g" for part in parts]
        self.column = {name: columns.PARAMETER + place for place, name in enumerate(in_table)}
        self.index = columns.PARAMETER + len(in_table)
        self.width = self.index + 2 * indexed

    def text(self) -> str:
        head = f"def {self.program.rule.name}({', '.join(KERNEL)}):"
        one_by_one = [
            f"for at_ in range(0, tl_.minimum(left_, {BLOCK}).to(tl_.int32), {LANES}):",
            *_inside(self.tail()),
        ]
        if not self.indexed:
            one_by_one = [
                *[f"if {self.is_regular()}:", *_inside(self.regular())],
                *["else:", *_inside(one_by_one)],
            ]
        return "\n".join([head, *_inside([*self.chunk(), *self.scalars(), *self.addresses(), *one_by_one])]) + "\n"

    def chunk(self) -> list[str]:
        return [
            "chunk_ = tl_.program_id(0)",
            "tensor_ = tl_.load(rows_ + chunk_)",
            f"row_ = table_ + tensor_ * {self.width}",
            f"begin_ = (chunk_ - tl_.load(row_ + {columns.FIRST_CHUNK})) * {BLOCK}",
            f"left_ = tl_.load(row_ + {columns.ELEMENTS}) - begin_",
        ]

    def scalars(self) -> list[str]:
        slots = self.program.slots
        width = columns.SLOTS + len(slots)
        return [
            f"scalars_at_ = scalars_ + tl_.load(row_ + {columns.SCALAR_ROW}) * {width}",
            f"gradient_scale_ = tl_.load(scalars_at_ + {columns.GRADIENT_SCALE})  # -1 to maximize",
            f"left_ = tl_.where(tl_.load(scalars_at_ + {columns.IS_SKIPPED}) != 0, 0, left_)  # left out",
            *(f"c{i}_ = tl_.load(scalars_at_ + {columns.SLOTS + i})  # {python_text(s)}" for i, s in enumerate(slots)),
        ]

    def addresses(self) -> list[str]:
        found = {name: f"tl_.load(row_ + {column})" for name, column in self.column.items()}
        found |= {part.name: "tl_.load(gradients_ + tensor_)" for part in self.parts["g"]}
        begin = {
            part.name: "" if self.indexed and part.name != "g" else f" + begin_ * {part.size}"
            for part in self.all_parts
        }
        lines = [f"{part.name}_at_ = {found[part.name]}{begin[part.name]}" for part in self.all_parts]
        if self.indexed:
            slices = f"tl_.load(row_ + {self.index}).to(tl_.pointer_type(tl_.int64), bitcast=True)"
            lines += [f"index_ = {slices}", f"slice_ = tl_.load(row_ + {self.index + 1})"]
        return lines

    def is_regular(self) -> str:
        together = " | ".join(f"{part.name}_at_" for part in self.all_parts)
        return f"(({together}) & 15 == 0) & ((left_ >= {BLOCK}) | (left_ % {self.vector} == 0))"

    def regular(self) -> list[str]:
        """16 bytes at a time: Triton does that where it is told of alignment, and that masks do not change within."""
        pointers = [
            f"{part.name}_to_ = tl_.multiple_of({_pointer(part)}, {self.vector * part.size}) + i_"
            for part in self.all_parts
        ]
        return [
            f"i_ = tl_.arange(0, {BLOCK})",
            f"inside_ = tl_.max_constancy(i_ < left_, [{self.vector}])",
            *pointers,
            *self.lines(),
        ]

    def tail(self) -> list[str]:
        places = dict.fromkeys([part.name for part in self.all_parts], "i_")
        lines = [f"i_ = at_ + tl_.arange(0, {LANES})", "inside_ = i_ < left_"]
        if self.indexed:
            slices = "tl_.load(index_ + (begin_ + i_) // slice_, mask=inside_, other=0)"
            lines.append(f"place_ = {slices} * slice_ + (begin_ + i_) % slice_")
            places |= {part.name: "place_" for part in self.all_parts if part.name != "g"}
        lines += [f"{part.name}_to_ = {_pointer(part)} + {places[part.name]}" for part in self.all_parts]
        return lines + self.lines()

    def lines(self) -> list[str]:
        """What is done to the elements at the pointers."""
        program = self.program
        return [
            *(f"{array} = {self.loaded(array)}.to(tl_.{self.real})" for array in program.arrays),
            "g = gradient_scale_ * g",
            *(assignment(line, OPERATIONS, constant(self.real)) for line in program.elements),
            *(line for array in program.written for line in self.stored(array)),
        ]

    def loaded(self, array: str) -> str:
        cells = [f"tl_.load({part.name}_to_, mask=inside_)" for part in self.parts[array]]
        decode = CODECS[self.storages[array]].decode
        return f"{decode}({', '.join(cells)})" if decode else cells[0]

    def stored(self, array: str) -> list[str]:
        parts, encoded = self.parts[array], f"{CODECS[self.storages[array]].encode}({array})"
        if len(parts) == 1:
            return [f"tl_.store({array}_to_, {encoded}, mask=inside_)"]
        cells = [f"{part.name}_cell_" for part in parts]
        stores = [f"tl_.store({p.name}_to_, {cell}, mask=inside_)" for p, cell in zip(parts, cells, strict=True)]
        return [f"{', '.join(cells)} = {encoded}", *stores]


def _parts(array: str, storage: str) -> list[_Part]:
    places = STORAGES[storage].parts.items()
    cells = CODECS[storage].cells
    return [
        _Part(f"{array}_{part}" if part else array, cell, size)
        for (part, size), cell in zip(places, cells, strict=True)
    ]


def _pointer(part: _Part) -> str:
    return f"{part.name}_at_.to(tl_.pointer_type(tl_.{part.cell}), bitcast=True)"


def _inside(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]
