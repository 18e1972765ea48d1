"""A step on a GPU, with a driver that pretends: what is uploaded and launched, when, and what comes of it."""

import ctypes
import gc
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")

from steepest import rules
from steepest.compiler.program import program
from steepest.compiler.rule import read
from steepest.kernels.backend import NO_MEMORY, TAKEN, PreparedStep, Row, backend_of
from steepest.kernels.triton import driver, loading
from support.configurations import TABLE, Configuration
from support.launches import Launch, assert_same_bits
from support.pretended_gpu import Pretended

SAME_SIZES = (5, 1024, 0, 9)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    return Pretended(monkeypatch)


ON_HOST = pytest.mark.parametrize("numbers_on_host", [False, True], ids=["numbers on device", "numbers on host"])


@ON_HOST
@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam", "ASGD", "Rprop"])
def test_its_bits_are_those_of_the_processor(name: str, numbers_on_host: bool, gpu: Pretended) -> None:
    row: Configuration = next(row for row in TABLE if row.name == name)
    found, cpu = program(row.rule, row.hyperparameters), backend_of("cpu")
    assert cpu is not None
    for steps in ([0, 3, 3, 0], [2, 2, 2, 2]):
        assert_same_bits(
            row, found, (cpu, gpu), kinds=["float32"] * len(found.arrays), sizes=SAME_SIZES, steps=steps,
            numbers_on_host=numbers_on_host,
        )  # fmt: skip


def prepared(gpu: Pretended, **made: Any) -> tuple[Launch, PreparedStep, dict[str, Any]]:
    rule = read(rules.adam)
    launch = Launch(program(rule, rule.hyperparameters), ["float32"] * 4, (8, 2048), **made)
    return (
        launch,
        gpu.prepare(launch.program, ("float32",) * 4, [launch.row(i) for i in range(2)]),
        rule.hyperparameters,
    )


def test_only_what_has_changed_is_uploaded(gpu: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    launch, step, h = prepared(gpu)
    gradients, asked = [launch.address(i, 1) for i in range(2)], gpu.cuda.asked
    launches = ["adam_slots 1 on 0", "adam 3 on 0"]
    step.run(gradients, h, False, 1)
    assert asked == [launches[0], "upload 16 on 0", launches[1]]  # two addresses
    asked.clear()
    step.run([*gradients], h, False, 1)
    assert asked == launches
    asked.clear()
    step.run(gradients, h | {"lr": 0.5}, False, 1)
    assert asked == ["upload 40 on 0", *launches]  # lr, betas, eps and the direction
    moved = launch.buffers[0][1].clone()
    asked.clear()
    monkeypatch.setattr(driver, "current_stream", lambda device: 7)
    step.run([moved.data_ptr(), gradients[1]], h | {"lr": 0.5}, False, 1)
    assert asked == ["adam_slots 1 on 7", "upload 16 on 7", "adam 3 on 7"]
    assert launch.counts.tolist() == [4.0, 4.0]


def test_where_counts_are_on_the_host_one_row_of_numbers_is_uploaded(gpu: Pretended) -> None:
    launch, step, h = prepared(gpu, numbers_on_host=True)
    gradients, asked = [launch.address(i, 1) for i in range(2)], gpu.cuda.asked
    step.run(gradients, h, False, 1)
    asked.clear()
    step.run(gradients, h, False, 1)
    numbers = 4 * (2 + len(launch.program.slots))
    assert asked == [f"upload {numbers} on 0", "adam 3 on 0"]
    assert launch.counts.tolist() == [2.0, 2.0]
    launch.counts[1] = 7
    asked.clear()
    step.run(gradients, h, False, 1)
    assert asked == [f"upload {2 * numbers} on 0", "adam 3 on 0"]
    assert launch.counts.tolist() == [3.0, 8.0]


@ON_HOST
def test_nothing_is_launched_where_a_gradient_has_no_memory(numbers_on_host: bool, gpu: Pretended) -> None:
    launch, step, h = prepared(gpu, numbers_on_host=numbers_on_host)
    assert step.run([0, launch.address(1, 1)], h, False, 1) == NO_MEMORY
    with pytest.raises(TypeError):
        step.run([launch.address(i, 1) for i in range(2)], h | {"lr": None}, False, 1)
    assert gpu.cuda.asked == []
    assert launch.counts.tolist() == [0.0, 0.0]


@ON_HOST
def test_its_memory_is_given_back(numbers_on_host: bool, gpu: Pretended) -> None:
    launch, step, h = prepared(gpu, numbers_on_host=numbers_on_host)
    step.run([launch.address(i, 1) for i in range(2)], h, False, 1)
    assert gpu.cuda.blocks
    del step
    gc.collect()
    assert gpu.cuda.blocks == {}


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
            made.is_capturing(0)
    pushed = ["cuCtxPushCurrent_v2", "cuStreamIsCapturing", "cuCtxPopCurrent_v2"]
    assert library.called == ["cuInit", "cuDevicePrimaryCtxRetain", *pushed, *pushed]


def test_each_device_has_its_context_and_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps of one process, in a thread that has no context."""
    gpu = Pretended(monkeypatch, devices=2)
    monkeypatch.setattr(driver, "current_stream", lambda device: 50 + device)
    launches = [prepared(gpu)[0] for _ in range(2)]
    on_second = {launches[1].address(row, array) for row in range(2) for array in range(4)}
    gpu.cuda.device_of = lambda address: int(address in on_second)
    steps = [gpu.prepare(one.program, ("float32",) * 4, [one.row(i) for i in range(2)]) for one in launches]
    gpu.cuda.asked.clear()

    def run() -> None:
        for launch, step in zip(launches, steps, strict=True):
            step.run([launch.address(i, 1) for i in range(2)], read(rules.adam).hyperparameters, False, 1)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert [one.rpartition(" ")[2] for one in gpu.cuda.asked] == ["50"] * 3 + ["51"] * 3
    assert [launch.counts.tolist() for launch in launches] == [[1.0, 1.0]] * 2


def test_a_table_of_empty_tensors_needs_no_device(gpu: Pretended) -> None:
    rule = read(rules.sgd)
    empty = [Row(0, 0, (), 0, False, frozenset())] * 2
    step = gpu.prepare(program(rule, rule.hyperparameters), ("float32", "float32"), empty)
    assert step.run([0, 0], rule.hyperparameters, False, 1) == TAKEN


def test_an_error_of_the_driver_is_said() -> None:
    made = driver.Driver(Library(status=700))
    with pytest.raises(driver.DriverError, match="cuMemAlloc_v2 of the GPU's driver failed with error 700"):
        made.placed(0, bytes(16))
    with pytest.raises(driver.DriverError, match="did not launch adam: error 700"):
        driver.Kernel(made, loading.Code("adam", 128, 0, (), b""), 0)(1, driver.Packed([1, 2]), 0)


def test_room_is_made_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, made = Pretended(monkeypatch), []
    full = iter([2, 0])
    allocate = gpu.cuda.cuMemAlloc_v2
    monkeypatch.setattr(gpu.cuda, "cuMemAlloc_v2", lambda *given: next(full) or allocate(*given))
    monkeypatch.setattr(driver, "make_room", lambda: made.append(1))
    with gpu.driver.on(0):
        assert gpu.driver.placed(0, b"12345678") in gpu.cuda.blocks
    assert made == [1]


def test_arguments_lie_where_the_driver_looks() -> None:
    packed = driver.Packed([11, 2**40, 3])
    places = (ctypes.c_uint64 * 5).from_address(packed.address)
    assert [ctypes.c_uint64.from_address(at).value for at in places] == [11, 2**40, 3, 0, 0]
