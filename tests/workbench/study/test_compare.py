"""A comparison: equal budgets, fresh seeds, controls, and every kind of optimizer."""

import functools
import json
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from steepest.workbench import Candidate, Task, compare
from steepest.workbench.errors import UsageError, WorkbenchError
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.report import sentences
from support.study import SLOW, small

Make = Callable[[int], Task]


pytestmark = pytest.mark.usefixtures("without_figures")


def test_the_protocol(tiny: Make, tmp_path: Path) -> None:
    runs = small(tiny, tmp_path / "study", budget="trials=5", seeds=3).runs
    ranges, search, finalists = (runs.filter(pl.col("phase") == phase) for phase in ("range", "search", "finalists"))
    assert sorted(ranges["seed"]) == [0, 0, 1, 1, 2, 2]
    positions = {}
    for optimizer in ("sgd", "adam"):
        rates = search.filter(pl.col("optimizer") == optimizer)["rate"].sort()
        assert rates.len() == rates.n_unique() == 5
        positions[optimizer] = np.log10(rates.to_numpy())
        trained = search.filter((pl.col("optimizer") == optimizer) & (pl.col("status") == "trained"))
        best = set(trained.sort("final")["rate"][:2])
        again = finalists.filter(pl.col("optimizer") == optimizer)
        assert set(again["rate"]) == best
        assert sorted(again["seed"]) == [1, 1, 2, 2, 3, 3]
    # within each one's own range all have the same positions, to the three digits that rates are rounded to
    assert np.diff(positions["sgd"]) == pytest.approx(np.diff(positions["adam"]), abs=5e-3)
    assert set(search["seed"]) == {0}


def test_where_the_rising_runs_are_noise_the_usual_rate_is_the_middle(tiny: Make, tmp_path: Path) -> None:
    """Losses that have nothing to do with the model fall wherever chance has it, and here first at 1e-6."""

    def noise(seed: int) -> Task:
        task = tiny(seed)
        loss: Any = task.loss
        return replace(task, loss=lambda model, batch: 0 * loss(model, batch) + 1 + 0.1 * torch.rand(()))

    runs = small(noise, tmp_path / "study", optimizers=["sgd"]).runs
    rates = runs.filter(pl.col("phase") == "search")["rate"].to_list()
    assert min(rates) >= KNOWN["sgd"].centre / 10**1.5
    assert max(rates) <= KNOWN["sgd"].centre * 10**1.5


def test_the_controls(tiny: Make, tmp_path: Path) -> None:
    """The reference is a candidate like any other; nothing is tried once; usual rates have the fresh seeds."""
    found = small(tiny, tmp_path / "study", controls=True)
    runs = found.runs
    assert {row.name for row in found.numbers.rows} == {"sgd", "adam", "adamw-linear"}
    (nothing,) = runs.filter(pl.col("phase") == "control").iter_rows(named=True)
    assert (nothing["optimizer"], nothing["seed"]) == ("nothing", 0)
    usual = runs.filter(pl.col("phase") == "default")
    assert {(row["optimizer"], row["rate"]) for row in usual.iter_rows(named=True)} == {
        ("sgd", 0.1),
        ("adam", 0.001),
        ("adamw-linear", 0.001),
    }
    assert sorted(usual["seed"]) == [1, 1, 1, 2, 2, 2]
    row = next(row for row in found.numbers.rows if row.name == "adam")
    expected = usual.filter(pl.col("optimizer") == "adam")["final"].mean()
    assert row.default.estimate == pytest.approx(expected)


def test_the_state_of_an_optimizer_is_weighed(tiny: Make, tmp_path: Path) -> None:
    """Adam keeps two arrays like each parameter and a step count of four bytes; SGD keeps nothing."""
    rows = {row.name: row for row in small(tiny, tmp_path / "study", budget="trials=1", seeds=1).numbers.rows}
    parameters = list(tiny(0).model.parameters())
    numbers = sum(p.numel() for p in parameters)
    assert rows["sgd"].state_bytes == 0
    assert rows["sgd"].parameter_bytes == 4 * numbers
    assert rows["adam"].state_bytes == 2 * 4 * numbers + 4 * len(parameters)


def test_more_hyperparameters_are_searched_where_the_budget_allows(tiny: Make, tmp_path: Path) -> None:
    """Ten trials search weight decay and Adam's beta1 beside the rate; nine do not (Deep Learning Tuning Playbook)."""
    runs = small(tiny, tmp_path / "ten", budget="trials=10", seeds=1, steps=5).runs
    adam = runs.filter((pl.col("phase") == "search") & (pl.col("optimizer") == "adam"))
    betas = [json.loads(text)["beta1"] for text in adam["settings"]]
    assert len(set(betas)) > 5
    assert all(0.7 <= beta <= 0.97 for beta in betas)
    sgd = runs.filter((pl.col("phase") == "search") & (pl.col("optimizer") == "sgd"))
    for tried, names in ((sgd, {"weight_decay"}), (adam, {"weight_decay", "beta1"})):
        decays = [json.loads(text)["weight_decay"] for text in tried["settings"]]
        assert all({*json.loads(text)} == names for text in tried["settings"])
        assert len(set(decays)) > 5
        assert all(1e-6 <= decay <= 1e-2 for decay in decays)
    few = small(tiny, tmp_path / "nine", budget="trials=9", seeds=1, steps=5)
    assert set(few.runs["settings"]) == {""}


def test_rates_that_are_given_take_the_place_of_a_search(tiny: Make, tmp_path: Path) -> None:
    runs = small(tiny, tmp_path / "study", budget=None, rates="0.001:0.1:3", seeds=1).runs
    for optimizer in ("sgd", "adam"):
        tried = runs.filter((pl.col("phase") == "search") & (pl.col("optimizer") == optimizer))
        assert sorted(tried["rate"]) == [0.001, 0.01, 0.1]
    assert "range" not in set(runs["phase"])
    with pytest.raises(UsageError, match="leave out the budget"):
        small(tiny, tmp_path / "other", rates=[0.1])


def test_a_budget_of_steps_is_a_number_of_trials(tiny: Make, tmp_path: Path) -> None:
    runs = small(tiny, tmp_path / "study", budget="steps=130", seeds=1).runs
    assert runs.filter((pl.col("phase") == "search") & (pl.col("optimizer") == "sgd")).height == 130 // 40
    with pytest.raises(UsageError, match="less than one run of 40 steps"):
        small(tiny, tmp_path / "less", budget="steps=39")


def test_a_budget_of_time_ends_when_it_is_spent(tmp_path: Path) -> None:
    """Ten steps of about 20 ms: after two runs 0.3 s are spent, and the second may begin but no fourth."""
    (tmp_path / "task.py").write_text(textwrap.dedent(SLOW).replace("sleep(0.001)", "sleep(0.02)"), encoding="utf-8")
    found = compare(
        f"{tmp_path / 'task.py'}:task", ["sgd"], "time=0.3s", 1, steps=10, out=tmp_path / "study", controls=False
    )
    search = found.runs.filter(pl.col("phase") == "search")
    assert 1 <= search.height <= 2
    assert search["seconds"].sum() - search["seconds"][-1] < 0.3
    again = compare(
        f"{tmp_path / 'task.py'}:task",
        ["sgd"],
        "time=0.3s",
        1,
        steps=10,
        out=tmp_path / "study",
        controls=False,
    )
    assert again.runs.equals(found.runs)


def test_another_metric_decides(tiny: Make, tmp_path: Path) -> None:
    def task(seed: int) -> Task:
        made = tiny(seed)
        return replace(made, evaluate=lambda m: {**made.evaluate(m), "minus": -made.evaluate(m)["val_loss"]})

    plain = small(task, tmp_path / "plain").numbers
    turned = small(task, tmp_path / "turned", metric="minus", higher_is_better=True).numbers
    assert [row.name for row in turned.rows] == [row.name for row in plain.rows]
    assert turned.rows[0].mean.estimate == pytest.approx(-plain.rows[0].mean.estimate)
    with pytest.raises(
        UsageError, match=r"no metric 'mins' \(did you mean minus\?\); its evaluate gives minus, val_loss"
    ):
        small(task, tmp_path / "typo", metric="mins")
    with pytest.raises(UsageError, match="--higher-is-better or --lower-is-better"):
        small(task, tmp_path / "direction", metric="minus")


def test_within_a_seed_every_optimizer_has_the_same_start(tiny: Make, tmp_path: Path) -> None:
    runs = small(tiny, tmp_path / "study").runs
    measured = runs.filter(pl.col("phase") != "range")
    starts = measured.group_by("seed").agg(pl.col("initial").n_unique())
    assert set(starts["initial"]) == {1}
    assert measured["initial"].n_unique() == measured["seed"].n_unique()


def test_the_seed_of_the_search_never_enters_the_estimate(tiny: Make, tmp_path: Path) -> None:
    found = small(tiny, tmp_path / "study", seeds=4)
    fresh = found.runs.filter(pl.col("phase") == "finalists")
    searched = set(found.runs.filter(pl.col("phase") == "search")["final"])
    for row in found.numbers.rows:
        assert set(row.values) <= set(fresh.filter(pl.col("optimizer") == row.name)["final"])
        assert not set(row.values) & searched


def test_the_same_optimizer_under_two_names_is_a_tie(tiny: Make, tmp_path: Path) -> None:
    twins = [Candidate(name, "Adam", 0.01, "") for name in ("one", "other")]
    (pair,) = small(tiny, tmp_path / "study", optimizers=twins, seeds=4).numbers.pairs
    assert (pair.decision, pair.superiority.estimate, pair.difference) == ("tie", 0.5, (0, 0, 0))


def test_all_runs_failing_is_a_report_and_not_an_error(tiny: Make, tmp_path: Path) -> None:
    found = small(tiny, tmp_path / "study", budget=None, rates=[1e28, 1e29])
    tried = found.runs.filter(pl.col("phase") == "search")
    assert tried["status"].unique().to_list() == ["diverged"]
    with pytest.raises(WorkbenchError, match="no best"):
        found.best()
    assert "Every run failed on tiny_task" in found.summary()


@pytest.mark.usefixtures("without_figures")
def test_an_optimizer_whose_every_trial_failed_is_beaten(tiny: Make, tmp_path: Path) -> None:
    """It has no fresh seeds, and was called level with the best."""

    def hopeless(parameters: Any, lr: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=lr * 1e30)

    found = small(tiny, tmp_path / "study", optimizers=["sgd", hopeless], seeds=5).numbers
    assert [row.name for row in found.rows] == ["sgd", "hopeless"]
    assert found.pairs[0].outcome == "sgd wins"
    assert sentences.verdict(found)[0].startswith("Use sgd at ")
    wins = "It wins: it beats hopeless in every pair of runs, and in the mean over these seeds."
    assert wins in sentences.verdict(found)


@pytest.mark.usefixtures("without_figures")
def test_a_partial_function_is_an_optimizer_too(tiny: Make, tmp_path: Path) -> None:
    made = functools.partial(torch.optim.SGD, momentum=0.5)
    found = small(tiny, tmp_path / "study", optimizers=[made])
    assert [row.name for row in found.numbers.rows] == ["SGD"]


def test_a_class_and_a_name_side_by_side(tiny: Make, tmp_path: Path) -> None:
    import torch

    found = small(tiny, tmp_path / "study", optimizers=["sgd", torch.optim.Adamax])
    assert {row.name for row in found.numbers.rows} == {"sgd", "Adamax"}


def descend(p, g, *, lr=0.1):
    """A rule of a user's own."""
    p = p - lr * g
    return p


def test_a_rule_can_be_compared_as_it_is(tiny: Make, tmp_path: Path) -> None:
    runs = small(tiny, tmp_path / "study", optimizers=[descend, "sgd"], budget="trials=1").runs
    tried = runs.filter(pl.col("phase") != "range")
    ours = tried.filter(pl.col("optimizer") == "Descend").sort("phase", "seed")
    sgd = tried.filter(pl.col("optimizer") == "sgd").sort("phase", "seed")
    assert ours["rate"].to_list() == sgd["rate"].to_list()
    assert ours["final"].to_list() == pytest.approx(sgd["final"].to_list())


def test_names_may_be_given_in_one_string(tiny: Make, tmp_path: Path) -> None:
    runs = small(tiny, tmp_path / "study", optimizers="sgd, adam", budget="trials=1", seeds=1).runs
    assert set(runs["optimizer"]) == {"sgd", "adam"}
