"""What is done to a table before each step: gradients are checked for overlap, steps are counted.

Both are loops over tensors, in machine code because they would cost Python a microsecond a tensor.
"""

import functools

from steepest.kernels.backend import NO_MEMORY, OVERLAP
from steepest.kernels.cpu import entries
from steepest.kernels.cpu.memory import over_memory
from steepest.kernels.cpu.native import Native

STEPS_DIFFER = 1
"""Beside OVERLAP and NO_MEMORY, which say that no step was taken."""

_CHECK = f"""\
    table = load_int64(arguments, {entries.TABLE})
    rows = load_int64(arguments, {entries.ROWS})
    width = 8 * load_int64(arguments, {entries.COLUMNS})
    written = load_int64(arguments, {entries.WRITTEN})
    for row in range(rows):
        begin = load_int64(load_int64(arguments, {entries.GRADIENTS}), row)
        if begin == 0 and load_int64(table + row * width, {entries.ELEMENTS}) > 0:
            return {NO_MEMORY}
        elements = load_int64(table + row * width, {entries.ELEMENTS})
        end = begin + elements * load_int64(arguments, {entries.GRADIENT_SIZE})
        first = 0
        last = load_int64(arguments, {entries.WRITTEN_COUNT})
        while first < last:  # the first written range that ends behind the gradient's begin
            middle = (first + last) // 2
            if load_int64(written, 2 * middle + 1) > begin:
                last = middle
            else:
                first = middle + 1
        if first < load_int64(arguments, {entries.WRITTEN_COUNT}) and load_int64(written, 2 * first) < end:
            return {OVERLAP}
"""

_COUNT = f"""\
    steps = load_int64(arguments, {entries.STEPS})
    flags = 0
    for row in range(rows):
        address = load_int64(table + row * width, {entries.STEP})
        if address == 0:
            continue
        if load_int64(table + row * width, {entries.STEP_IS_DOUBLE}):
            step = load_double(address, 0) + 1.0
            store_double(address, 0, step)
        else:
            step = load_float(address, 0) + 1.0
            store_float(address, 0, step)
        store_double(steps, row, step)
        if step != load_double(steps, 0):
            flags = {STEPS_DIFFER}
    return flags
"""


@functools.cache
def prepare() -> Native:
    """The compiled function: `prepare(address of ARGUMENTS) -> flags`.

    OVERLAP: a gradient lies in memory that the step writes; NO_MEMORY: one has none.  Nothing was changed.
    Else every step is raised by one and written to STEPS too; STEPS_DIFFER says that they are not all equal.
    """
    return over_memory("prepare", f"def prepare(arguments):\n{_CHECK}{_COUNT}")


@functools.cache
def check() -> Native:
    """The first half of `prepare`: OVERLAP or NO_MEMORY, else 0; nothing is changed."""
    return over_memory("check", f"def check(arguments):\n{_CHECK}    return 0\n")
