"""Where runs are made: in this process, in worker processes beside it, or on the machines of a cluster.

A new executor is a file in this folder, and a line in `start`, or in `start_for_scripts`.
"""

from steepest.workbench.executors.executor import Executor
from steepest.workbench.executors.in_process import InProcess
from steepest.workbench.executors.on_ray import OnRay
from steepest.workbench.executors.ray_connection import check_installed
from steepest.workbench.executors.threads import Threads
from steepest.workbench.executors.worker_processes import WorkerProcesses
from steepest.workbench.model.machines import RayCluster


def start(workers: int | None = None, cluster: RayCluster | None = None) -> Executor:
    """The executor for so many runs of a task at a time; with the next function the one place that chooses it.

    Args:
        workers: Runs at a time; if None one, or as many as the cluster has room for.
        cluster: Where runs are made; this machine if None.

    Raises:
        UsageError: Ray is not installed; or this process may not start others.
    """
    if cluster is not None:
        check_installed(cluster)
        return OnRay(cluster, workers)
    return InProcess() if workers in (None, 1) else WorkerProcesses(workers)


def start_for_scripts(workers: int | None = None, cluster: RayCluster | None = None) -> OnRay | Threads:
    """The executor for so many runs of a script at a time; arguments and errors as for `start`."""
    if cluster is not None:
        check_installed(cluster)
        return OnRay(cluster, workers)
    return Threads(workers or 1)
