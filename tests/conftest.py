"""A kernel cache for this session alone, and every law crossed with the table of configurations.

A test that takes an argument `configuration` runs once for each row of TABLE.
"""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

# Set before anything compiles: kernels are compiled once for the session, and the user's own cache is left alone.
os.environ["STEEPEST_CACHE_DIR"] = tempfile.mkdtemp(prefix="steepest-tests-")
atexit.register(shutil.rmtree, os.environ["STEEPEST_CACHE_DIR"], ignore_errors=True)

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's background: what the tests start would be deaf too
    signal.signal(signal.SIGINT, signal.default_int_handler)

from support.configurations import TABLE  # noqa: E402 - after the variable that steepest reads

ROOT = Path(__file__).parents[1]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cross every law with the table."""
    if "configuration" in metafunc.fixturenames:
        metafunc.parametrize("configuration", TABLE, ids=[row.id for row in TABLE])


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets torch's thread count for one test: `threads(3)`."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole documentation, built once, with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]  # --quiet hides warnings
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder
