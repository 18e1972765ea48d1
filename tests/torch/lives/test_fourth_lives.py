"""The fourth quarter of the random lives; see conftest.py."""

import pytest

from support.lives import live_by_number

pytestmark = pytest.mark.exhaustive


def test_lives(number):
    live_by_number(number)
