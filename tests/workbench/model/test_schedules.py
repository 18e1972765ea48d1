"""Schedules end where the run ends."""

import pytest

from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.schedules import with_schedules

ENDS = {
    "linear": 0.0,
    "cosine": 0.0,
    "warmup-cosine": 0.0,
    "wsd": 0.0,
    "one-cycle": 1 / 25e4,
    "inverse-sqrt": 0.05**0.5,
}


@pytest.mark.parametrize("name", ENDS)
def test_a_schedule_ends_where_the_run_does(name: str) -> None:
    (candidate,) = with_schedules([KNOWN["adam"]], name, 1000)
    curve = candidate.curve(1.0)
    assert curve(1000) == pytest.approx(ENDS[name], abs=1e-12)
    assert max(curve(step) for step in range(1001)) == pytest.approx(1.0)
