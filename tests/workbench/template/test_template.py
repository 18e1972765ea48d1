"""`steepest new`: what it writes runs, and no file is replaced."""

from collections.abc import Callable
from pathlib import Path

from support.command import Done

Command = Callable[..., Done]


def test_what_it_writes_runs_as_it_is(tmp_path: Path, steepest: Command) -> None:
    done = steepest("new", "spirals.py")
    assert done.code == 0, done.err
    assert "steepest compare spirals.py:task" in (tmp_path / "spirals.py").read_text()
    tried = steepest("lr-range", "spirals.py:task", "--optimizers", "adam", "--seeds", "1", "--steps", "100")
    assert tried.code == 0, tried.err
    assert "steepest.Adam(model.parameters(), lr=" in tried.out
    small = ("--optimizers", "adam", "--budget", "trials=2", "--seeds", "1", "--steps", "20")
    compared = steepest("compare", "spirals.py:task", *small)
    assert compared.code == 0, compared.err
    assert (tmp_path / "runs" / "spirals-task" / "report.html").is_file()


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path, steepest: Command) -> None:
    (tmp_path / "mine.py").write_text("a year of work")
    done = steepest("new", "mine.py")
    assert done.code == 2
    assert "exists already and is left as it is" in done.err
    assert (tmp_path / "mine.py").read_text() == "a year of work"


def test_names_that_cannot_be_written_are_refused(tmp_path: Path, steepest: Command) -> None:
    for name, said in (("mine.txt", "write mine.py"), ("no/such/folder.py", "in a folder that is there")):
        done = steepest("new", name)
        assert done.code == 2
        assert said in done.err
