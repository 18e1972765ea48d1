"""Which settings a search tries next, how many, and which runs end early.

A new sampler or a new pruner is a file in this folder, and a line in the table here.
"""

from collections.abc import Callable

from steepest.workbench.search.optuna_tpe import OptunaTPE
from steepest.workbench.search.pruner import NoPruning, Pruner
from steepest.workbench.search.quasi_random import QuasiRandom
from steepest.workbench.search.sampler import MakeSampler
from steepest.workbench.search.spread import by_chance, on_a_grid
from steepest.workbench.search.staged import Staged

QUASI_RANDOM, STAGED, TPE = "quasi-random", "staged", "tpe"
SAMPLERS: dict[str, MakeSampler] = {
    QUASI_RANDOM: QuasiRandom,
    STAGED: Staged,
    TPE: OptunaTPE,
    "random": by_chance,
    "grid": on_a_grid,
}
LEARNS = (STAGED, TPE)
"""Strategies whose points depend on results, also on those of another study."""
PRUNERS: dict[str, Callable[[], Pruner]] = {"none": NoPruning}
