"""Two files of one name in two folders are two studies."""

from pathlib import Path

import pytest

from steepest.workbench.training.task_source import load_task
from support.study import write_task


def test_each_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        write_task(tmp_path / name)
    write_task(tmp_path)
    folders = [load_task(f"{place}slow.py:task").folder for place in ("", "./", "one/", "other/", f"{tmp_path}/one/")]
    assert folders == ["slow-task", "slow-task", "one-slow-task", "other-slow-task", "one-slow-task"]
    monkeypatch.chdir(tmp_path / "other")
    assert load_task("slow.py:task").folder == "slow-task"
    outside, here = load_task("../one/slow.py:task"), load_task("../slow.py:task")
    assert outside.folder.startswith("one-")
    assert outside.folder != here.folder
