"""The names of what is measured at single steps; a report needs them and needs no torch."""

GRADIENT_NORM, GRADIENTS_NOT_FINITE, UPDATE_RATIO = "gradient norm", "gradients not finite", "update/weight "
"""The record has them among the names of the metrics; the name of a parameter follows the last one."""
RUNS_AT_ONCE = "runs at once"
"""Of a run that was trained together with others: how many they were; once, before the first step."""
