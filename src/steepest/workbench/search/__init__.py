"""Which settings a search tries next, how many, and which runs end early.

A new sampler or a new pruner is a file in this folder, and a line in the table here.
"""

from steepest.workbench.model.plan import NO_PRUNING
from steepest.workbench.search.median_rule import of_plan
from steepest.workbench.search.optuna_tpe import OptunaTPE
from steepest.workbench.search.past_edges import past_edges
from steepest.workbench.search.pruner import MakePruner, NoPruning
from steepest.workbench.search.quasi_random import QuasiRandom
from steepest.workbench.search.sampler import MakeSampler
from steepest.workbench.search.spread import by_chance, on_a_grid
from steepest.workbench.search.staged import Staged

QUASI_RANDOM, STAGED, TPE = "quasi-random", "staged", "tpe"
SAMPLERS: dict[str, MakeSampler] = {
    QUASI_RANDOM: past_edges(QuasiRandom),
    STAGED: Staged,
    TPE: past_edges(OptunaTPE),
    "random": past_edges(by_chance),
    "grid": on_a_grid,  # whose points are known beforehand
}
LEARNS = (STAGED, TPE)
"""Strategies whose points depend on results, also on those of another study."""
PRUNERS: dict[str, MakePruner] = {NO_PRUNING: NoPruning, "median": of_plan}
