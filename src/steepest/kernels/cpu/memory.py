"""Small loops over memory in machine code, for what would cost Python a microsecond a tensor."""

import functools
from collections.abc import Mapping
from typing import Any

from steepest.frozen import text_of
from steepest.kernels.cpu import native
from steepest.kernels.cpu.native import Native, load


@functools.cache
def over_memory(name: str, source: str) -> Native:
    """The function `name` that this source defines, which reads and writes memory by (address, index).

    It may call load_int64, load_int32, load_float, load_double, store_float and store_double, where numbers are float64
    in between, `call(function, one, other)`: the C function at an address, and `prefetch(address)`.
    """
    return load(name, source, _names, salt=_salt())


def is_ready(name: str, source: str) -> bool:
    """Whether that function need not be compiled first."""
    return native.is_ready(name, source, salt=_salt())


def _salt() -> str:
    return text_of("steepest.kernels.cpu", "precision.py")


def _names() -> Mapping[str, Any]:
    from steepest.kernels.cpu import precision

    return {
        "load_int64": precision.load_int64,
        "load_int32": precision.load_int32,
        "call": precision.call,
        "prefetch": precision.prefetch,
        "load_float": precision.loader("float32", "float64"),
        "store_float": precision.storer("float32", "float64"),
        "load_double": precision.loader("float64", "float64"),
        "store_double": precision.storer("float64", "float64"),
    }
