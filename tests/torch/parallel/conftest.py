"""Ranks that the tests of a file share."""

from collections.abc import Iterator

import pytest

from support.ranks import Group, Ranks


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """`ranks(2).run(function, *args)`: what the function returns on each of two ranks."""
    groups: dict[int, Ranks] = {}

    def of(count: int) -> Ranks:
        return groups.setdefault(count, Ranks(count, tmp_path_factory.mktemp(f"ranks-{count}")))

    yield of
    for group in groups.values():
        group.close()
