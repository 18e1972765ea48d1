"""How runs of a script that are made at the same time share the processors and the GPUs of this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_GPUS = Path("/proc/driver/nvidia/gpus")


def environment_of_slot(slot: int, slots: int, given: Mapping[str, str]) -> dict[str, str]:
    """The variables of one of several runs: its threads, its GPUs, its number.

    Args:
        slot: From 0.
        slots: How many runs there are at a time; one alone has all that there is.
        given: The variables of this process, which win where they say how many threads there are.
    """
    found = {"STEEPEST_WORKER": str(slot)}
    if slots == 1:
        return found
    if "OMP_NUM_THREADS" not in given:
        found["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // slots))
    if gpus := _gpus(given):
        found["CUDA_VISIBLE_DEVICES"] = ",".join(gpus[slot::slots] or [gpus[slot % len(gpus)]])
    return found


def _gpus(given: Mapping[str, str]) -> list[str]:
    """The GPUs of this process: those that it may see, or else all of the machine."""
    visible = given.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [one.strip() for one in visible.split(",") if one.strip()]
    return [str(number) for number in range(len(list(_GPUS.iterdir())))] if _GPUS.is_dir() else []
