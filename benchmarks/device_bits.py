"""Whether a GPU's bits are those of the processor's kernels, outside and inside of graphs."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn import Parameter

from benchmarks import device_runs as runs
from benchmarks.device_runs import Result, Shapes
from steepest import schedules

IN_GRAPHS = [(1000,), (77,), (33, 65)]
"""Shapes."""
SIZES = [(n,) for n in (0, 1, 7, 1023, 1024, 1025, 4097)]


def _compared(device: str, *given: Any, steps: int = 3, **how: Any) -> Result:
    both = [runs.Run(on, *given, **how) for on in (device, "cpu")]
    for _ in range(steps):
        for run in both:
            run.step()
            run.new_gradients()
    fused = [batch for plans in both[0].optimizer._plans.values() for one in plans for batch in one.batches]
    kernels = {"launches": len(fused)} if any(batch.is_on_device for batch in fused) else {"failed": "no kernel ran"}
    return {"differing": runs.differing(*(run.everything() for run in both)), **kernels}


def bits(device: str, *, quick: bool, sizes: Shapes = SIZES) -> Iterator[Result]:
    """Every rule and dtype against the processor's kernels: three steps, gradients that move between them."""
    yield runs.attempted({"what": "first step"}, lambda: _first(device))
    yield from (runs.attempted({"what": name}, lambda check=check: check(device)) for name, check in SINGLE.items())
    shapes = [*sizes, (33, 65), (2, 3, 4, 5), *([] if quick else [(1_000_003,)])]
    for layout in runs.LAYOUTS[1:]:
        row = {"rule": "adam", "layout": layout}
        yield runs.attempted(row, lambda layout=layout: _compared(device, "adam", {}, shapes, layout=layout))
    for dtype in list(runs.DTYPES)[: 2 if quick else 4]:
        few = quick and dtype != "float32"  # the processor's kernels take a second each to compile
        for name, options in runs.cases()[:: 4 if few else 1]:
            for there in (False, True):
                row = {"rule": name, "options": str(options), "dtype": dtype, "numbers there": there}
                given = device, name, options, shapes, dtype
                yield runs.attempted(row, lambda given=given, there=there: _compared(*given, there=there))


def _first(device: str) -> Result:
    begin = time.perf_counter()
    runs.Run(device, "adam", {}, [(1000,)]).step()
    runs.synchronize()
    return {"seconds": time.perf_counter() - begin}


def _two_devices(device: str) -> Result:
    """Tensors of the processor and of the GPU in one optimizer."""
    mixed, here = (
        [Parameter(torch.ones(1000, device=on)) for on in pair] for pair in ((device, "cpu"), ("cpu", "cpu"))
    )
    for parameters in (mixed, here):
        optimizer = runs.made("adam", parameters)
        for step in range(3):
            for p in parameters:
                p.grad = torch.full_like(p, 0.5 + step)
            optimizer.step()
    return {"differing": runs.differing([p.detach().cpu() for p in mixed], [p.detach() for p in here])}


def _in_thread(device: str) -> Result:
    """Steps in a thread that has touched no GPU before."""
    found: list[Result] = []
    thread = threading.Thread(target=lambda: found.append(_compared(device, "adam", {}, [(1000,), (7,)])))
    thread.start()
    thread.join()
    return found[0] if found else {"failed": "the thread raised: see its lines above"}


def _on_stream(device: str) -> Result:
    """Steps on a side stream."""
    with runs.side_stream():
        found = _compared(device, "adam", {}, [(1000,), (7,)], there=True)
    return found


def _scaler(device: str) -> Result:
    """GradScaler, with one step along infinite gradients, against the processor; and who asks."""
    both = [[Parameter(torch.full((1000,), 2.0, device=on))] for on in (device, "cpu")]
    for parameters in both:
        optimizer = runs.made("adam", parameters, fused=True)
        scaler = torch.amp.GradScaler(parameters[0].device.type, init_scale=8.0)
        for step in range(3):
            optimizer.zero_grad()
            parameters[0].grad = scaler.scale(torch.full_like(parameters[0], math.inf if step == 1 else 1.0))
            scaler.step(optimizer)
            skipped = optimizer.last_step_skipped
            scaler.update()
            if skipped != (step == 1):
                return {"failed": f"step {step} says that it was skipped: {skipped}"}
    return {"differing": runs.differing(*([p.detach().cpu() for p in one] for one in both))}


SINGLE = {
    "both devices in one optimizer": _two_devices, "a thread": _in_thread, "a side stream": _on_stream,
    "GradScaler": _scaler,
}  # fmt: skip


def graphs(device: str, *, quick: bool) -> Iterator[Result]:
    """Replays equal steps outside of a graph."""
    for name, check in GRAPHS.items():
        yield runs.attempted({"what": name}, lambda check=check: check(device))


def _pair(device: str, name: str, **options: Any) -> tuple[runs.Run, runs.Run]:
    """Two of the same, after one step on a side stream."""
    both = [runs.Run(device, name, options, IN_GRAPHS, there=True) for _ in range(2)]
    with runs.side_stream():
        for run in both:
            run.step()
    runs.synchronize()
    return both[0], both[1]


def _replayed(eager: runs.Run, replayed: runs.Run, change: Callable[[int], object] = lambda _: None) -> Result:
    """Ten replays against ten steps; gradients lie elsewhere than at the step before the capture."""
    for run in (eager, replayed):
        run.new_gradients()
    replay = runs.capture(replayed.step)
    for step in range(10):
        change(step)
        for run in (eager, replayed):
            for p in run.parameters:
                p.grad.mul_(-0.75)  # type: ignore[union-attr]
        eager.step()
        replay()
    runs.synchronize()
    found = runs.differing(replayed.everything(), eager.everything())
    return {"differing": found, "steps": float(replayed.optimizer.state[replayed.parameters[0]]["step"])}


def _plain(device: str) -> Result:
    return _replayed(*_pair(device, "adam"))


def _rate(device: str) -> Result:
    rate = torch.tensor(1e-3, device=device)
    return _replayed(*_pair(device, "adam", lr=rate), change=lambda step: rate.fill_(1e-3 * (step + 1)))


def _schedule(device: str) -> Result:
    return _replayed(*_pair(device, "adamw", lr=schedules.cosine(1e-2, 20).warmup(5)))


def _left_out(device: str) -> Result:
    """found_inf in a graph: a step that is left out and counted nowhere, then one that is taken."""
    eager, replayed = _pair(device, "adam")
    found_inf = torch.zeros((), device=device)
    replayed.optimizer.found_inf = found_inf
    replay = runs.capture(replayed.step)
    del replayed.optimizer.found_inf
    before = replayed.everything()
    found_inf.fill_(1)
    replay()
    unchanged = runs.differing(replayed.everything(), before)
    found_inf.fill_(0)
    for p, q in zip(eager.parameters, replayed.parameters, strict=True):
        p.grad.copy_(q.grad)  # type: ignore[union-attr,arg-type]
    replay()
    eager.step()
    return {
        "changed though left out": unchanged,
        "differing": runs.differing(replayed.everything(), eager.everything()),
    }


def _whole_step(device: str) -> Result:
    """A network's forward, backward and step in one graph, whose gradients lie in the graph's own memory."""
    inputs, losses = torch.linspace(-1, 1, 64 * 16, device=device).view(64, 16), []
    for is_captured in (False, True):
        torch.manual_seed(0)
        net = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1)).to(device)
        optimizer = runs.made("adam", list(net.parameters()), there=True, lr=1e-2)
        loss = torch.zeros((), device=device)

        def step(net: Any = net, optimizer: Any = optimizer, loss: Any = loss) -> None:
            optimizer.zero_grad()
            value = (net(inputs) - inputs.sum(1, keepdim=True)).square().mean()
            value.backward()
            optimizer.step()
            loss.copy_(value.detach())

        with runs.side_stream():
            for _ in range(3):
                step()
        runs.synchronize()
        once = runs.capture(step) if is_captured else step
        for _ in range(10):
            once()
        runs.synchronize()
        losses.append(float(loss))
    return {"loss of steps": losses[0], "loss of replays": losses[1]}


def _no_waiting(device: str) -> Result:
    """torch refuses to wait, and nothing asks it to: steps whose counts are there, along gradients that move."""
    run = runs.Run(device, "adam", {}, [(1000,), (77,)], there=True)
    run.step()
    gradients = [[torch.randn_like(p) for p in run.parameters] for _ in range(3)]
    runs.synchronize()
    with runs.never_waiting():
        for several in gradients:
            for p, g in zip(run.parameters, several, strict=True):
                p.grad = g
            run.step()
    return {"waited": 0}


GRAPHS = {
    "10 replays": _plain, "a rate that is a tensor": _rate, "a schedule": _schedule, "found_inf": _left_out,
    "a whole step of training": _whole_step, "no waiting": _no_waiting,
}  # fmt: skip
