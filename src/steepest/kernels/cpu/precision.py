"""How a kernel reads one element of an array and writes one, for each way of keeping arrays.

Each pair is a Numba intrinsic, a few LLVM instructions long, so that loops over it vectorise.  bfloat16 is the upper
half of a float32, rounded to nearest even; float16 uses the processor's own conversions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

I16, I32, I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)
HALF, FLOAT, DOUBLE = ir.HalfType(), ir.FloatType(), ir.DoubleType()
LLVM = {"float32": FLOAT, "float64": DOUBLE}
NUMBA = {"float32": types.float32, "float64": types.float64}

Convert = Callable[[ir.IRBuilder, Any], Any]


@dataclass(frozen=True)
class Codec:
    """One storage: the LLVM type of a cell of each part, and how cells become a number and the reverse.

    decode: (builder, cell of each part) -> number.  encode: (builder, number) -> the cells, one after the other.
    value: the type of the number, float32 or float64.
    """

    cells: tuple[ir.Type, ...]
    decode: Callable[..., Any]
    encode: Callable[[ir.IRBuilder, Any], Sequence[Any]]
    value: ir.Type


def _bfloat16_to_float(builder: ir.IRBuilder, cell: Any) -> Any:
    return builder.bitcast(builder.shl(builder.zext(cell, I32), ir.Constant(I32, 16)), FLOAT)


def _float_to_bfloat16(builder: ir.IRBuilder, value: Any) -> Any:
    bits = builder.bitcast(value, I32)
    odd = builder.and_(builder.lshr(bits, ir.Constant(I32, 16)), ir.Constant(I32, 1))
    rounded = builder.add(builder.add(bits, ir.Constant(I32, 0x7FFF)), odd)
    is_nan = builder.fcmp_unordered("uno", value, value)  # rounding the bits of a NaN could carry into infinity
    upper = builder.lshr(builder.select(is_nan, ir.Constant(I32, 0x7FC00000), rounded), ir.Constant(I32, 16))
    return builder.trunc(upper, I16)


def _one_cell(cell: ir.Type, decode: Convert, encode: Convert, value: ir.Type) -> Codec:
    return Codec((cell,), decode, lambda builder, number: [encode(builder, number)], value)


def _same(_: ir.IRBuilder, value: Any) -> Any:
    return value


CODECS = {
    "float64": _one_cell(DOUBLE, _same, _same, DOUBLE),
    "float32": _one_cell(FLOAT, _same, _same, FLOAT),
    "bfloat16": _one_cell(I16, _bfloat16_to_float, _float_to_bfloat16, FLOAT),
    "float16": _one_cell(
        HALF,
        lambda builder, cell: builder.fpext(cell, FLOAT),
        lambda builder, value: builder.fptrunc(value, HALF),
        FLOAT,
    ),
}
"""How this backend reads and writes each of `kernels.storage.STORAGES`."""


def loader(storage: str, real: str) -> Any:
    """Intrinsic `(address, index) -> value`: element `index` of an array so kept, as `real`; several parts, several
    addresses in a tuple.
    """
    codec = CODECS[storage]

    @intrinsic
    def load(_context, _addresses, _index):
        def generate(_codegen, builder, _signature, arguments):
            pointers = _pointers(builder, codec, *arguments)
            cells = [builder.load(at, align=_size(cell)) for at, cell in zip(pointers, codec.cells, strict=True)]
            return _cast(builder, codec.decode(builder, *cells), LLVM[real])

        return NUMBA[real](_type_of_addresses(codec), types.int64), generate

    return load


def storer(storage: str, real: str) -> Any:
    """Intrinsic `(address, index, value)`: writes `real` value into element `index`, rounded to nearest even."""
    codec = CODECS[storage]

    @intrinsic
    def store(_context, _addresses, _index, _value):
        def generate(codegen, builder, _signature, arguments):
            *place, value = arguments
            found = codec.encode(builder, _cast(builder, value, codec.value))
            for pointer, cell, written in zip(_pointers(builder, codec, *place), codec.cells, found, strict=True):
                builder.store(written, pointer, align=_size(cell))
            return codegen.get_dummy_value()

        return types.void(_type_of_addresses(codec), types.int64, NUMBA[real]), generate

    return store


def _type_of_addresses(codec: Codec) -> Any:
    return types.int64 if len(codec.cells) == 1 else types.UniTuple(types.int64, len(codec.cells))


def _pointers(builder: ir.IRBuilder, codec: Codec, addresses: Any, index: Any) -> list[Any]:
    several = len(codec.cells) > 1
    found = [builder.extract_value(addresses, part) for part in range(len(codec.cells))] if several else [addresses]
    return [_pointer(builder, cell, address, index) for cell, address in zip(codec.cells, found, strict=True)]


def square_root(real: str) -> Any:
    """Intrinsic `(x)`: LLVM's own square root; `math.sqrt` would call C for the last elements of a loop."""

    @intrinsic
    def sqrt(_context, _x):
        def generate(_codegen, builder, _signature, arguments):
            kind = LLVM[real]
            function = builder.module.declare_intrinsic("llvm.sqrt", [kind])
            return builder.call(function, [_cast(builder, arguments[0], kind)])

        return NUMBA[real](NUMBA[real]), generate

    return sqrt


def load_integer(bits: int) -> Any:
    """Intrinsic `(address, index)`: one entry of a table of integers."""
    cell = ir.IntType(bits)

    @intrinsic
    def load(_context, _address, _index):
        def generate(_codegen, builder, _signature, arguments):
            entry = builder.load(_pointer(builder, cell, *arguments), align=bits // 8)
            return entry if cell == I64 else builder.sext(entry, I64)

        return types.int64(types.int64, types.int64), generate

    return load


load_int64, load_int32 = load_integer(64), load_integer(32)


@intrinsic
def call(_context, _function, _one, _other):
    """`(address of a C function, its two arguments)`: what it returns, for a function of two addresses and an int."""

    def generate(_codegen, builder, _signature, arguments):
        function, *given = arguments
        kind = ir.FunctionType(I32, [I64, I64])
        return builder.sext(builder.call(builder.inttoptr(function, kind.as_pointer()), given), I64)

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic
def prefetch(_context, _address):
    """`(address)`: ask for a line of memory that is needed soon; of any address at all, and nothing is read."""

    def generate(codegen, builder, _signature, arguments):
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), I32, I32, I32])
        function = builder.module.declare_intrinsic("llvm.prefetch", kind.args[:1], kind)
        to_read, to_keep, data = (ir.Constant(I32, word) for word in (0, 3, 1))
        builder.call(function, [builder.inttoptr(arguments[0], kind.args[0]), to_read, to_keep, data])
        return codegen.get_dummy_value()

    return types.void(types.int64), generate


@intrinsic
def fetch_add(_context, _address):
    """`(address)`: the value of a counter before it was raised by one, in one indivisible step."""

    def generate(_codegen, builder, _signature, arguments):
        pointer = builder.inttoptr(arguments[0], I64.as_pointer())
        return builder.atomic_rmw("add", pointer, ir.Constant(I64, 1), "seq_cst")

    return types.int64(types.int64), generate


def _pointer(builder: ir.IRBuilder, cell: ir.Type, address: Any, index: Any) -> Any:
    return builder.gep(builder.inttoptr(address, cell.as_pointer()), [index])


def _size(cell: ir.Type) -> int:
    return {I16: 2, HALF: 2, FLOAT: 4, DOUBLE: 8}[cell]


def _cast(builder: ir.IRBuilder, value: Any, to: ir.Type) -> Any:
    if value.type == to:
        return value
    return builder.fpext(value, to) if to is DOUBLE else builder.fptrunc(value, to)
