"""The command line: what it prints, what it exits with, what it imports."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import steepest
from steepest import cli
from support.command import run_command

TASK = """
import torch
from torch import nn
from steepest.workbench import Task
from steepest.workbench.task import Shuffled


def task(seed):
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, 64)[:, None]
    evaluate = lambda model: {"val_loss": ((model(x) - x) ** 2).mean().item()}
    loss = lambda model, batch: ((model(batch[0]) - batch[0]) ** 2).mean()
    return Task(nn.Linear(1, 1), loss, Shuffled(x, size=16, seed=seed), evaluate, steps=20)


def broken(seed):
    return helper(seed)


def helper(seed):
    raise ZeroDivisionError("my own mistake")


def wrong(seed):
    return 3
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Run the program in an empty folder with a task file: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_task.py").write_text(TASK, encoding="utf-8")

    def program(*arguments: str) -> tuple[int, str, str]:
        done = run_command(monkeypatch, capsys, "/some/where/steepest", *arguments)
        return done.code, done.out, done.err

    return program


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write no report, for tests of other things: drawing takes longer than these runs."""
    monkeypatch.setattr("steepest.workbench.study.reports._write", lambda results, folder, record=None: None)


SMALL = ("--optimizers", "sgd,adam", "--budget", "trials=2", "--seeds", "2", "--no-controls")


@pytest.mark.usefixtures("without_figures")
def test_json_events_are_one_object_a_line(run) -> None:
    code, out, err = run("compare", "my_task.py:task", *SMALL, "--steps", "10", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    events = [event for event in events if event["event"] != "remark"]  # whether it is worth while to train at once
    assert [event["event"] for event in events[:4]] == ["cost", "begin", "run", "ended"]
    begin = events[1]
    ended = [event for event in events if event["event"] == "ended"]
    phases = {phase: sum(event["phase"] == phase for event in ended) for phase in ("range", "search", "finalists")}
    assert phases == {"range": 2 * 3, "search": 2 * 2, "finalists": 2 * 2 * 2}
    assert begin["runs"] >= len(ended)  # how many rates fail is not known beforehand
    assert events[-1]["event"] == "result"
    assert {row["optimizer"] for row in events[-1]["rows"]} == {"sgd", "adam"}
    again = [
        json.loads(line)
        for line in run("compare", "my_task.py:task", *SMALL, "--steps", "10", "--json")[1].splitlines()
    ]
    again = [event for event in again if event["event"] != "remark"]
    assert again[0]["done"] == again[0]["runs"]
    assert again[-1] == events[-1]


def test_quiet_says_nothing(run, tmp_path: Path) -> None:
    assert run("compare", "my_task.py:task", *SMALL, "--steps", "10", "--quiet") == (0, "", "")
    assert (tmp_path / "runs" / "my_task-task" / "report.html").is_file()
    code, out, err = run("compare", "my_task.py:broken", "--quiet")
    assert (code, out) == (1, "")
    assert "my own mistake" in err


@pytest.mark.usefixtures("without_figures")
def test_a_seed_decides_every_number_and_is_part_of_the_study(run) -> None:
    def values(folder: str, seed: str) -> list:
        given = (*SMALL, "--steps", "10", "--json", "--out", folder, "--seed", seed)
        events = [json.loads(line) for line in run("compare", "my_task.py:task", *given)[1].splitlines()]
        return [(event["seed"], event["value"]) for event in events if event["event"] == "ended"]

    first, same, other = values("a", "7"), values("b", "7"), values("c", "8")
    assert first == same != other
    assert {seed for seed, _ in first} == {7, 8, 9}
    code, _, err = run("compare", "my_task.py:task", *SMALL, "--steps", "10", "--out", "a")
    assert code == 1
    assert "seed=7, not seed=0" in err


def test_compare_then_report(run, tmp_path: Path) -> None:
    code, out, err = run("compare", "my_task.py:task", *SMALL, "--steps", "10")
    folder = tmp_path / "runs" / "my_task-task"
    assert code == 0
    first, last = err.splitlines()  # no progress line where there is no terminal: one at the start, one at the end
    assert first.startswith("22 runs of 10 steps, about")
    assert last.startswith("my_task.py:task: ")
    assert "optimizer = steepest." in out
    assert "runs/my_task-task/report.html" in out
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["command"][:2] == ["steepest", "compare"]
    assert "/some/where" not in json.dumps(manifest)
    page = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    (folder / "sensitivity.png").unlink()
    assert run("report", "runs/my_task-task")[:2] == (0, out)
    assert (folder / "report.html").read_bytes() == page
    assert (folder / "sensitivity.png").exists()


@pytest.mark.usefixtures("without_figures")
def test_fresh_starts_over(run, tmp_path: Path) -> None:
    assert run("compare", "my_task.py:task", *SMALL, "--steps", "10")[0] == 0
    code, _, err = run("compare", "my_task.py:task", *SMALL, "--steps", "12")
    assert code == 1
    assert "steps=10, not steps=12" in err
    assert run("compare", "my_task.py:task", *SMALL, "--steps", "12", "--fresh")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["compare", "digit-mlp"], 2, "did you mean digits-mlp"),
        (["compare", "digits-mlp", "--optimizers", "adm"], 2, "did you mean adam"),
        (["compare", "digits-mlp", "--optimizers", ","], 2, "nothing to compare"),
        (["compare", "digits-mlp", "--budget", "trials=0"], 2, "at least 1"),
        (["compare", "digits-mlp", "--budget", "lots"], 2, "write trials=N"),
        (["compare", "digits-mlp", "--seeds", "0"], 2, "at least 1"),
        (["compare", "digits-mlp", "--steps", "0"], 2, "at least 1"),
        (["compare", "digits-mlp", "--seeds", "many"], 2, "Invalid value"),
        (["compare", "digits-mlp", "--out", "my_task.py"], 1, "is a file"),
        (["compare", "digits-mlp", "--out", "."], 1, "not a study"),
        (["compare", "nowhere.py:task"], 2, "There is no file nowhere.py"),
        (["compare", "my_task.py"], 2, "write my_task.py:task"),
        (["compare", "my_task.py:tsk"], 2, "did you mean task"),
        (["compare", "my_task.py:wrong"], 1, "returned an int"),
        (["report", "nowhere"], 1, "There is no folder nowhere"),
        (["report", "."], 1, "holds no study"),
        (["compair"], 2, "No such command"),
    ],
)
def test_what_cannot_work_is_answered_in_a_sentence(run, arguments: list[str], code: int, sentence: str) -> None:
    found, _, err = run(*arguments)
    assert found == code
    assert sentence in err
    assert "Traceback" not in err


def test_a_task_that_raises_shows_its_own_traceback(run) -> None:
    code, _, err = run("compare", "my_task.py:broken")
    assert code == 1
    assert "ZeroDivisionError: my own mistake" in err
    assert "return helper(seed)" in err
    assert "steepest/workbench" not in err
    assert err.strip().splitlines()[-1].startswith("my_task.py:broken raised ZeroDivisionError")


def test_a_task_file_that_cannot_be_imported(run, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nothing_of_that_name", encoding="utf-8")
    code, _, err = run("compare", "bad.py:task")
    assert code == 1
    assert "No module named 'nothing_of_that_name'" in err
    assert "steepest/workbench" not in err


def test_a_missing_package_of_the_extra_is_answered_with_what_to_type(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    for name in [name for name in sys.modules if name.startswith("steepest.workbench.report")]:
        monkeypatch.delitem(sys.modules, name)
    code, _, err = run("compare", "my_task.py:task", *SMALL, "--steps", "2")
    assert (code, err.strip()) == (
        1,
        "The workbench needs altair, which is not installed; type: pip install 'steepest[workbench]'",
    )


def test_python_m_steepest_is_the_command_line() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "steepest", "--version"], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stdout) == (0, f"steepest {steepest.__version__}\n"), answer.stderr


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['steepest', '--help']\n"
        "from steepest.cli import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "assert not {'torch', 'numpy', 'scipy', 'polars', 'altair', 'jinja2', 'sklearn', 'numba'} & set(sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "compare" in answer.stdout
    assert "report" in answer.stdout


@pytest.mark.usefixtures("without_figures")
def test_an_edited_task_is_not_answered_with_the_runs_of_the_old_one(run, tmp_path: Path) -> None:
    file = tmp_path / "my_task.py"
    command = ["compare", f"{file}:task", *SMALL]
    assert run(*command)[0] == 0
    file.write_text(file.read_text() + "\n# edited\n")
    code, _, err = run(*command)
    assert code == 1
    assert "was edited since the runs" in err
    assert "--fresh" in err
    assert run(*command, "--fresh")[0] == 0


@pytest.mark.usefixtures("without_figures")
def test_a_first_attempt_that_failed_at_once_leaves_nothing_in_the_way(run, tmp_path: Path) -> None:
    file = tmp_path / "my_task.py"
    right = file.read_text()
    file.write_text(right.replace("steps=20", 'steps=20, metric="no_such"'))
    command = ["compare", f"{file}:task", *SMALL]
    code, _, err = run(*command)
    assert code == 1, err
    file.write_text(right)
    assert run(*command)[0] == 0


@pytest.mark.usefixtures("without_figures")
def test_tune_by_the_command_line(run, tmp_path: Path) -> None:
    file = tmp_path / "my_task.py"
    command = ["tune", f"{file}:task", "--optimizer", "sgd", "--search", "momentum=0..0.9", "--budget", "trials=4"]
    code, out, err = run(*command, "--seeds", "2")
    assert code == 0, err
    assert "sgd" in out
    code, _, err = run(*command, "--seeds", "2", "--strategy", "quasi-random")
    assert code == 1
    assert "holds a comparison with strategy=staged, not strategy=quasi-random" in " ".join(err.split())
    code, _, err = run(*command, "--strategy", "gird")
    assert code == 2
    assert "There is no strategy 'gird'" in err
    code, _, err = run(*command, "--seeds", "0")
    assert code == 2
    assert "seeds=0 would leave nothing to estimate from" in " ".join(err.split())


@pytest.mark.usefixtures("without_figures")
def test_a_single_rate_is_called_no_search(run, tmp_path: Path) -> None:
    arguments = [word.replace("trials=2", "trials=1") for word in SMALL]
    code, out, _ = run("compare", f"{tmp_path / 'my_task.py'}:task", *arguments)
    assert code == 0
    assert "nothing was searched" in " ".join(out.split())


@pytest.mark.usefixtures("without_figures")
def test_a_report_of_an_unfinished_study_gives_no_verdict(run, tmp_path: Path) -> None:
    assert run("compare", f"{tmp_path / 'my_task.py'}:task", *SMALL, "--out", "runs")[0] == 0
    with sqlite3.connect(tmp_path / "runs" / "study.db") as record:
        record.execute("DELETE FROM runs WHERE phase IN ('finalists', 'diagnosis')")
        record.execute("UPDATE study SET value = 'false' WHERE key = 'finished'")
    code, out, _ = run("report", "runs")
    assert code == 0
    assert "is not finished: 10 runs are done" in " ".join(out.split())
    assert "edge" not in out
    assert "lowest" not in out


def test_the_version() -> None:
    found = CliRunner().invoke(cli.app, ["--version"])
    assert (found.exit_code, found.stdout) == (0, f"steepest {steepest.__version__}\n")


SCRIPT = """
import sys
print("val_loss", abs(float(sys.argv[2]) - 0.1))
"""


def test_a_script_is_tuned_as_it_is(run, without_figures: None, tmp_path: Path):
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    words = ["--metric", "val_loss", "--budget", "trials=3", "--seeds", "2", "--", "--lr", "{lr:0.01..0.5:log=0.3}"]
    code, out, err = run("tune", "train.py", *words)
    assert code == 0, err
    assert "python train.py --lr" in out
    assert "9 runs of the script; the first of them says how long they take." in err
    code, out, _ = run("tune", "train.py", "--json", *words)
    events = [json.loads(line) for line in out.splitlines()]
    assert next(one["event"] for one in events) == "begin"
    code, _, err = run("tune", "train.py", "--dry-run", "--out", "elsewhere", *words)
    assert code == 0
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train.py", "--", "{lr:1..2}"], "Which number decides?"),
        (["train.py", "--metric", "val_loss"], "There is nothing to search"),
        (
            ["train.py", "--optimizer", "sgd", "--metric", "m", "--", "{lr:1..2}"],
            "--optimizer belongs to tasks: a script",
        ),
        (
            ["train.py", "--schedules", "cosine", "--metric", "m", "--", "{lr:1..2}"],
            "--schedules belongs to tasks: a script",
        ),
        (
            ["train.py", "--metric", "m_loss", "--ray", "head", "--", "{lr:1..2}"],
            "'head' is no address of a Ray cluster",
        ),
        (["train.py", "--metric", "m_loss", "--gpus-per-run", "1", "--", "{lr:1..2}"], "name the cluster with --ray"),
        (["train.py", "--metric", "m_loss", "--budget", "steps=9", "--", "{lr:1..2}"], "give trials=N, or time=T"),
        (["my_task.py:task", "--", "--lr", "{lr:1..2}"], "arguments behind -- belong to scripts"),
        (["digits-mlp", "--set", "AdamW.lr=1..2"], "settings by --set belong to scripts"),
        (["digits-mpl"], "digits-mlp"),
        (["none.py", "--metric", "val_loss", "--", "{lr:1..2}"], "There is no file none.py"),
    ],
)
def test_what_a_script_cannot_have(run, tmp_path: Path, words: list[str], said: str):
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    code, _, err = run("tune", *words)
    assert code == 2
    assert said in err
