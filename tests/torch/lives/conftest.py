"""100,000 random lives, for `make test-all`: four files, since the tests of one file run in one process.

Each test lives 250 of them, by its number.  What is done in a life, and what is asked of
it, stands in `test_misuse.py`.
"""

from collections.abc import Iterator

import pytest

from support import one_process

FILES = ("test_first_lives", "test_second_lives", "test_third_lives", "test_fourth_lives")
TESTS = 400


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The numbers of a file's tests."""
    each = TESTS // len(FILES)
    first = each * FILES.index(metafunc.module.__name__.rpartition(".")[2])
    metafunc.parametrize("number", range(first, first + each))


@pytest.fixture(autouse=True, scope="module")
def _alone() -> Iterator[None]:
    with one_process.group():
        yield
