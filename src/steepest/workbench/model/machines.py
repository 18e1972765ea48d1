"""On which machines the runs of a study are made, where that is not this one alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from steepest.workbench.errors import UsageError

AUTO, LOCAL = "auto", "local"
"""In the place of an address: the cluster that this machine belongs to; one that is started for the study."""


@dataclass(frozen=True)
class RayCluster:
    """A Ray cluster, and what one run takes of it.

    Args:
        address: `auto` for the cluster that this machine belongs to, `HOST:6379`, or `local`.
        cpus_per_run: Processors of a run, and its threads.
        gpus_per_run: GPUs of a run; a part of one, such as 0.25, where several runs share a GPU.
    """

    address: str
    cpus_per_run: int = 1
    gpus_per_run: float = 0.0

    def runs_on(self, cpus: float, gpus: float) -> int:
        """How many runs a machine with so many processors and GPUs makes at a time."""
        by_cpus = math.floor(cpus / self.cpus_per_run)
        if not self.gpus_per_run:
            return by_cpus
        on_gpus = gpus // self.gpus_per_run if self.gpus_per_run >= 1 else gpus * (1 // self.gpus_per_run)
        return min(by_cpus, int(on_gpus))


def ray_cluster(address: str | None, cpus_per_run: int, gpus_per_run: float) -> RayCluster | None:
    """The cluster that was asked for; None for this machine alone.

    Raises:
        UsageError: It cannot be used.
    """
    if address is None:
        if gpus_per_run or cpus_per_run != 1:
            raise UsageError(
                "cpus_per_run and gpus_per_run are what a run takes of a Ray cluster; name the cluster with --ray "
                "(ray=...), or leave them out: on this machine the task chooses the device."
            )
        return None
    check_address(address)
    if cpus_per_run < 1:
        raise UsageError(f"cpus_per_run={cpus_per_run} runs nowhere; give a whole number, at least 1.")
    is_whole = gpus_per_run == int(gpus_per_run) if math.isfinite(gpus_per_run) else False
    if gpus_per_run < 0 or not (is_whole or gpus_per_run < 1):
        raise UsageError(f"gpus_per_run={gpus_per_run:g} cannot be had; give 0.5 or another part of one, or 1, 2, ...")
    return RayCluster(address, cpus_per_run, gpus_per_run)


def check_address(address: str) -> None:
    """Raise what to type (UsageError) where this is no address of a cluster."""
    if address.startswith("ray://"):
        raise UsageError(
            f"{address} is the address of a Ray Client server, and the study would not survive a break of that "
            "connection; log in to a machine of the cluster, or use `ray job submit`, and give --ray auto."
        )
    host, _, port = address.rpartition(":")
    if address not in (AUTO, LOCAL) and not (host and "/" not in host and port.isdecimal() and 0 < int(port) < 65536):
        raise UsageError(
            f"{address!r} is no address of a Ray cluster; give HOST:PORT, such as 192.168.0.7:6379, which `ray start "
            "--head` printed, auto for the cluster that this machine belongs to, or local to start one here."
        )
