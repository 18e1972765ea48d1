"""STEEPEST_KERNELS: which kernels tests ask for."""

import os
import subprocess
import sys

import pytest

from steepest.kernels import backend

PROGRAM = """
import sys, torch, steepest
p = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0])); p.grad = torch.tensor([1.0, -1.0, 0.5])
optimizer = steepest.SGD([p], lr=0.5, momentum=0.5)
for _ in range(2):
    optimizer.step()
from steepest.kernels.backend import backend_of
print(p.tolist(), type(backend_of("cpu")).__name__, "steepest.kernels.triton.driver" in sys.modules)
"""
STEPPED = "[-0.25, 3.25, 2.375]"  # momentum 1, then 1.5 times the gradient, each half of it


@pytest.mark.parametrize(("kernels", "walked_by"), [("", "_CPU"), ("reference", "NoneType"), ("triton", "Interpreted")])
def test_each_choice_takes_the_same_step(kernels: str, walked_by: str) -> None:
    if kernels == "triton":
        pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")
    environment = os.environ | {"STEEPEST_KERNELS": kernels, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    looks_for_a_gpu = kernels == "triton"  # else a process of the processor alone knows nothing of CUDA, and may fork
    assert done.stdout.strip() == f"{STEPPED} {walked_by} {looks_for_a_gpu}"


def test_a_choice_that_there_is_not() -> None:
    with pytest.raises(
        ValueError, match=r"STEEPEST_KERNELS is 'cuda', .* Set it to triton or reference, or to nothing"
    ):
        backend.chosen({"STEEPEST_KERNELS": "cuda"})


def test_the_interpreter_must_be_meant() -> None:
    with pytest.raises(ValueError, match="Set TRITON_INTERPRET=1 too"):
        backend.chosen({"STEEPEST_KERNELS": "triton"})
