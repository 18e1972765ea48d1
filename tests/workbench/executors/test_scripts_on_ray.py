"""Scripts on a cluster: their files are there, what they print comes back, and the numbers are those of one machine."""

import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steepest.workbench import executors, tune_script
from steepest.workbench.errors import UsageError, WorkbenchError
from steepest.workbench.executors import on_ray
from steepest.workbench.executors.on_ray import OnRay
from steepest.workbench.executors.sent_scripts import script_folder, script_within, sources_of_script
from steepest.workbench.scripts import left_behind
from steepest.workbench.scripts.command import ScriptCommand
from steepest.workbench.scripts.recipe import ScriptRecipe
from steepest.workbench.store.record import Record
from support.pretended_ray import ActorDiedError, Machines, wait_for_lost_runs
from support.study import results

pytestmark = pytest.mark.usefixtures("without_figures")
TRAIN = """
    import os, sys
    lr, seed = float(sys.argv[2]), int(sys.argv[4])
    w = 3.0 + seed
    for epoch in range(1, 6):
        w -= lr * 2 * w
        print(f"epoch {epoch} val_loss {w * w:.6f}", flush=True)
    print("worker", os.environ["STEEPEST_WORKER"])
"""
ARGUMENTS = ["--lr", "{lr:1e-3..0.9:log=0.01}", "--seed", "{seed}"]


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script, in a new working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(textwrap.dedent(TRAIN))
    return tmp_path / "train.py"


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Machines], None]]:
    """Have studies made on these machines."""
    monkeypatch.setattr(on_ray, "ROOM_EVERY", 0.0)
    monkeypatch.setattr(executors, "check_installed", lambda cluster: None)

    def use(machines: Machines) -> None:
        monkeypatch.setattr(executors, "OnRay", lambda cluster, most: OnRay(cluster, most, machines.as_connection()))

    yield use
    wait_for_lost_runs()


def tune(script: str = "train.py", arguments: list[str] = ARGUMENTS, **options: Any) -> Any:
    given = {"budget": "trials=4", "seeds": 2, "metric": "val_loss", "strategy": "quasi-random"}
    return tune_script(script, arguments, **(given | options))


def runs(folder: str) -> Any:
    with Record(Path(folder)) as record:
        return record.runs()


@pytest.mark.usefixtures("train")
def test_two_machines_give_the_numbers_of_one_and_what_was_printed_comes_back(on: Any) -> None:
    tune(out="alone")
    on(machines := Machines("a", "b"))
    tune(out="spread", ray="auto")
    assert results(Path("spread")).equals(results(Path("alone")))
    assert set(runs("spread")["node"]) == {"a", "b"}
    printed = {file.relative_to("alone"): file.read_text() for file in Path("alone/output").rglob("output.txt")}
    assert len(printed) == 4 + 4 + 2
    for file, text in printed.items():
        lines, worker = (Path("spread") / file).read_text().rsplit("worker", 1)
        assert lines == text.rsplit("worker", 1)[0]
        assert worker.strip() in ("0", "1")
    assert machines.left == 1


def test_a_budget_of_time(train: Path, on: Any) -> None:
    train.write_text(f"import time\ntime.sleep(0.3)\n{textwrap.dedent(TRAIN)}")
    on(Machines("a", "b"))
    tune(out="spread", ray="auto", budget="time=2s")
    search = [row for row in runs("spread").iter_rows(named=True) if row["phase"] == "search"]
    assert sum(row["seconds"] for row in search) >= 2.0
    assert sum(row["seconds"] for row in search[:-3]) < 2.0
    assert {row["node"] for row in search} == {"a", "b"}


def test_runs_that_fall_behind_are_ended_there(train: Path, on: Any) -> None:
    train.write_text("""
import sys, time
for epoch in range(1, 9):
    print(f"val_loss {100 * float(sys.argv[2]) + 1 / epoch:.6f}", flush=True)
    time.sleep(0.15)
""")
    on(Machines("a", "b"))
    tune(out="spread", ray="auto", budget="trials=10", seeds=1, prune="median")
    search = [row for row in runs("spread").iter_rows(named=True) if row["phase"] == "search"]
    ended = [row for row in search if row["status"] == "pruned"]
    assert len(search) == 10
    assert len(ended) >= 1
    assert all(row["steps"] < 8 for row in ended)
    assert min(row["rate"] for row in search) not in [row["rate"] for row in ended]


@pytest.mark.usefixtures("train")
def test_a_machine_that_is_lost(on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tune(out="alone")
    on(machines := Machines("a", "b"))
    given, count = on_ray.RaySlot.give, iter(range(100))

    def give(slot: Any, job: Any, number: int) -> None:
        given(slot, job, number)
        if next(count) == 3:
            slot.actor.lose(ActorDiedError("The actor is dead because its node has died."))
            machines.alive.remove(slot.actor.node)

    monkeypatch.setattr(on_ray.RaySlot, "give", give)
    tune(out="spread", ray="auto")
    assert results(Path("spread")).equals(results(Path("alone")))
    assert runs("spread").height == 10


def test_a_run_that_fails_there_is_recorded_with_its_last_lines(train: Path, on: Any) -> None:
    train.write_text(f"import sys\nif float(sys.argv[2]) > 0.3: sys.exit('too fast')\n{textwrap.dedent(TRAIN)}")
    on(Machines("a"))
    tune(out="spread", ray="auto", budget="trials=6")
    failed = [row for row in runs("spread").iter_rows(named=True) if row["status"] != "trained"]
    assert failed
    assert all(row["rate"] > 0.3 for row in failed)
    assert {row["reason"] for row in failed} == {"it ended with exit code 1\ntoo fast"}


def test_a_script_that_was_edited_is_refused(train: Path, on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    on(Machines("a"))
    real = on_ray.sources_of_script

    def edited_after(recipe: ScriptRecipe) -> Any:
        found = real(recipe)
        train.write_text("another")
        return found

    monkeypatch.setattr(on_ray, "sources_of_script", edited_after)
    with pytest.raises(WorkbenchError, match=r"train\.py on .* is not the file of this machine; start the study again"):
        tune(ray="auto")


@pytest.mark.usefixtures("train")
def test_a_program_that_is_not_there_is_said(on: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(Machines("a"))
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "only-here"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    with monkeypatch.context() as here:
        here.setenv("PATH", str(program.parent), prepend=os.pathsep)
        real = on_ray.sources_of_script

        def then_gone(recipe: ScriptRecipe) -> Any:
            program.unlink()
            return real(recipe)

        here.setattr(on_ray, "sources_of_script", then_gone)
        with pytest.raises(WorkbenchError, match=r"\S+: There is no program only-here"):
            tune("only-here", ray="auto")


def recipe(script: str, *arguments: str) -> ScriptRecipe:
    return ScriptRecipe(ScriptCommand(script, (*arguments, "--lr={lr:1e-3..1:log}")), "val_loss", False)


def test_names_of_files_on_other_machines(train: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "work"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "a.yaml").write_text("a")
    (folder / "run.sh").write_text("echo")
    environment = folder / "env"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").touch()
    (environment / "bin" / "python").touch()
    monkeypatch.chdir(folder)
    there = {
        ("../train.py",): (str(train),),
        (str(folder / "run.sh"), f"--config={folder}/conf/a.yaml", str(folder / "conf")): (
            "./run.sh", "--config=conf/a.yaml", "conf"
        ),
        ("./run.sh", "--config=conf/a.yaml", "--data=/no/such/data"): (
            "./run.sh", "--config=conf/a.yaml", "--data=/no/such/data"
        ),
        (str(environment / "bin" / "python"), "../train.py"): (str(environment / "bin" / "python"), str(train)),
        ("torchrun", "conf"): ("torchrun", "conf"),
    }  # fmt: skip
    for here, expected in there.items():
        found = script_within(script_folder(recipe(*here).command), recipe(*here)).command
        assert (found.script, *found.arguments[:-1]) == expected


@pytest.mark.usefixtures("train")
def test_files_of_the_command_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a")
    (tmp_path / "large.bin").write_bytes(b"0" * 10_000_001)
    beside = tmp_path / "beside.py"
    beside.write_text("b")
    sources = sources_of_script(recipe("train.py", "--config=a.yaml", "large.bin", str(beside), "8"))
    assert list(sources.files) == ["train.py", "a.yaml", "large.bin", str(beside)]
    assert sources.missing_on("node-7") == ""
    (tmp_path / "large.bin").write_bytes(b"1")
    assert sources.missing_on("node-7") == ""
    beside.write_text("c")
    assert sources.missing_on("node-7") == f"{beside} on node-7 is not the file of this machine; put the same on both."
    beside.unlink()
    assert sources.missing_on("node-7").startswith(
        f"{beside} is not on node-7: the working directory is sent, and what lies elsewhere must be on every machine"
    )
    (tmp_path / "a.yaml").unlink()
    assert sources.missing_on("node-7").startswith("a.yaml did not reach node-7; it must not be excluded")


@pytest.mark.usefixtures("train")
def test_a_home_directory_is_not_sent(on: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on(Machines("a"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match=r"holds more than train\.py; change into a folder of its own"):
        tune(ray="auto")


def test_of_a_large_output_the_end_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(left_behind, "MOST", 20)
    (tmp_path / "output.txt").write_text("".join(f"line {number}\n" for number in range(9)))  # 63 bytes
    (tmp_path / "reports.jsonl").write_text('{"step": 1}\n{"step": 2}\n')
    left_behind.keep(tmp_path / "here", left_behind.left_in(tmp_path))
    assert (tmp_path / "here" / "output.txt").read_text() == (
        "[49 bytes before this stayed on the other machine]\nline 7\nline 8\n"
    )
    assert (tmp_path / "here" / "reports.jsonl").read_text() == '{"step": 2}\n'
    assert left_behind.left_in(tmp_path / "nothing") == {}


def test_room_is_asked_for_as_for_a_task(train: Path, on: Any) -> None:
    on(Machines())
    with pytest.raises(UsageError, match="No machine of the cluster has room for a run of 1 CPUs and 0 GPUs"):
        tune(ray="auto")
    with pytest.raises(UsageError, match="name the cluster with --ray"):
        tune(gpus_per_run=1)
