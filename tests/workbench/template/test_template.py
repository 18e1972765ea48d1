"""`steepest new`: what it writes runs, and no file is replaced."""

import subprocess
import sys
from pathlib import Path


def steepest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "steepest.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_what_it_writes_runs_as_it_is(tmp_path: Path) -> None:
    done = steepest(tmp_path, "new", "spirals.py")
    assert done.returncode == 0, done.stderr
    assert "steepest compare spirals.py:task" in (tmp_path / "spirals.py").read_text()
    tried = steepest(tmp_path, "lr-range", "spirals.py:task", "--optimizers", "adam", "--seeds", "1", "--steps", "100")
    assert tried.returncode == 0, tried.stderr
    assert "steepest.Adam(model.parameters(), lr=" in tried.stdout
    small = ("--optimizers", "adam", "--budget", "trials=2", "--seeds", "1", "--steps", "20")
    compared = steepest(tmp_path, "compare", "spirals.py:task", *small)
    assert compared.returncode == 0, compared.stderr
    assert (tmp_path / "runs" / "spirals-task" / "report.html").is_file()


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("a year of work")
    done = steepest(tmp_path, "new", "mine.py")
    assert done.returncode == 2
    assert "exists already and is left as it is" in done.stderr
    assert (tmp_path / "mine.py").read_text() == "a year of work"


def test_names_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    for name, said in (("mine.txt", "write mine.py"), ("no/such/folder.py", "in a folder that is there")):
        done = steepest(tmp_path, "new", name)
        assert done.returncode == 2
        assert said in done.stderr
