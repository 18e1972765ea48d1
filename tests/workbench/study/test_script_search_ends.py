"""When the search of a script ends, and when one of its runs: budgets of time, and runs that fall behind."""

import statistics
import sys
from pathlib import Path

import polars as pl
import pytest

from steepest.workbench.errors import UsageError
from steepest.workbench.progress.plain import PlainLines
from steepest.workbench.progress.watcher import Watcher
from support.scripts import LR, SEED, runs, tune, write


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Writes the script, in a new working directory."""
    monkeypatch.chdir(tmp_path)
    write()
    return write


@pytest.mark.usefixtures("without_figures")
def test_runs_that_fall_behind_are_ended_with_their_processes(train):
    train("""
        import sys, time
        from pathlib import Path
        lr = float(sys.argv[2])
        for epoch in range(1, 11):
            print(f"epoch {epoch} val_loss {100 * lr + 1 / epoch:.6f}", flush=True)
            time.sleep(0.15)
        Path(f"ended-{sys.argv[2]}").touch()
    """)
    lr = ["--lr", "{lr:1e-3..1:log}"]
    made = tune(lr, budget="trials=12", seeds=1, strategy="quasi-random", prune="median")
    search = runs().filter(pl.col("phase") == "search")
    whole, ended = (search.filter(pl.col("status") == status) for status in ("trained", "pruned"))
    assert whole.height + ended.height == 12
    assert ended.height >= 2  # without the checks about half of those behind the first four
    assert set(whole["steps"]) == {10}
    assert all(steps < 10 for steps in ended["steps"])
    assert min(ended["rate"].to_list()) > statistics.median(whole["rate"].to_list())
    spared = sum(10 - steps for steps in ended["steps"])
    assert made.numbers.pruning.saved == pytest.approx(spared / 120)
    for rate in ended["rate"]:
        assert not Path(f"ended-{rate!r}").exists()


@pytest.mark.usefixtures("train")
def test_a_rule_of_no_pruner():
    with pytest.raises(UsageError, match=r"No rule 'medan' ends runs early \(did you mean median\?\)"):
        tune(LR, prune="medan")


class Stops(Watcher):
    """Breaks a study off after so many runs."""

    def __init__(self, after):
        self.left = after

    def ended(self, *what, **more):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("strategy", ["staged", "quasi-random", "grid"])
def test_a_budget_of_time(train, capsys, strategy, workers):
    train(before="import time\ntime.sleep(0.3)\n")
    given = {"budget": "time=3s", "strategy": strategy, "workers": workers, "seeds": 1}
    tune([*LR, *SEED], dry_run=True, watcher=PlainLines(sys.stderr), **given)
    assert "A search that ends after 3 seconds of training, then 3 runs of the script" in capsys.readouterr().err
    with pytest.raises(KeyboardInterrupt):
        tune([*LR, *SEED], watcher=Stops(after=3), **given)
    before = runs().filter(pl.col("phase") == "search")
    assert before.height >= 3
    tune([*LR, *SEED], **given)
    search = runs().filter(pl.col("phase") == "search")
    assert search[: before.height].equals(before)
    assert search["rate"].n_unique() == search.height
    least = 3.0 if strategy == "quasi-random" else 2.0  # a grid has an end, and staged stops where little is to gain
    assert search["seconds"].sum() >= least
    assert search["seconds"][: -workers - 1].sum() < 3.0  # one run more than it pays for, where one is made at a time
    tune([*LR, *SEED], **given)
    assert runs().filter(pl.col("phase") == "search").equals(search)


@pytest.mark.usefixtures("without_figures")
def test_a_budget_of_time_is_planned_by_the_first_run_that_trained(train):
    """A run that fails at once would make thousands of trials out of an hour."""
    train(before="import sys, time\nif float(sys.argv[2]) < 0.02: sys.exit(3)\ntime.sleep(0.5)\n")
    made = tune([*LR, *SEED], budget="time=2s", seeds=1)
    search = runs().filter(pl.col("phase") == "search")
    assert search["status"][0] == "failed to train"
    assert search["rate"][0] == 0.01
    assert 3 <= search.height <= 8
    assert "train.py" in made.summary()
