"""Small real runs in other people's frameworks, on this machine alone: `make test-frameworks` installs them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import support.ray_nodes  # noqa: F401 - before a framework imports Ray, which reads once where it may listen

os.environ |= {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _one_thread(threads: Callable[[int], None]) -> None:
    """On a busy machine a layer of 100 weights takes 60 ms with two, which wait for each other."""
    threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Frameworks warn of themselves and of each other; what we say is asserted where it matters."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore"))
