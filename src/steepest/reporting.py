"""What a script says of its run to `steepest tune`."""

import json
import os
import sys
from typing import Any

PLACE = "STEEPEST_REPORT"
"""The environment variable with the file that reports go to."""
_RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID", "LOCAL_RANK")
"""The variables that number the processes of a run: of torchrun, of MPI, of srun, of Lightning's own launcher."""


def report(step: int, **metrics: Any) -> None:
    """Tell `steepest tune` how a run gets on.  Where nobody asks, a script runs as if this line were not there.

    Of several processes of one run, the first is heard.

    Args:
        step: How many steps were taken.
        **metrics: Values of now: numbers, or tensors and arrays of one element.

    Raises:
        TypeError: A value is no number, or there is none.

    Examples:
        >>> import steepest
        >>> steepest.report(100, val_loss=0.25)
    """
    said = {"step": int(step), "metrics": {name: _number(name, value) for name, value in metrics.items()}}
    if not metrics:
        raise TypeError("report() was given no metric: write report(step, val_loss=...).")
    place = os.environ.get(PLACE)
    if place and _is_first():
        tell(place, said)


def tell(place: str, said: dict[str, Any]) -> None:
    """Add one line to the file, whole, whoever else writes there."""
    descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, (json.dumps(said) + "\n").encode())
    finally:
        os.close(descriptor)


def _is_first() -> bool:
    """Whether this is the first process of a run: as torch.distributed numbers it, or else a launcher."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank() == 0
    return next((os.environ[name] for name in _RANKS if name in os.environ), "0") == "0"


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"report() was given {name}={value!r}, which is no number.") from error
