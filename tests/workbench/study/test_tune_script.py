"""A script that nobody wrote for it is searched: same points after a break, failures recorded, sentences that help.

The scripts here import nothing: what torch does in them is in tests/workbench/scripts/test_from_outside.py and
tests/frameworks/test_scripts.py.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from steepest.workbench.errors import TaskError, UsageError, WorkbenchError
from support.scripts import LR, SEED, TRAIN, runs, tune, write
from support.study import WITHOUT_REPORT, results, runs_in


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Writes the script, in a new working directory."""
    monkeypatch.chdir(tmp_path)
    write()
    return write


def last_value(lr, width, seed):
    """What the script ends at, by its own arithmetic."""
    printed = subprocess.run(
        [sys.executable, "train.py", "--lr", repr(lr), "--width", str(width), "--seed", str(seed)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return float(printed.split()[-1])


@pytest.mark.usefixtures("train")
def test_a_study_of_a_script():
    made = tune([*LR, "--width", "{width:4|16|64=16}", *SEED], budget="trials=8")
    table = runs()
    assert table["phase"].value_counts().sort("phase").rows() == [("default", 2), ("finalists", 4), ("search", 8)]
    assert set(table["status"]) == {"trained"}
    first = table.row(0, named=True)
    assert (first["rate"], first["settings"], first["seed"]) == (0.01, "", 0)  # the script as it is
    assert first["final"] == last_value(0.01, 16, 0)
    assert first["initial"] is None
    assert first["steps"] == 5
    row = made.numbers.rows[0]
    untuned = [last_value(0.01, 16, seed) for seed in (1, 2)]
    assert made.numbers.yardstick is not None
    assert made.numbers.yardstick.median.estimate == pytest.approx(sum(untuned) / 2)
    assert row.values == [last_value(row.rate, row.settings.get("width", 16), seed) for seed in (1, 2)]
    width = row.settings.get("width", 16)
    line = f"python train.py --lr {row.rate!r} --width {width} --seed 0"
    assert row.call == line
    assert line in made.summary()
    assert str(made.best()) == line
    page = Path("runs/train/report.html").read_text()
    typed = "python train.py --lr {lr:1e-3..0.9:log=0.01}"
    for said in (typed, "{seed} in its arguments", "a script has no range test", "train.py as it is", line):
        assert said in page, said
    assert "How much lr matters" in page
    assert "Adam untuned" not in page


@pytest.mark.usefixtures("train", "without_figures")
def test_without_a_rate():
    made = tune(["--lr", "0.1", "--width", "{width:4|8|16|32|64|128}"], budget="trials=6")
    table = runs()
    searched = table.filter(pl.col("phase") == "search")
    assert set(searched["rate"]) == {1.0}
    assert searched["settings"].n_unique() == 6  # each is tried once
    assert made.numbers.rows[0].settings == {"width": 128}
    assert not made.numbers.has_rates
    text = made.summary()
    assert "Run train.py with width 128." in text
    assert "nobody said which width the script had before" in text
    assert "The script seeds itself" in text or "the script seeds itself" in text


@pytest.mark.usefixtures("train")
def test_its_report_without_a_rate():
    tune(["--lr", "0.1", "--width", "{width:4|8|16}", *SEED], budget="trials=3")
    page = Path("runs/train/report.html").read_text()
    assert "matters</h2>" not in page
    assert 'id="searched-1"' in page


@pytest.mark.usefixtures("train", "without_figures")
def test_two_workers_and_quasi_random_points_give_the_same_numbers():
    arguments = [*LR, "--width", "{width:4|16|64}", *SEED]
    for workers in (1, 2):
        tune(arguments, workers=workers, out=f"with-{workers}", strategy="quasi-random")
    assert results(Path("with-1")).equals(results(Path("with-2")))


@pytest.mark.usefixtures("without_figures")
def test_the_direction_of_the_metric(train):
    train(TRAIN.replace("val_loss {w * w + 1 / width:.6f}", "acc {1 / (1 + w * w):.6f}"))
    made = tune([*LR, *SEED], metric="acc", budget="trials=6")
    assert made.numbers.higher_is_better
    assert made.numbers.yardstick is not None
    assert made.numbers.rows[0].median.estimate > made.numbers.yardstick.median.estimate
    with pytest.raises(UsageError, match=r"Is a higher or a lower quality better\?"):
        tune(LR, metric="quality")


KILLED = """
import sys
sys.argv = ["steepest", "tune", "train.py", "--metric", "val_loss", "--budget", "trials=6", "--seeds", "2", "--out",
            "killed", *sys.argv[1:], "--", "--lr", "{lr:1e-3..0.9:log=0.01}", "--width", "{width:4|16|64}", "--seed",
            "{seed}"]
"""


@pytest.mark.parametrize(("which", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_study_that_is_stopped_goes_on_with_the_same_points(train, which, code):
    train(before="import os, time\nopen('pids', 'a').write(f'{os.getpid()}\\n')\ntime.sleep(0.3)\n")
    command = [sys.executable, "-c", KILLED + WITHOUT_REPORT]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 200
    while runs_in(Path("killed")) < 3 and time.monotonic() < limit:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(which)
    _, said = process.communicate()
    assert process.returncode == code, said
    if which == signal.SIGINT:
        assert "Runs under way were ended, and are made again." in said
    done = len(runs("killed"))
    for pid in map(int, Path("pids").read_text().split()):
        assert _is_gone(pid)
    assert subprocess.run(command, check=False).returncode == 0
    again = runs("killed")
    assert len(again) == 6 + 2 * 2 > done
    train()
    tune([*LR, "--width", "{width:4|16|64}", *SEED], budget="trials=6", out="whole")
    assert results(Path("killed")).equals(results(Path("whole")))


def _is_gone(pid):
    limit = time.monotonic() + 15
    while time.monotonic() < limit:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


FAILING = {
    "raises": ("raise ValueError('the data are gone')", {}, "it ended with exit code 1", "the data are gone"),
    "is silent": ("print('loss 3')", {}, r"it never reported val_loss, nor printed it with a number behind it: write "
                  r"steepest.report\(step, val_loss=...\) into it, or give --pattern", "loss 3"),
    "reports another": ("import steepest; steepest.report(1, loss=2.)", {}, "it never reported val_loss, but loss", ""),
    "has no such line": ("print('val: 3')", {"pattern": r"v_l (?P<val_loss>\S+)"},
                         r"no line that it printed has the pattern v_l", "val: 3"),
    "is not a number": ("print('val_loss nan')", {}, "val_loss was nan at step 1", "val_loss nan"),
    "hangs": ("import time; print('on', flush=True); time.sleep(600)", {"timeout": 0.5},
              "it was ended after 0.5 s, its --timeout", "on"),
    "is killed": ("import os; os.kill(os.getpid(), 9)", {}, "it was killed by SIGKILL, perhaps for memory", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
def test_three_failures_at_the_start_stop_the_study(train, name):
    text, options, reason, last = FAILING[name]
    train(text)
    with pytest.raises(TaskError, match=f"The first 3 runs of train.py failed, the same way: {reason}") as raised:
        tune(LR, **options)
    assert last in raised.value.details
    table = runs()
    assert len(table) == 3
    assert "trained" not in set(table["status"])
    assert all(one.endswith(last) for one in table["reason"])
    assert "made again" in str(raised.value)


@pytest.mark.usefixtures("without_figures")
def test_what_failed_at_the_start_is_made_again_when_it_is_repaired(train):
    train("raise SystemExit(3)")
    with pytest.raises(TaskError, match="exit code 3"):
        tune(LR)
    train()
    assert tune(LR).numbers.failed == 0
    train("print('something else')")
    with pytest.raises(WorkbenchError, match=r"train.py was edited since the runs in runs/train"):
        tune(LR)


def test_a_failure_later_is_recorded_and_shown(train):
    train(before="import sys\nif float(sys.argv[2]) > 0.3:\n    raise OverflowError('too fast')\n")
    made = tune([*LR, *SEED], budget="trials=8")
    failed = runs().filter(pl.col("status") != "trained")
    assert failed.height > 0
    assert all(failed["rate"] > 0.3)
    assert set(failed["reason"].str.split("\n").list.first()) == {"it ended with exit code 1"}
    (one,) = made.numbers.failures
    assert one.last_lines.endswith("OverflowError: too fast")
    page = Path("runs/train/report.html").read_text()
    assert "Runs that failed" in page
    assert "OverflowError: too fast" in page


def test_what_is_printed_is_kept(train):
    train("print('first'); print('val_loss 0.5')")
    tune([*LR, *SEED], seeds=1, budget="trials=2")
    kept = Path("runs/train/output/search/lr=0.01,seed=0/output.txt")
    assert kept.read_text() == "first\nval_loss 0.5\n"
    assert "has no effect" not in kept.read_text()


@pytest.mark.usefixtures("train")
@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (["--lr", "0.1"], {}, "There is nothing to search"),
        (["{lr}"], {}, r"The place \{lr\} has no range"),
        (["{lr:0.1}"], {}, "The range '0.1' of lr cannot be read: write LOW..HIGH"),
        (["{lr:1..0.1:log}"], {}, r"\{lr\} cannot be searched: 1 to 0.1 is the wrong way round"),
        (["{lr:1..1:log}"], {}, r"\{lr\} cannot be searched: 1 is one value|is one value"),
        (["{lr:0..1:log}"], {}, "has no logarithm"),
        (["{width:3|3}"], {}, "given twice"),
        (LR, {"script": "none.py"}, "There is no file none.py"),
        (LR, {"script": "no-such-program"}, "There is no program no-such-program"),
        (LR, {"timeout": "soon"}, "The timeout 'soon' cannot be used"),
        (LR, {"timeout": 0}, "The timeout 0 cannot be used"),
        (
            LR,
            {"budget": "steps=1e6"},
            r"needs the steps of a run, which only the script knows; give trials=N, or time=T",
        ),
        (LR, {"budget": "minutes=20"}, r"The budget 'minutes=20' cannot be used; write .* time=T \(such as time=2h"),
        (LR, {"pattern": "("}, "is no regular expression"),
        (LR, {"strategy": "stagd"}, r"There is no strategy 'stagd' \(did you mean staged\?\)"),
        (LR, {"workers": 0}, "workers=0 trains nothing"),
        (LR, {"settings": ["lr=1..2"]}, "--set lr=1..2 cannot be read"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_runs(arguments, options, said):
    with pytest.raises(UsageError, match=said):
        tune(arguments, **options)
    assert not Path("runs").exists()
