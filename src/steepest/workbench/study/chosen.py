"""What a user gives to a study: names of a strategy and of a pruner, and numbers; each is checked here."""

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


def check_numbers(
    *, seeds: int | None = None, steps: int | None = None, seed: int = 0, workers: int | None = None
) -> None:
    """Raise UsageError for a number with which nothing could be trained or estimated."""
    if seeds is not None and seeds < 1:
        raise UsageError(f"seeds={seeds} would leave nothing to estimate from; give at least 1, better 5.")
    if steps is not None and steps < 1:
        raise UsageError(f"steps={steps} trains nothing; give at least 1, or leave it out for the task's own number.")
    if seed < 0:
        raise UsageError(f"seed={seed} cannot seed a generator; give 0 or more.")
    if workers is not None and workers < 1:
        raise UsageError(f"workers={workers} trains nothing; give at least 1.")
