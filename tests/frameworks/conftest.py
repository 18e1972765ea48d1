"""Small real runs in other people's frameworks, on this machine alone: `make test-frameworks` installs them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Before a framework imports Ray, which reads once where it may listen.
from support.ray_nodes import Nodes, nodes

os.environ |= {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _one_thread(threads: Callable[[int], None]) -> None:
    """On a busy machine a layer of 100 weights takes 60 ms with two, which wait for each other."""
    threads(1)


@pytest.fixture
def without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write no report: these tests are of what is run and stored."""
    monkeypatch.setattr("steepest.workbench.study.reports._write", lambda *_, **__: None)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    """A cluster of two nodes with a processor each."""
    with nodes("second") as found:
        yield found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Frameworks warn of themselves and of each other; what we say is asserted where it matters."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))
