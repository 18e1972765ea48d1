"""What a kernel is handed beside its scalars: the columns of its table."""

FIRST_CHUNK, ELEMENTS, SCALAR_ROW, PARAMETER, STATE = range(5)
"""The states follow from column STATE on; a sparse gradient's row ends with the address of its slices' numbers and with
the elements of a slice.
"""

GRADIENT_SCALE, IS_SKIPPED, SLOTS = range(3)
"""A row of scalars: what gradients are multiplied by, whether (not 0) the step is left out, then the slots."""

BLOCK, WARPS = 1024, 4
"""Elements of a chunk, and the warps that walk it.  2048 elements on 4 warps take 110 registers, 1024 take 60."""
LANES = 32 * WARPS
