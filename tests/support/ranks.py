"""Functions that run on several ranks at once: processes of torch.distributed, on this machine alone.

The processes are started once and run one function after another.  They speak gloo over loopback and meet in a file.
If one of them fails or hangs, all are ended, and what each has printed is shown, with the lines at which it stood.
"""

import contextlib
import datetime
import faulthandler
import multiprocessing
import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable
from multiprocessing import connection
from pathlib import Path
from typing import Any

import torch
from torch import distributed

SECONDS = 120
"""For one function, and for the start of a process; the machine may be busy."""
GRACE = 5
"""Seconds that the others have to come to an end, after one has failed."""


class Ranks:
    """A group of processes; `run` starts them where there are none."""

    def __init__(self, count: int, folder: Path, seconds: float = SECONDS) -> None:
        self.count, self.folder, self.seconds = count, folder, seconds
        self._processes: list[Any] = []
        self._pipes: list[Any] = []
        self._started = 0

    def run(self, function: Callable[..., Any], *args: Any) -> list[Any]:
        """What the function returns on each rank.  It stands in a module, under its name; results are pickled.

        Raises AssertionError with all output where a rank fails, ends or takes too long.
        """
        if not self._processes:
            self._start()
        for pipe in self._pipes:
            with contextlib.suppress(OSError):  # it ended: `_answers` sees that
                pipe.send((function, args))
        return self._all_done(function.__name__, self.seconds)

    def _all_done(self, name: str, seconds: float) -> list[Any]:
        found = self._answers(seconds)
        if any(not isinstance(one, Done) for one in found):
            self._fail(name, found)
        return [pickle.loads(one.pickled) for one in found]

    def _start(self) -> None:
        self._started += 1
        folder = self.folder / f"start-{self._started}"
        folder.mkdir(parents=True)
        context = multiprocessing.get_context("forkserver")  # one process imports torch; it has no threads yet
        context.set_forkserver_preload(["torch.distributed.fsdp", "torch.distributed.checkpoint.state_dict"])
        for rank in range(self.count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(rank, self.count, folder, theirs, self.seconds), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)
            self._pipes.append(ours)
        self._all_done("the start", SECONDS)

    def _answers(self, seconds: float) -> list[Any]:
        """A Done, a str that says what went wrong, or None for no answer."""
        found: list[Any] = [None] * self.count
        deadline = time.monotonic() + seconds
        while None in found and time.monotonic() < deadline:
            waiting = [pipe for pipe, one in zip(self._pipes, found, strict=True) if one is None]
            for pipe in connection.wait(waiting, max(0.0, deadline - time.monotonic())):
                found[self._pipes.index(pipe)] = one = _answer(pipe)
                if not isinstance(one, Done):  # the others may wait for it, for ever
                    deadline = min(deadline, time.monotonic() + GRACE)
        return found

    def _fail(self, name: str, found: list[Any]) -> None:
        for process, one in zip(self._processes, found, strict=True):
            if one is None and process.is_alive():
                os.kill(process.pid, signal.SIGUSR1)  # it says where it stands
        time.sleep(1 if None in found else 0)
        logs = [self.folder / f"start-{self._started}" / f"rank-{rank}" for rank in range(self.count)]
        said = [log.read_text() if log.exists() else "" for log in logs]
        self.close(at_once=True)
        words = ["done" if isinstance(one, Done) else one or "no answer" for one in found]
        raise AssertionError(
            f"{name} on {self.count} ranks:\n"
            + "\n".join(f"--- rank {rank}: {words[rank]}\n{said[rank][-6000:]}" for rank in range(self.count))
        )

    def close(self, *, at_once: bool = False) -> None:
        """End the processes."""
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.send(None)
        for process in self._processes:
            process.join(0 if at_once else GRACE)
            process.kill()
            process.join()
        self._processes, self._pipes = [], []


class Done:
    """What a function returned."""

    def __init__(self, returned: Any) -> None:
        self.pickled = pickle.dumps(returned)  # not as multiprocessing does it, which shares the memory of tensors


Group = Callable[[int], Ranks]
"""The fixture `ranks`: the group of so many."""


def _answer(pipe: Any) -> Any:
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return "the process ended"


def _serve(rank: int, count: int, folder: Path, pipe: Any, seconds: float) -> None:
    """The life of one rank."""
    with (folder / f"rank-{rank}").open("w", buffering=1) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    distributed.init_process_group(
        "gloo", f"file://{folder / 'store'}", datetime.timedelta(seconds=2 * seconds), world_size=count, rank=rank
    )
    pipe.send(Done(None))
    while (task := pipe.recv()) is not None:
        pipe.send(_outcome(*task))


def _outcome(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    torch.manual_seed(0)
    try:
        return Done(function(*args))
    except BaseException:
        return traceback.format_exc()
