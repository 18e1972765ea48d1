"""This folder again on the backends that this process does not have: Keras knows one a process."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steepest.keras.base import IS_TORCH

HERE = Path(__file__)


BACKENDS = ("jax", "tensorflow")


@pytest.fixture(scope="module")
def started(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[dict[str, tuple[subprocess.Popen[bytes], Path]]]:
    """This folder's tests on each backend, at the same time: alone they take minutes, and one core."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE.parent), f"--ignore={HERE}"]
    command += ["--exhaustive"] if pytestconfig.getoption("exhaustive") else []
    running = {}
    for backend in filter(importlib.util.find_spec, BACKENDS):
        said = tmp_path_factory.mktemp(backend) / "said.txt"
        environment = {**os.environ, "KERAS_BACKEND": backend}
        with said.open("wb") as file:
            process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, env=environment, cwd=HERE.parents[2]
            )
        running[backend] = process, said
    yield running
    for process, _ in running.values():
        process.kill()
        process.wait()


@pytest.mark.skipif(not IS_TORCH, reason="this is the other process")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("backend", BACKENDS)
def test_everything_holds_on(backend: str, started: dict[str, tuple[subprocess.Popen[bytes], Path]]) -> None:
    if backend not in started:
        pytest.skip(f"{backend} has no package for this machine or Python")
    process, said = started[backend]
    process.wait()
    assert process.returncode == 0, said.read_text(encoding="utf-8")[-6000:]


def run(program: str, environment: dict[str, str] | None = None) -> str:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(not IS_TORCH, reason="once is enough")
def test_torch_is_imported_where_keras_runs_on_it_only() -> None:
    program = """
import os, sys
os.environ["KERAS_BACKEND"] = "jax"
import keras, numpy as np
import steepest.keras as ours
optimizer, variable = ours.Adam(), keras.Variable(np.ones(3))
optimizer.apply([np.ones(3)], [variable])
print("torch" in sys.modules, "tensorflow" in sys.modules, "numba" in sys.modules)
"""
    assert run(program) == "False False False"


@pytest.mark.skipif(not IS_TORCH, reason="once is enough")
def test_steepest_alone_imports_no_keras() -> None:
    assert run("import sys, steepest; steepest.rules; print('keras' in sys.modules)") == "False"


@pytest.mark.skipif(not IS_TORCH, reason="once is enough")
def test_a_missing_extra_is_answered_with_what_to_type() -> None:
    program = "import sys; sys.modules['keras'] = None\ntry: import steepest.keras\nexcept ImportError as e: print(e)"
    assert run(program).endswith("pip install 'steepest[keras]'")


@pytest.mark.skipif(not IS_TORCH, reason="once is enough")
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_missing_backend_is_answered_with_what_to_type(backend: str, tmp_path: Path) -> None:
    """Keras is there; it takes TensorFlow where KERAS_BACKEND is not set, as after `pip install 'steepest[keras]'`."""
    program = (
        f"import sys; sys.modules[{backend!r}] = None\ntry: import steepest.keras\nexcept ImportError as e: print(e)"
    )
    chosen = {"KERAS_BACKEND": "jax"} if backend == "jax" else {}
    rest = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    said = run(program, {**rest, **chosen, "KERAS_HOME": str(tmp_path)})
    assert said.startswith("Keras is installed, but not its backend: ")
    assert backend in said.partition(". Name another one")[0]
    assert "KERAS_BACKEND=torch" in said
    assert said.endswith(f"pip install {backend}")


@pytest.mark.skipif(not IS_TORCH, reason="the kernels are torch's")
def test_the_step_is_a_kernel(new_variables, gradients_of) -> None:
    """One launch for all variables, and the state lies in Keras's own."""
    from steepest import keras as ours

    optimizer, stepped = ours.Adam(), new_variables()
    optimizer.apply(gradients_of(1), stepped)
    [[plan]] = optimizer._fused.inner._plans.values()
    assert plan.is_one_batch
    state = optimizer._fused.inner.state[stepped[0].value]
    assert state["exp_avg"] is optimizer.variables[2].value
    assert float(abs(state["exp_avg"]).sum()) > 0
