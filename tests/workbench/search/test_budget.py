"""Budgets: what can be typed."""

import pytest

from steepest.workbench.errors import UsageError
from steepest.workbench.search.budget import parsed_budget


@pytest.mark.parametrize(
    "budget", ["trials=0", "0", "trials=-3", "trials=many", "time=2", "steps=1.5", "steps=inf", "hours=2", ""]
)
def test_a_budget_that_cannot_be_used(budget: str) -> None:
    with pytest.raises(UsageError, match="trials=N"):
        parsed_budget(budget)
