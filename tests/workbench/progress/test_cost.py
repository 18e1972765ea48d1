"""What a study will cost, said before it begins: by hand, in the terminal, as JSON, and without a terminal."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from steepest.workbench import Task, compare
from steepest.workbench.model.cost import Cost, Pace
from steepest.workbench.model.key import Key
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.plan import Plan
from steepest.workbench.progress.plain import PlainLines
from steepest.workbench.progress.words import about, sentence
from steepest.workbench.search.budget import parsed_budget
from steepest.workbench.study.cost import cost_of
from steepest.workbench.training.at_once.possible import AtOnce
from support.command import Done
from support.watching import Log

PLAN = Plan("by-hand", [KNOWN[name].described() for name in ("sgd", "adam")], "trials=16", 5, 95, "val_loss", False)


def test_a_cost_by_hand() -> None:
    """Two optimizers with 16 trials, 5 seeds of two settings and of the usual rate, 2 diagnoses and 3 rising runs."""
    found = cost_of(PLAN, parsed_budget("trials=16"), Pace(step=0.1, around=2.0), workers=2)
    whole = 2 * (16 + 3 * 5 + 2) + 1  # and the optimizer that does nothing; Adam untuned is one of the two
    steps = whole * 95 + 6 * 50
    assert (found.runs, found.all_steps) == (whole + 6, steps)
    assert found.seconds == pytest.approx((0.1 * steps + 2.0 * (whole + 6)) / 2)
    assert found.cheaper == ("trials=8", pytest.approx(found.seconds - 2 * 8 * (9.5 + 2.0) / 2))


def test_runs_at_once_are_counted_by_hand() -> None:
    """But the rising runs, and groups of fewer than five: here the four diagnoses."""
    found = cost_of(PLAN, parsed_budget("trials=16"), Pace(0.1, 2.0), 2, at_once=AtOnce(64, False, 4.0))
    steps = found.all_steps
    together = (2 * 16 + 2 * 3 * 5) * 95
    assert found.seconds == pytest.approx((0.1 * (steps - together * 3 / 4) + 2.0 * found.runs) / 2)
    assert found.at_once == 64
    assert "steps, up to 64 at once, about" in sentence(found)
    by_seed = cost_of(PLAN, parsed_budget("trials=16"), Pace(0.1, 2.0), 2, at_once=AtOnce(64, True, 4.0))
    assert by_seed.seconds == pytest.approx(found.seconds), "six runs of each fresh seed are a group too"
    never = cost_of(PLAN, parsed_budget("trials=16"), Pace(0.1, 2.0), 2, at_once=AtOnce(0, why="it has hooks"))
    assert never == cost_of(PLAN, parsed_budget("trials=16"), Pace(0.1, 2.0), 2)


def test_the_trials_of_a_model_are_counted_one_by_one() -> None:
    """AdamW with 32 trials: six of defaults and rates, five with the decay, seven of the others; then the model's."""
    plan = replace(PLAN, optimizers=[KNOWN["adamw"].described()], strategy="staged", seeds=0, controls=False)
    given = plan, parsed_budget("trials=32"), Pace(0.1, 0.0), 1
    alone, together = cost_of(*given), cost_of(*given, at_once=AtOnce(64, False, 2.0))
    assert alone.seconds - together.seconds == pytest.approx(0.1 * 95 * (6 + 5 + 7) / 2)
    pruned = cost_of(replace(plan, prune="median"), *given[1:], at_once=AtOnce(64, False, 2.0))
    assert pruned.seconds == pytest.approx(alone.seconds)


def test_what_is_done_costs_nothing() -> None:
    found = cost_of(PLAN, parsed_budget("trials=16"), Pace(0.1, 0.0), 1, done=73, done_steps=6665)
    assert (found.runs, found.all_steps, found.seconds) == (0, 0, 0)


def test_it_is_said_in_one_sentence() -> None:
    said = sentence(Cost(109, 95, 9000, 2100, 1, ("trials=8", 1440)))
    assert said == "109 runs of 95 steps, about 35 minutes with 1 worker; --budget trials=8: about 24 minutes"
    assert [about(seconds) for seconds in (0.2, 40, 91, 9000, 90_000)] == [
        "1 second",
        "40 seconds",
        "2 minutes",
        "2.5 hours",
        "25 hours",
    ]


def test_a_dry_run_says_the_cost_and_writes_nothing(steepest: Callable[..., Done], tmp_path: Path) -> None:
    done = steepest("compare", "digits-mlp", "--steps", "40", "--dry-run", "--json")
    (event,) = map(json.loads, done.out.splitlines())
    assert (done.code, event["event"], event["workers"]) == (0, "cost", 1)
    # five optimizers: 16 trials, 15 fresh runs, 2 diagnoses and 3 rising runs each; and doing nothing
    assert (event["runs"], event["steps"]) == (5 * 36 + 1, 40)
    assert event["seconds"] > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("without_figures")
def test_the_cost_that_was_said_is_what_is_made(tiny: Callable[[int], Task], tmp_path: Path) -> None:
    """But for the first rate that failed of each of the three, of which there is none."""
    told: list[Cost] = []
    log = Log()
    log.cost = told.append  # type: ignore[method-assign]
    found = compare(tiny, ["sgd", "rmsprop"], rates=[0.01, 0.02], seeds=2, out=tmp_path / "study", watcher=log)
    (cost,) = told
    assert found.runs.height == cost.runs - 3
    assert "untuned adam" in set(found.runs["optimizer"])  # neither of the two, but the yardstick


def test_lines_without_a_terminal() -> None:
    """One at the start, one a minute, one at the end; a control that fails is no failure."""
    stream, now = io.StringIO(), [0.0]
    lines = PlainLines(stream, clock=lambda: now[0])
    lines.cost(Cost(4, 100, 400, 240, 1))
    lines.begin(PLAN, 4, 0)
    for seconds in range(0, 130, 10):
        now[0] = float(seconds)
        lines.at_step(seconds)
        if seconds == 50:
            lines.ended(Key("control", "nothing", 0.0, 0), "failed to train", None, False)
            lines.ended(Key("search", "adam", 0.1, 0), "diverged", None, False)
    lines.close()
    assert stream.getvalue().splitlines() == [
        "4 runs of 100 steps, about 4 minutes with 1 worker.",
        "by-hand: 2 of about 4 runs, 1 failed, about 60 seconds left",
        "by-hand: 2 of about 4 runs, 1 failed, about 2 minutes left",
        "by-hand: 2 runs, 1 failed, 2 minutes.",
    ]
