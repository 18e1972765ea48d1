"""A study: equal budgets, fresh seeds, resumed by default, and never lost."""

import json
import os
import signal
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from steepest.workbench import Candidate, Comparison, Task, compare
from steepest.workbench.errors import TaskError, UsageError, WorkbenchError
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.search.budget import parsed
from steepest.workbench.store.record import Record
from support.study import KEY, OPTIONS, SLOW, intact, launch, results, wait_for, write_task

Make = Callable[[int], Task]
pytestmark = pytest.mark.usefixtures("without_figures")


def small(task: Make | str, out: Path, **changes: Any) -> Comparison:
    arguments: dict[str, Any] = {
        "optimizers": ["sgd", "adam"],
        "budget": "trials=3",
        "seeds": 2,
        "out": out,
        "controls": False,
    }
    return compare(task, **(arguments | changes))


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
        return replace(task, loss=lambda model, batch: 0 * task.loss(model, batch) + 1 + 0.1 * torch.rand(()))

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
    """Ten trials search Adam's beta1 beside its rate; nine do not (Deep Learning Tuning Playbook)."""
    runs = small(tiny, tmp_path / "ten", budget="trials=10", seeds=1, steps=5).runs
    adam = runs.filter((pl.col("phase") == "search") & (pl.col("optimizer") == "adam"))
    betas = [json.loads(text)["beta1"] for text in adam["settings"]]
    assert len(set(betas)) > 5
    assert all(0.7 <= beta <= 0.97 for beta in betas)
    assert set(runs.filter(pl.col("optimizer") == "sgd")["settings"]) == {""}
    few = small(tiny, tmp_path / "nine", budget="trials=9", seeds=1, steps=5)
    assert set(few.runs["settings"]) == {""}


def test_the_call_to_paste_says_every_setting() -> None:
    adam = KNOWN["adam"]
    assert adam.call({"beta1": 0.85}) == "steepest.Adam(model.parameters(), lr=RATE, betas=(0.85, 0.999))"
    assert adam.options_with({"beta1": 0.85, "beta2": 0.99, "eps": 1e-6}) == {"betas": (0.85, 0.99), "eps": 1e-6}
    momentum = KNOWN["momentum"]
    assert momentum.call({"momentum": 0.95}) == "steepest.SGD(model.parameters(), lr=RATE, momentum=0.95)"
    assert momentum.call() == "steepest.SGD(model.parameters(), lr=RATE, momentum=0.9)"


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


def test_the_same_call_again_runs_nothing(tiny: Make, tmp_path: Path) -> None:
    before = small(tiny, tmp_path / "study").runs
    assert small(tiny, tmp_path / "study").runs.equals(before)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"budget": "trials=4"}, "trials=3, not trials=4"),
        ({"seeds": 3}, "seeds=2, not seeds=3"),
        ({"steps": 11}, "steps=40, not steps=11"),
        ({"optimizers": ["sgd"]}, "optimizers=sgd@0.1,adam@0.001, not optimizers=sgd@0.1;"),
    ],
)
def test_a_changed_configuration_is_named(tiny: Make, tmp_path: Path, change: dict, named: str) -> None:
    runs = small(tiny, tmp_path / "study").runs
    with pytest.raises(WorkbenchError, match=named) as refused:
        small(tiny, tmp_path / "study", **change)
    assert "--fresh" in str(refused.value)
    with Record(tmp_path / "study") as record:
        assert record.runs().equals(runs)
    again = small(tiny, tmp_path / "study", **change, fresh=True)
    assert again.runs.height == len(set(again.runs.select(KEY).iter_rows()))


def test_fresh_touches_nothing_that_is_not_a_study(tiny: Make, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    for fresh in (False, True):
        with pytest.raises(WorkbenchError, match="not a study"):
            small(tiny, tmp_path, fresh=fresh)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_fresh_keeps_other_files_in_a_study(tiny: Make, tmp_path: Path) -> None:
    small(tiny, tmp_path / "study")
    (tmp_path / "study" / "notes.txt").write_text("mine", encoding="utf-8")
    small(tiny, tmp_path / "study", fresh=True)
    assert (tmp_path / "study" / "notes.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    "budget", ["trials=0", "0", "trials=-3", "trials=many", "time=2", "steps=1.5", "steps=inf", "hours=2", ""]
)
def test_a_budget_that_cannot_be_used(budget: str) -> None:
    with pytest.raises(UsageError, match="trials=N"):
        parsed(budget)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seeds": 0}, "at least 1, better 5"),
        ({"steps": 0}, "trains nothing"),
        ({"optimizers": ["adamm"]}, "did you mean adam"),
        ({"optimizers": []}, "nothing to compare"),
        ({"optimizers": ["adam", "Adam"]}, "Named twice: adam"),
        ({"optimizers": ["adam", 5]}, "5 is no optimizer"),
    ],
)
def test_arguments_that_cannot_be_used(tiny: Make, tmp_path: Path, change: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        small(tiny, tmp_path / "study", **change)
    assert not (tmp_path / "study").exists()


def test_a_folder_that_cannot_be_made(tiny: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(WorkbenchError, match="is a file"):
        small(tiny, tmp_path / "file")
    with pytest.raises(WorkbenchError, match="cannot be written"):
        small(tiny, tmp_path / "file" / "below")


def test_a_task_that_raises_half_way_loses_nothing(tiny: Make, tmp_path: Path) -> None:
    broken = True

    def task(seed: int) -> Task:
        if broken and seed == 4:
            raise KeyError("the user's own mistake")
        return tiny(seed)

    with pytest.raises(TaskError, match="seed 4") as raised:
        small(task, tmp_path / "study", seeds=4)
    assert "own mistake" in raised.value.details
    assert "workbench/training/run.py" not in raised.value.details
    assert "workbench/study.py" not in raised.value.details
    with Record(tmp_path / "study") as record:
        kept = record.runs()
    assert kept.height == 6 + 6 + 3 * 2 * 2  # rising runs, trials, three of the four fresh seeds
    broken = False
    finished = small(task, tmp_path / "study", seeds=4).runs
    assert finished.filter(pl.col("phase") == "finalists").height == 4 * 2 * 2
    assert finished[: kept.height].equals(kept)


def test_all_runs_failing_is_a_report_and_not_an_error(tiny: Make, tmp_path: Path) -> None:
    found = small(tiny, tmp_path / "study", budget=None, rates=[1e28, 1e29])
    tried = found.runs.filter(pl.col("phase") == "search")
    assert tried["status"].unique().to_list() == ["diverged"]
    with pytest.raises(WorkbenchError, match="no best"):
        found.best()
    assert "None of the optimizers trained" in found.summary()


def test_a_class_and_a_name_side_by_side(tiny: Make, tmp_path: Path) -> None:
    import torch

    found = small(tiny, tmp_path / "study", optimizers=["sgd", torch.optim.Adamax])
    assert {row.name for row in found.numbers.rows} == {"sgd", "Adamax"}


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task file, and beside it the folder of an undisturbed study."""
    folder = tmp_path_factory.mktemp("slow")
    write_task(folder)
    compare(f"{folder / 'slow.py'}:task", ["sgd", "adam"], "trials=3", 2, out=folder / "undisturbed", controls=False)
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_same_command_goes_on(slow: Path, tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "study"
    process = launch(slow, out)
    wait_for(process, out, 8)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"steepest compare {slow / 'slow.py'}:task {' '.join(OPTIONS)} --out {out}" in errors
    assert "Traceback" not in errors
    assert intact(out)
    with Record(out) as record:
        assert "finalists" not in set(record.runs()["phase"])
        assert record._frame("SELECT phase, optimizer, rate, settings, seed FROM interrupted").height == 1
    process = launch(slow, out)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "report" in output
    assert results(out).equals(results(slow / "undisturbed"))


def test_a_killed_process_loses_at_most_the_run_under_way(slow: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    for runs in (2, 9):
        process = launch(slow, out)
        wait_for(process, out, runs)
        process.kill()
        process.communicate()
        assert intact(out)
        with Record(out) as record:
            assert record.runs().height >= runs
    compare(f"{slow / 'slow.py'}:task", ["sgd", "adam"], "trials=3", 2, out=out, controls=False)
    assert results(out).equals(results(slow / "undisturbed"))


def test_the_second_signal_aborts_at_once(tmp_path: Path) -> None:
    stuck = textwrap.dedent(SLOW).replace("time.sleep(0.001)", "time.sleep(stuck())")
    stuck += textwrap.dedent(f"""
        from pathlib import Path
        calls = []

        def stuck():
            calls.append(0)
            if len(calls) <= 300:
                return 0
            Path({str(tmp_path / "in_the_step")!r}).touch()
            return 60
    """)
    (tmp_path / "slow.py").write_text(stuck, encoding="utf-8")
    process = launch(tmp_path, tmp_path / "study")
    limit = time.monotonic() + 60
    while not (tmp_path / "in_the_step").exists() and time.monotonic() < limit:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "at once" in errors


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
