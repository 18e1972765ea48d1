"""Scripts on a Ray cluster of two nodes, which are both on this machine and listen on 127.0.0.1 alone."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

import psutil

from steepest.workbench import tune_script
from steepest.workbench.errors import WorkbenchError
from support.ray_nodes import Nodes
from support.study import WITHOUT_REPORT, intact, results, runs_in

pytestmark = [pytest.mark.usefixtures("without_report"), pytest.mark.timeout(600)]
TRAIN = """
    import os, subprocess, sys, time
    import yaml_like
    lr, seed = float(sys.argv[1].partition("=")[2]), int(sys.argv[2])
    scale = yaml_like.read(sys.argv[3])
    child = subprocess.Popen(["sleep", "100"], start_new_session=True)
    w = 3.0 + seed
    for epoch in range(1, 6):
        w -= lr * scale * w
        print(f"epoch {epoch} val_loss {w * w:.9f}", flush=True)
        time.sleep(0.05)
    print("threads", os.environ.get("OMP_NUM_THREADS", "all"))
"""
FILES = {"train.py": TRAIN, "yaml_like.py": "def read(name): return float(open(name).read())\n", "scale.txt": "2.0"}
SHELL = '#!/bin/sh\nexec python3 train.py "$@"\n'
ARGUMENTS = ["lr={lr:1e-3..0.9:log=0.01}", "{seed}", "scale.txt"]
GIVEN: dict[str, Any] = {"budget": "trials=6", "seeds": 2, "metric": "val_loss", "strategy": "quasi-random"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a script, a module of its own, and a file that it reads."""
    here = tmp_path / "work"
    here.mkdir()
    for name, text in FILES.items():
        (here / name).write_text(textwrap.dedent(text))
    (here / "run.sh").write_text(SHELL)
    (here / "run.sh").chmod(0o755)
    monkeypatch.chdir(here)
    return here


@pytest.mark.parametrize("script", ["train.py", "./run.sh"])
def test_two_nodes_give_the_numbers_of_one_process(cluster: Nodes, folder: Path, script: str) -> None:
    tune_script(script, ARGUMENTS, out="alone", **GIVEN)
    made = tune_script(script, ARGUMENTS, out="spread", ray=cluster.address, **GIVEN)
    assert results(Path("spread")).equals(results(Path("alone")))
    assert set(made.runs["node"]) == {"first", "second"}
    for file in (folder / "alone" / "output").rglob("output.txt"):
        printed = (folder / "spread" / file.relative_to(folder / "alone")).read_text()
        assert printed.splitlines()[:-1] == file.read_text().splitlines()[:-1]
        assert printed.splitlines()[-1] == "threads 1"


def test_a_file_that_is_not_sent_is_said(cluster: Nodes, folder: Path) -> None:
    (folder / ".rayignore").write_text("scale.txt\n")
    with pytest.raises(WorkbenchError, match=r"scale\.txt did not reach .*must not be excluded by .* \.rayignore"):
        tune_script("train.py", ARGUMENTS, ray=cluster.address, **GIVEN)


STUDY = """
import sys
sys.argv = ["steepest", "tune", "train.py", "--metric", "val_loss", "--budget", "trials=6", "--seeds", "2", "--out",
            "killed", "--strategy", "quasi-random", "--ray", sys.argv[1], "--", *sys.argv[2:]]
"""


def sleepers(folder: Path) -> list[psutil.Process]:
    """What the runs of this study have started and not ended."""
    found = [one for one in psutil.process_iter() if one.name() == "sleep" and one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in found if any("STEEPEST_REPORT" in name for name in one.environ())]


def test_a_driver_that_is_killed_leaves_nothing_and_is_resumed(cluster: Nodes, folder: Path) -> None:
    tune_script("train.py", ARGUMENTS, out="whole", **GIVEN)
    (folder / "train.py").write_text((folder / "train.py").read_text().replace("time.sleep(0.05)", "time.sleep(0.5)"))
    command = [sys.executable, "-c", STUDY + WITHOUT_REPORT, cluster.address, *ARGUMENTS]
    out, begun = folder / "killed", time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while (runs_in(out) < 2 or not sleepers(folder)) and time.monotonic() < begun + 200:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.kill()
    process.communicate()
    limit = time.monotonic() + 60
    while sleepers(folder) and time.monotonic() < limit:
        time.sleep(0.2)
    assert not sleepers(folder)
    assert intact(out)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    assert results(out).equals(results(folder / "whole"))
    assert os.path.isdir(out / "output" / "search")
