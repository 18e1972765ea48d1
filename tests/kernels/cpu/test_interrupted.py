"""What a signal raises in a step reaches the caller and leaves the step whole: each program in a process of its own."""

import subprocess
import sys
from typing import Any

import pytest
import torch

import steepest

INTERRUPTED = """
import gc, signal, torch, steepest
from steepest.kernels.cpu import openmp
if "our threads" in __file__:
    openmp.team = lambda: None
torch.set_num_threads(2)
p = torch.nn.Parameter(torch.zeros(2_000_000)); p.grad = torch.ones_like(p)
optimizer = steepest.SGD([p], lr=1.0)
class Stop(BaseException): pass  # as KeyboardInterrupt is: libraries may catch an Exception and go on
rung = 0
def stop(*_):
    global rung
    rung += 1
    raise Stop
gc.collect(); gc.disable()  # an exception that a signal raises in a destructor is printed, not raised
optimizer.step()  # the first step is the next program's
signal.signal(signal.SIGALRM, stop)
for k in range(100):
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-4 + 1e-5 * (k % 40))
        while rung == k:
            optimizer.step()
        raise AssertionError("what the handler raised was lost")
    except Stop:
        now = p.detach().clone()
    assert (now == now[0]).all(), "a step was left half done"
    assert torch.equal(p, now), "a step went on behind the caller's back"
print("done")
"""

INTERRUPTED_AT_FIRST = """
import gc, os, signal, time, numpy, torch, steepest
from steepest.kernels.cpu import openmp
openmp.team = lambda: None
torch.set_num_threads(2)
p = torch.nn.Parameter(torch.from_numpy(numpy.zeros(500_000, numpy.float32)))  # torch's loops hang in a child
p.grad = torch.from_numpy(numpy.ones(500_000, numpy.float32))
optimizer = steepest.SGD([p], lr=1.0)
class Stop(Exception): pass  # as a deadline's may be; the standard library suppresses any in importlib.metadata
rung = False
def stop(*_):
    global rung
    rung = True
    raise Stop
def first_step(moment):
    if moment:
        signal.signal(signal.SIGALRM, stop)
    stopped = False
    try:
        signal.setitimer(signal.ITIMER_REAL, moment)
        optimizer.step()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Stop:
        stopped = True
    assert stopped == rung, "what the handler raised was lost"
    before = p.detach().numpy().copy()
    optimizer.step()
    assert before.min() == before.max() >= -1.0, "a step was left half done"
    assert (p.detach().numpy() == before - 1.0).all(), "a step went on behind the caller's back"
def in_a_child(moment):
    child = os.fork()
    if not child:
        code = 1
        try:
            first_step(moment)
            code = 0
        finally:
            if code:
                import traceback
                traceback.print_exc()
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0, f"interrupted after {moment} s"
gc.collect(); gc.disable()
in_a_child(0)  # fills the cache
began = time.monotonic()
in_a_child(0)
whole = time.monotonic() - began
for k in range(1, 31):
    in_a_child(whole * k / 30)
print("done")
"""


PROGRAMS = {
    "torch's threads": INTERRUPTED,
    "our threads": INTERRUPTED,
    "the first step": INTERRUPTED_AT_FIRST,
}


@pytest.mark.parametrize(("name", "program"), PROGRAMS.items(), ids=PROGRAMS)
def test_an_interrupt(name, program, tmp_path):
    file = tmp_path / f"{name}.py"
    file.write_text(program)
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "done", "")


@pytest.mark.parametrize("last_call", ["_prepare", "_compute", "_kernel"])
@pytest.mark.parametrize("steps_before", [1, 2])
def test_a_signal_after_any_call_of_a_step_leaves_all_of_it_or_nothing(last_call: str, steps_before: int) -> None:
    """NAdam counts its steps and keeps the product of its momenta: both belong to the step that they were made for."""
    undisturbed, p = nadam()
    history = []
    for _ in range(5):
        history.append(contents(undisturbed, p))
        undisturbed.step()
    optimizer, p = nadam()
    for _ in range(steps_before):
        optimizer.step()

    [[plan]] = optimizer._plans.values()
    [batch] = plan.batches
    real = getattr(batch.step, last_call)

    def interrupted(*arguments):
        real(*arguments)
        raise KeyboardInterrupt

    setattr(batch.step, last_call, interrupted)
    with pytest.raises(KeyboardInterrupt):
        optimizer.step()
    setattr(batch.step, last_call, real)
    taken = steps_before + (last_call == "_kernel")
    assert contents(optimizer, p) == history[taken]
    optimizer.step()
    assert contents(optimizer, p) == history[taken + 1]


def nadam() -> tuple[Any, torch.nn.Parameter]:
    p = torch.nn.Parameter(torch.ones(3))
    p.grad = torch.tensor([0.5, -1.0, 2.0])
    return steepest.NAdam([p]), p


def contents(optimizer: torch.optim.Optimizer, p: torch.Tensor) -> list:
    return [p.tolist(), {name: value.tolist() for name, value in optimizer.state[p].items()}]
