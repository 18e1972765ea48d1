"""Threads of our own that share the chunks of one step, where torch's cannot be asked (see openmp.py).

A kernel takes its next chunk from a counter in memory, so whoever enters it helps, and whoever comes late finds nothing
left and goes.  The calling thread never waits for a worker to start: it takes chunks itself until none is left, then
waits for those that a worker has begun.  So several steps at once need no lock, and a busy or missing worker only costs
time.  Kernels run without the GIL.

Why not Numba's own threads: its portable layer aborts the process when entered twice, GNU OpenMP kills a forked child
at its first parallel step, TBB exists for x86-64 alone.  These threads are Python's, rebuilt after fork().
"""

import os
import queue
import threading
import time
from collections.abc import Callable

from steepest.kernels.undisturbed import undisturbed

Job = Callable[[], object]


class Workers:
    """Daemon threads that run the jobs they are handed, started when first needed."""

    def __init__(self) -> None:
        self._start_afresh()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_afresh)

    def _start_afresh(self) -> None:
        """Threads do not survive fork(), and a queue may have been locked at that moment."""
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._threads = 0
        self._starting = threading.Lock()

    def offer(self, job: Job, helpers: int) -> None:
        """Let up to `helpers` workers run this job too, beside the caller."""
        if self._threads < helpers:
            undisturbed(lambda: self._start(helpers))
        for _ in range(helpers):
            self._jobs.put(job)

    def _start(self, wanted: int) -> None:
        with self._starting:
            while self._threads < wanted:
                threading.Thread(target=self._work, args=(self._jobs,), daemon=True, name="steepest").start()
                self._threads += 1

    @staticmethod
    def _work(jobs: "queue.SimpleQueue[Job]") -> None:
        while True:
            job = jobs.get()
            job()
            del job  # an idle worker holds on to nobody's memory


def wait_until(finished: Callable[[], bool]) -> None:
    """Return once the last chunks that workers have begun are done, about 20 us each; what signals raise waits too."""
    interrupted: BaseException | None = None
    patience, ended = 0.0, False
    while not ended:
        try:
            while not finished():
                time.sleep(patience)  # yields the processor and the GIL to a worker that was put to sleep
                patience = min(1e-3, patience + 1e-6)
            ended = True
        except BaseException as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted


WORKERS = Workers()
