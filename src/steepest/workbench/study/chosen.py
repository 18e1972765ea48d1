"""The names of a strategy and of a pruner, as a user gives them."""

from steepest.workbench.errors import UsageError, nearest
from steepest.workbench.search import PRUNERS, SAMPLERS, TPE
from steepest.workbench.search.optuna_tpe import optuna_module


def check_strategy(strategy: str, prune: str) -> None:
    """Raise UsageError for a name that there is not, or whose package is not installed."""
    if strategy not in SAMPLERS:
        raise UsageError(
            f"There is no strategy {strategy!r}{nearest(strategy, SAMPLERS)}; give one of {', '.join(SAMPLERS)}."
        )
    if strategy == TPE:
        optuna_module()
    if prune not in PRUNERS:
        known = " or ".join(PRUNERS)
        raise UsageError(f"No rule {prune!r} ends runs early{nearest(prune, PRUNERS)}; give prune={known}.")
