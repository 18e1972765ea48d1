"""The fused CPU kernel of a rule: one loop over memory, written out as text and compiled for this processor.

    adam(arguments) runs over a table of tensors, chunk by chunk:
        row: first chunk, elements, row of scalars, address of step, its dtype, address of p, of each state
    and a list of the gradients' addresses.  An indexed kernel takes sparse gradients: its elements are the slices that
    a gradient has, two more columns say which slices of the parameter they are, and how many elements each.

Arithmetic has no fast-math licence: each operation rounds as NumPy's does, so that the rule itself, run on NumPy, says
what must come out to the last bit, whatever the number of threads.
"""

import ast
import functools
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from steepest.compiler.program import Program
from steepest.compiler.python import SPELLINGS, assignment, call, choice, compared
from steepest.compiler.python import text as python_text
from steepest.frozen import text_of
from steepest.kernels.cpu import entries
from steepest.kernels.cpu.native import Native, load
from steepest.kernels.storage import STORAGES

ZERO, ONE = ast.Name("zero_", ast.Load()), ast.Name("one_", ast.Load())


def _constant(value: Any) -> ast.expr:
    return call("real_", ast.Constant(value))


def _either(first: ast.expr, second: ast.expr) -> ast.expr:
    return ast.BinOp(first, ast.BitOr(), second)


def _sign(x: ast.expr) -> ast.expr:
    negative = choice(compared(x, ast.Lt, ZERO), ast.UnaryOp(ast.USub(), ONE), ZERO)
    return choice(compared(x, ast.Gt, ZERO), ONE, negative)


def _larger(x: ast.expr, y: ast.expr) -> ast.expr:
    return choice(_either(compared(x, ast.GtE, y), compared(x, ast.NotEq, x)), x, y)  # x != x: NaN


def _smaller(x: ast.expr, y: ast.expr) -> ast.expr:
    return choice(_either(compared(x, ast.LtE, y), compared(x, ast.NotEq, x)), x, y)


OPERATIONS = {
    **SPELLINGS,
    "pow": lambda x, _: ast.BinOp(x, ast.Mult(), x),  # of 2 alone: `Program` refuses other powers
    "if_else": lambda slot, first, later: choice(compared(slot, ast.NotEq, _constant(0)), first, later),
    "abs": lambda x: call("abs", x),
    "full_like": lambda _, value: value,
    "where": choice,
    "sign": _sign,
    "maximum": _larger,
    "minimum": _smaller,
}
"""Operation -> its spelling in a kernel; any other is the function of that name in Python's `math`."""


def arithmetic(storages: Sequence[str]) -> str:
    """The dtype that a kernel over arrays so kept computes in: float64 where any of them is, else float32."""
    return "float64" if any(STORAGES[name].is_double for name in storages) else "float32"


@functools.cache
def kernel(program: Program, storages: tuple[str, ...], *, indexed: bool = False) -> Native:
    """The compiled kernel of a program, for the storages of p, g and each state it uses.

    Returns a function of one address, that of its arguments (`entries.py`); the caller guarantees that they are valid.
    """
    source = text(program, storages, indexed=indexed)
    return load(program.rule.name, source, lambda: _names(program, storages), salt=_salt(storages))


def text(program: Program, storages: Sequence[str] = (), *, indexed: bool = False) -> str:
    """The kernel as Python text, as Numba is given it.

    storages: of p, g and each state; without them each is in one part.
    """
    parts = {array: _parts(array, name) for array, name in zip_longest(program.arrays, storages)}
    in_table = [place for array, places in parts.items() if array != "g" for place in places]
    columns = {place: f"load_int64_(row_, {entries.PARAMETER + k})" for k, place in enumerate(in_table)}
    columns |= {parts["g"][0]: f"load_int64_(load_int64_(arguments_, {entries.GRADIENTS}), first_)"}
    places = "".join(f"        {place}_at_ = {columns[place]}\n" for array in parts for place in parts[array])
    at = {array: _addresses(found) for array, found in parts.items()}
    slots = "".join(
        f"        c{i}_ = load_scalar_(scalars_, {i + 1})  # {python_text(slot)}\n"
        for i, slot in enumerate(program.slots)
    )
    there = "to_ + i_" if indexed else "i_"
    places_of = dict.fromkeys(program.arrays, there) | ({"g": "from_ + i_"} if indexed else {})
    body = [f"{array} = load_{array}_({at[array]}, {places_of[array]})" for array in program.arrays]
    body.append("g = gradient_scale_ * g")
    body += [assignment(line, OPERATIONS, _constant) for line in program.elements]
    body += [f"store_{array}_({at[array]}, {there}, {array})" for array in program.written]
    index = entries.PARAMETER + len(in_table)
    width = index + 2 * indexed
    loop = _SLICES.format(index=index, size=index + 1) if indexed else _ELEMENTS
    scalar_row = f"load_int64_(row_, {entries.SCALAR_ROW}) * scalar_row_size_"
    scalars = f"load_int64_(arguments_, {entries.SCALARS}) + {scalar_row}"
    lines = "".join(f"{' ' * (16 if indexed else 12)}{line}\n" for line in body)
    return f"""\
def {program.rule.name}(arguments_):
    table_ = load_int64_(arguments_, {entries.TABLE})
    while True:
        chunk_ = fetch_add_(arguments_ + {8 * entries.NEXT_CHUNK})
        if chunk_ >= load_int64_(arguments_, {entries.CHUNKS}):
            return 0
        first_ = 0
        last_ = load_int64_(arguments_, {entries.ROWS}) - 1
        while first_ < last_:  # the last row whose first chunk is not behind this one
            middle_ = (first_ + last_ + 1) // 2
            if load_int64_(table_, middle_ * {width} + {entries.FIRST_CHUNK}) <= chunk_:
                first_ = middle_
            else:
                last_ = middle_ - 1
        row_ = table_ + first_ * {8 * width}
        size_ = load_int64_(arguments_, {entries.CHUNK})
        begin_ = (chunk_ - load_int64_(row_, {entries.FIRST_CHUNK})) * size_
        end_ = min(begin_ + size_, load_int64_(row_, {entries.ELEMENTS}))
{places}        scalars_ = {scalars}
        gradient_scale_ = load_scalar_(scalars_, 0)  # -1 to maximize
{slots}{loop}{lines}        fetch_add_(arguments_ + {8 * entries.DONE})
"""


def _parts(array: str, storage: str | None) -> list[str]:
    """What the parts of memory that hold an array are called."""
    return [f"{array}_{part}" if part else array for part in (STORAGES[storage].parts if storage else [""])]


def _addresses(places: Sequence[str]) -> str:
    found = [f"{place}_at_" for place in places]
    return found[0] if len(found) == 1 else f"({', '.join(found)})"


_ELEMENTS = """\
        for i_ in range(begin_, end_):
"""
_SLICES = """\
        index_ = load_int64_(row_, {index})
        slice_ = load_int64_(row_, {size})
        for at_ in range(begin_, end_):
            to_ = load_int64_(index_, at_) * slice_
            from_ = at_ * slice_
            for i_ in range(slice_):
"""


def _names(program: Program, storages: tuple[str, ...]) -> Mapping[str, Any]:
    """What the text's names stand for."""
    import math

    from steepest.kernels.cpu import precision

    real = arithmetic(storages)
    arrays = dict(zip(program.arrays, storages, strict=True))
    number = precision.NUMBA[real]
    names: dict[str, Any] = {name: getattr(math, name) for name in program.operations - OPERATIONS.keys()}
    names |= {"sqrt": precision.square_root(real)}  # `math.sqrt` would call C for the last elements of a loop
    scalar_row_size = (8 if real == "float64" else 4) * (1 + len(program.slots))
    names |= {"real_": number, "one_": number(1), "zero_": number(0), "scalar_row_size_": scalar_row_size}
    names |= {"load_int64_": precision.load_int64, "fetch_add_": precision.fetch_add}
    names |= {"load_scalar_": precision.loader(real, real)}
    names |= {f"load_{array}_": precision.loader(storage, real) for array, storage in arrays.items()}
    return names | {f"store_{array}_": precision.storer(storage, real) for array, storage in arrays.items()}


@functools.cache
def _salt(storages: tuple[str, ...]) -> str:
    return text_of("steepest.kernels.cpu", "precision.py") + repr(storages)
