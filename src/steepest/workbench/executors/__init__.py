"""Where runs are made: in this process, or in worker processes beside it.

A new executor is a file in this folder, and a line in `start`.
"""

from steepest.workbench.executors.executor import Executor
from steepest.workbench.executors.in_process import InProcess
from steepest.workbench.executors.worker_processes import WorkerProcesses


def start(workers: int) -> Executor:
    """The executor for so many runs at a time; this is the one place that chooses it."""
    return InProcess() if workers == 1 else WorkerProcesses(workers)
