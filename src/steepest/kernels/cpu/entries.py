"""What a kernel is handed: the columns of its table, and the entries of its arguments."""

FIRST_CHUNK, ELEMENTS, SCALAR_ROW, STEP, STEP_IS_DOUBLE, PARAMETER, STATE = range(7)
"""Columns of the table; the states follow from column STATE on."""

(TABLE, COLUMNS, ROWS, CHUNK, CHUNKS, NEXT_CHUNK, DONE) = range(7)
(GRADIENTS, GRADIENT_SIZE, SCALARS, WRITTEN, WRITTEN_COUNT, STEPS) = range(7, 13)
"""Entries of the arguments: addresses of arrays, counts, and the two counters NEXT_CHUNK and DONE."""
ARGUMENTS = 13
