"""A kernel cache for this session alone, and every law crossed with the table of configurations.

A test that takes an argument `configuration` runs once for each row of TABLE, or of REPRESENTATIVES if it is marked
`structure`.  `--exhaustive` runs all of them on TABLE, and what is marked `exhaustive` too.
"""

import atexit
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from filelock import FileLock  # torch needs it too

# Set before anything compiles: kernels are compiled once for the session, and the user's own cache is left alone.  The
# workers of pytest-xdist share the folder: a file in it is written whole or not at all, whoever comes first.
IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if not IS_WORKER:
    os.environ["STEEPEST_CACHE_DIR"] = tempfile.mkdtemp(prefix="steepest-tests-")
    atexit.register(shutil.rmtree, os.environ["STEEPEST_CACHE_DIR"], ignore_errors=True)

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's background: what the tests start would be deaf too
    signal.signal(signal.SIGINT, signal.default_int_handler)
if IS_WORKER:  # threads of torch's that wait for work keep the other workers from theirs
    torch.set_num_threads(max(1, torch.get_num_threads() // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))

from support.configurations import REPRESENTATIVES, TABLE  # noqa: E402 - after the variable that steepest reads
from support.ranks import Group, Ranks  # noqa: E402
from support.site import built  # noqa: E402

LONGEST = ("tests/keras/test_backends.py", "tests/workbench/", "tests/test_docs_api.py")
"""Files whose tests wait for processes of their own, for minutes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test-all`."""
    parser.addoption("--exhaustive", action="store_true", help="laws of structure on all configurations, and long runs")


def pytest_configure(config: pytest.Config) -> None:
    """XLA works for three minutes on programs that run for a second; `--exhaustive` tests what it makes of them."""
    if not config.getoption("exhaustive"):
        os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cross every law with the table, or with those that stand for it."""
    if "configuration" in metafunc.fixturenames:
        few = metafunc.definition.get_closest_marker("structure") and not metafunc.config.getoption("exhaustive")
        rows = REPRESENTATIVES if few else TABLE
        metafunc.parametrize("configuration", rows, ids=[row.id for row in rows])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only `make test-all` runs; several workers begin with what takes longest."""
    if not config.getoption("exhaustive"):
        left_out = {item for item in items if item.get_closest_marker("exhaustive")}
        config.hook.pytest_deselected(items=[*left_out])
        items[:] = [item for item in items if item not in left_out]
    if IS_WORKER:
        items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(autouse=True, scope="module")
def _little_to_collect() -> None:
    """Spare the collector what earlier files have imported, compiled and traced.

    A million objects: to look at them took a quarter of some files' time, and half a second where a test collects.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets torch's thread count for one test: `threads(3)`."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """`ranks(2).run(function, *args)`: what the function returns on each of two ranks, which a file's tests share."""
    groups: dict[int, Ranks] = {}

    def of(count: int) -> Ranks:
        return groups.setdefault(count, Ranks(count, tmp_path_factory.mktemp(f"ranks-{count}")))

    yield of
    for group in groups.values():
        group.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole documentation; built by the first worker that needs it, for all of them."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if IS_WORKER else own) / "site"
    with FileLock(f"{folder}.lock"):
        return built(folder)
