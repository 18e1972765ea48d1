"""A step on a GPU, with a driver that pretends: what is uploaded and launched, when, and what comes of it."""

import ctypes
import gc
import os
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")

from steepest import rules
from steepest.compiler.program import program
from steepest.compiler.rule import read
from steepest.kernels.backend import NO_MEMORY, PreparedStep, backend_of
from steepest.kernels.triton import driver, loading
from support import pretended_gpu
from support.configurations import TABLE, Configuration
from support.launches import Launch, assert_same_bits
from support.pretended_gpu import Pretended

SAME_SIZES = (5, 1024, 0, 9)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    monkeypatch.setattr(loading, "code", pretended_gpu.code)
    return Pretended()


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam", "ASGD", "Rprop"])
def test_its_bits_are_those_of_the_processor(name: str, gpu: Pretended) -> None:
    row: Configuration = next(row for row in TABLE if row.name == name)
    found, cpu = program(row.rule, row.hyperparameters), backend_of("cpu")
    assert cpu is not None
    assert_same_bits(
        row, found, (cpu, gpu), kinds=["float32"] * len(found.arrays), sizes=SAME_SIZES, steps=[0, 3, 3, 0]
    )


def prepared(gpu: Pretended) -> tuple[Launch, PreparedStep, dict[str, Any]]:
    rule = read(rules.adam)
    launch = Launch(program(rule, rule.hyperparameters), ["float32"] * 4, (8, 2048))
    return (
        launch,
        gpu.prepare(launch.program, ("float32",) * 4, [launch.row(i) for i in range(2)]),
        rule.hyperparameters,
    )


def test_only_what_has_changed_is_uploaded(gpu: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    launch, step, h = prepared(gpu)
    gradients, asked = [launch.address(i, 1) for i in range(2)], gpu.driver.asked
    launches = ["adam_slots 1 on 0", "adam 3 on 0"]
    asked.clear()
    step.run(gradients, h, False, 1)
    assert asked == ["upload 16 on 0", "upload 40 on 0", *launches]  # two addresses; lr, betas, eps and the direction
    asked.clear()
    step.run([*gradients], h, False, 1)
    assert asked == launches
    asked.clear()
    step.run(gradients, h | {"lr": 0.5}, False, 1)
    assert asked == ["upload 40 on 0", *launches]
    moved = launch.buffers[0][1].clone()
    asked.clear()
    monkeypatch.setattr(driver, "current_stream", lambda device: 7)
    step.run([moved.data_ptr(), gradients[1]], h | {"lr": 0.5}, False, 1)
    assert asked == ["upload 16 on 7", "adam_slots 1 on 7", "adam 3 on 7"]
    assert launch.counts.tolist() == [4.0, 4.0]


def test_nothing_is_launched_where_a_gradient_has_no_memory(gpu: Pretended) -> None:
    launch, step, h = prepared(gpu)
    gpu.driver.asked.clear()
    assert step.run([0, launch.address(1, 1)], h, False, 1) == NO_MEMORY
    assert gpu.driver.asked == []
    with pytest.raises(TypeError):
        step.run([launch.address(i, 1) for i in range(2)], h | {"lr": None}, False, 1)
    assert gpu.driver.asked == []
    assert launch.counts.tolist() == [0.0, 0.0]


def test_its_memory_is_given_back(gpu: Pretended) -> None:
    _, step, _ = prepared(gpu)
    assert len(gpu.driver.memory) == 7
    del step
    gc.collect()
    assert gpu.driver.memory == {}


PROGRAM = """
import sys
from steepest import rules
from steepest.compiler.program import program
from steepest.compiler.rule import read
from steepest.kernels.triton import loading, slots
from steepest.kernels.triton.target import Target
rule = read(rules.sgd)
found = program(rule, rule.hyperparameters)
arguments = tuple(slots.ARGUMENTS.items())
code = loading.code(slots.text(found, "float32"), slots.name_of(found), arguments, "float32", Target("cuda", 90))
assert code.entry == "sgd_slots" and code.threads == 128 and code.shared == 0 and code.binary[:4] == b"\\x7fELF"
print(loading.compilations, "triton" in sys.modules)
"""


def test_a_warm_process_does_not_import_triton(tmp_path) -> None:
    tmp_path.chmod(0o700)
    environment = os.environ | {"STEEPEST_CACHE_DIR": str(tmp_path), "TRITON_CACHE_DIR": str(tmp_path / "triton")}
    for expected in ("1 True", "0 False"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == expected


class Library:
    """The driver's own functions, as far as they say what they were called with."""

    def __init__(self, status: int = 0) -> None:
        self.called: list[str] = []
        self.status = status

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any) -> int:
            self.called.append(name)
            return 0 if name == "cuInit" else self.status

        setattr(self, name, call)
        return call


def test_a_context_is_made_current_for_each_call_and_put_back() -> None:
    library = Library()
    made = driver.Driver(library)
    for _ in range(2):
        with made.on(1):
            made.wait()
    pushed = ["cuCtxPushCurrent_v2", "cuCtxSynchronize", "cuCtxPopCurrent_v2"]
    assert library.called == ["cuInit", "cuDevicePrimaryCtxRetain", *pushed, *pushed]


def test_an_error_of_the_driver_is_said() -> None:
    made = driver.Driver(Library(status=700))
    with pytest.raises(driver.DriverError, match="cuMemAlloc_v2 of the GPU's driver failed with error 700"):
        made.allocate(16)
    with pytest.raises(driver.DriverError, match="did not launch adam: error 700"):
        made.launch(0, loading.Code("adam", 128, 0, (), b""), 1, driver.Packed([1, 2]), 0)


def test_arguments_lie_where_the_driver_looks() -> None:
    packed = driver.Packed([11, 2**40, 3])
    places = (ctypes.c_uint64 * 5).from_address(packed.address)
    assert [ctypes.c_uint64.from_address(at).value for at in places] == [11, 2**40, 3, 0, 0]
