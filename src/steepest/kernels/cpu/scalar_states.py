"""States that are one number for a whole tensor: fetched before a step, put back after it.

Both are loops over tensors in machine code, since an element of a tensor costs Python a microsecond.
"""

from collections.abc import Sequence

import numpy as np

from steepest.kernels.cpu.memory import over_memory

PLACES, ROWS, COUNT, VALUES = range(4)
"""Entries of the arguments: addresses of (address, whether float64) and of the values; how many rows and columns."""

_FETCH = f"""\
def fetch(arguments):
    places = load_int64(arguments, {PLACES})
    values = load_int64(arguments, {VALUES})
    count = load_int64(arguments, {COUNT})
    differ = 0
    for i in range(count * load_int64(arguments, {ROWS})):
        if load_int64(places, 2 * i + 1):
            value = load_double(load_int64(places, 2 * i), 0)
        else:
            value = load_float(load_int64(places, 2 * i), 0)
        store_double(values, i, value)
        if value != load_double(values, i % count):
            differ = 1
    return differ
"""

_PUT_BACK = f"""\
def put_back(arguments):
    places = load_int64(arguments, {PLACES})
    values = load_int64(arguments, {VALUES})
    for i in range(load_int64(arguments, {COUNT}) * load_int64(arguments, {ROWS})):
        value = load_double(values, i)
        if load_int64(places, 2 * i + 1):
            store_double(load_int64(places, 2 * i), 0, value)
        else:
            store_float(load_int64(places, 2 * i), 0, value)
    return 0
"""


class ScalarStates:
    """The numbers of every row, and where they are kept.

    places: for each row its numbers' addresses, each with whether it is a float64 (else a float32).
    """

    def __init__(self, places: Sequence[Sequence[tuple[int, bool]]]) -> None:
        self._places = np.array(places, dtype=np.int64)
        rows, count, _ = self._places.shape
        self.values = np.zeros((rows, count))
        self._arguments = np.array([self._places.ctypes.data, rows, count, self.values.ctypes.data], dtype=np.int64)
        self._address = self._arguments.ctypes.data
        self._fetch, self._put_back = over_memory("fetch", _FETCH), over_memory("put_back", _PUT_BACK)

    def fetch(self) -> bool:
        """Fill `values` from memory; whether the rows differ."""
        return bool(self._fetch(self._address))

    def put_back(self) -> None:
        """Write `values` to memory."""
        self._put_back(self._address)
