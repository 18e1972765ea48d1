"""What a process pays before its first step is done, and what a step takes beside its state."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import steepest
from benchmarks.shapes import resnet50
from benchmarks.timing import stepper

_FIRST_STEP = """
import time, torch, steepest
model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 10))
model(torch.randn(8, 64)).sum().backward()
start = time.perf_counter()
optimizer = steepest.{name}(model.parameters())
optimizer.step()
print(time.perf_counter() - start)
"""
_IMPORT = "import time; start = time.perf_counter(); import steepest; print(time.perf_counter() - start)"


def first_steps() -> Iterator[dict[str, Any]]:
    """Seconds from making the optimizer to the end of its first step, torch already imported."""
    for name in ("SGD", "RMSprop", "Adam"):
        cold, warm = [], []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as folder:
                environment = os.environ | {"STEEPEST_CACHE_DIR": os.path.join(folder, "cache")}
                cold.append(_seconds(_FIRST_STEP.format(name=name), environment))
                warm.append(_seconds(_FIRST_STEP.format(name=name), environment))
        yield {"optimizer": name, "cold s": statistics.median(cold), "warm s": statistics.median(warm)}


def import_ms() -> float:
    """Milliseconds of `import steepest` in a process that has imported nothing."""
    return 1e3 * statistics.median(_seconds(_IMPORT, dict(os.environ)) for _ in range(7))


def extra_memory_kb() -> float:
    """How far the peak of resident memory rises over ten steps of Adam on ResNet-50's shapes, after the first."""
    step = stepper(resnet50(), steepest.Adam)
    step()
    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(10):
        step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def _seconds(program: str, environment: dict[str, str]) -> float:
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)
