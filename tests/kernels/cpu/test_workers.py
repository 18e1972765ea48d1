"""Threads that share one step: the same bits however many, in forks, in several steps at once, at the exit."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

import steepest
from steepest.kernels.cpu import openmp
from steepest.kernels.cpu.step import PARALLEL_FROM

SIZE = 3 * PARALLEL_FROM + 5
RULES = {
    "SGD": {"lr": 0.1, "momentum": 0.9},
    "RMSprop": {"centered": True},
    "Adagrad": {},
    "Adam": {"amsgrad": True},
    "AdamW": {},
}


class Run:
    """An optimizer over tensors large enough to be shared, and the same gradients every time."""

    def __init__(self, name: str, seed: int = 0) -> None:
        self.random = torch.Generator().manual_seed(seed)
        sizes = (SIZE, 3, 40_000)
        self.params = [torch.nn.Parameter(torch.randn(n, generator=self.random)) for n in sizes]
        self.optimizer = getattr(steepest, name)(self.params, **RULES[name])

    def gradients(self) -> list[torch.Tensor]:
        return [torch.randn(p.shape, generator=self.random) for p in self.params]

    def step(self, gradients: list[torch.Tensor] | None = None) -> None:
        for p, g in zip(self.params, gradients or self.gradients(), strict=True):
            p.grad = g
        self.optimizer.step()

    @property
    def params_data(self) -> list[torch.Tensor]:
        return [p.detach() for p in self.params]

    def states(self) -> list[torch.Tensor]:
        return [v for p in self.params for v in self.optimizer.state[p].values()]

    def result(self) -> list[torch.Tensor]:
        return [array.clone() for array in (*self.params_data, *self.states())]


def same(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(params=["torch's threads", "our threads"])
def dealt_by(request, monkeypatch) -> str:
    """Who shares the chunks: torch's OpenMP threads, or those of our own."""
    if request.param == "our threads":
        monkeypatch.setattr(openmp, "team", lambda: None)
    elif openmp.team() is None:
        pytest.skip("this process has no OpenMP that could be asked: not Linux, or torch was built without it")
    return request.param


@pytest.fixture
def alone(threads):
    """What each rule gives on one thread after four steps."""

    def run(name: str, seed: int = 0) -> list[torch.Tensor]:
        threads(1)
        sequential = Run(name, seed)
        for _ in range(4):
            sequential.step()
        return sequential.result()

    return run


@pytest.mark.parametrize("name", RULES)
def test_the_number_of_threads_changes_no_bit_even_between_steps(name, alone, threads, dealt_by):
    expected = alone(name)
    for counts in ([2] * 4, [3] * 4, [1, 3, 2, 16]):
        run = Run(name)
        for count in counts:
            threads(count)
            run.step()
        assert same(run.result(), expected), counts


def test_torchs_thread_count_is_asked_of_torchs_threads(threads, monkeypatch):
    asked = []
    monkeypatch.setattr(openmp, "team", lambda: lambda function, argument, count: asked.append(count))
    for count in (1, 4, 2):
        threads(count)
        Run("SGD").step()
    assert asked == [4, 2]


def test_torchs_thread_count_is_honoured_by_our_threads(threads, monkeypatch):
    monkeypatch.setattr(openmp, "team", lambda: None)
    before = {t for t in threading.enumerate() if t.name == "steepest"}
    threads(1)
    Run("SGD").step()
    assert {t for t in threading.enumerate() if t.name == "steepest"} == before
    threads(4)
    Run("SGD").step()
    assert len([t for t in threading.enumerate() if t.name == "steepest"]) >= 3


def test_several_threads_step_different_optimizers_at_once(alone, threads, dealt_by):
    expected = {name: alone(name, seed) for seed, name in enumerate(RULES)}
    threads(2)
    failures: list[str] = []
    gate = threading.Barrier(len(RULES))

    def work(seed: int, name: str) -> None:
        torch.set_num_threads(2)  # torch keeps the count for each thread
        run = Run(name, seed)
        gate.wait()
        for _ in range(4):
            run.step()
        if not same(run.result(), expected[name]):
            failures.append(name)

    workers = [threading.Thread(target=work, args=item) for item in enumerate(RULES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert not any(worker.is_alive() for worker in workers)
    assert not failures


def test_several_threads_step_one_optimizer(threads, dealt_by):
    """They take turns: as many steps are counted, and made, as were called."""
    threads(2)
    p = torch.nn.Parameter(torch.zeros(SIZE))
    optimizer = steepest.Adam([p], lr=1.0, betas=(0.0, 0.0), eps=0.0)
    p.grad = torch.ones(SIZE)
    optimizer.step()

    def work() -> None:
        for _ in range(10):
            optimizer.step()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert optimizer.state[p]["step"].item() == 31
    assert torch.equal(p.detach(), torch.full((SIZE,), -31.0))


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # Python 3.12 warns; we test it
def test_a_forked_child_steps_in_parallel_and_ends(alone, threads, dealt_by):
    expected = alone("Adam")
    threads(2)
    run = Run("Adam")
    run.step()
    run.step()  # the parent has workers now, and a plan that the child inherits
    gradients = [run.gradients(), run.gradients()]
    wanted = [array.numpy() for array in expected]
    child = os.fork()
    if child == 0:  # torch's own loops over large tensors hang here (GNU OpenMP after fork), so the child calls none
        try:
            for step in gradients:
                run.step(step)
            got = [array.numpy() for array in (*run.params_data, *run.states())]
            started = any(t.name == "steepest" for t in threading.enumerate())
            right = all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))
            code = 0 if right and started else 3
        except BaseException:
            code = 4
        os._exit(code)
    assert _exit_code(child) == 0
    for step in gradients:
        run.step(step)
    assert same(run.result(), expected), "and the parent goes on"


def _exit_code(child: int) -> int:
    deadline = threading.Event()
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        deadline.wait(0.1)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -1


FORKED = """
import multiprocessing, numpy, torch, steepest
def tensor(value):  # NumPy's loops, because torch's hang in a child of a process that ran one (GNU OpenMP after fork)
    return torch.from_numpy(numpy.full(500_000, value, numpy.float32))
p = torch.nn.Parameter(tensor(1.0))
p.grad = tensor(1.0)
optimizer = steepest.SGD([p], lr=0.5)
def step(n):
    optimizer.step()
    return float(p.detach().numpy().min()), float(p.detach().numpy().max())
if __name__ == "__main__":
    torch.set_num_threads(2)
    assert step(0) == (0.5, 0.5)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map(step, range(4), chunksize=1)
    assert all(low == high and low in (0.0, -0.5, -1.0, -1.5) for low, high in results), results
    print("done")
"""

ENDS = """
import torch, steepest
torch.set_num_threads(3)
p = torch.nn.Parameter(torch.ones(2_000_000)); p.grad = torch.ones_like(p)
steepest.Adam([p]).step()
print("done")
"""


@pytest.mark.parametrize("program", [FORKED, ENDS], ids=["a forked pool", "the exit"])
def test_in_a_process_of_its_own(program, tmp_path):
    file = tmp_path / "program.py"
    file.write_text(program)
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "done", "")
