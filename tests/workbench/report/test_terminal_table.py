"""The table of the terminal: columns are left out, digits never; no colours where none are wanted."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from steepest.workbench.analysis.near_optimal import Band
from steepest.workbench.report import terminal
from support.by_hand import FINALISTS, SEARCH, results_by_hand


def printed(folder: Path, width: int) -> str:
    found = results_by_hand(folder, SEARCH, FINALISTS)
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor")
    terminal.show(found, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(("width", "columns"), [(100, 8), (60, 5), (36, 3)])
def test_a_narrow_terminal_has_fewer_columns_and_every_digit(tmp_path: Path, width: int, columns: int) -> None:
    found = results_by_hand(tmp_path, SEARCH, FINALISTS)
    table = terminal.table(found, width)
    titles = [str(column.header) for column in table.columns]
    assert titles[:3] == ["optimizer", "rate", "val_loss"]
    assert len(titles) == columns
    assert [str(cell) for cell in table.columns[2].cells] == ["0.90", "1.10"]
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    assert "…" not in console.file.getvalue()
    assert all(len(line) <= width for line in console.file.getvalue().splitlines())


def test_no_color_means_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[36m" in printed(tmp_path / "a", 80)  # cyan: the line to paste
    monkeypatch.setenv("NO_COLOR", "1")
    without = printed(tmp_path / "b", 80)
    assert not any(f"\x1b[{code}m" in without for code in range(30, 48))


def test_the_warnings_stand_under_the_headline(tmp_path: Path) -> None:
    text = terminal.text(results_by_hand(tmp_path, SEARCH, FINALISTS))
    assert text.index("Try adam") < text.index("optimizer = ") < text.index("note") < text.index("It cost")


@pytest.mark.parametrize(
    ("band", "said"),
    [
        (Band(0.0031, 0.028, open=False), "0.003 to 0.03"),
        (Band(2.1, 9.7, open=True), "2 to 10+"),
        (Band(float("nan"), float("nan"), open=False), "–"),
    ],
)
def test_good_rates(tmp_path: Path, band: Band, said: str) -> None:
    row = results_by_hand(tmp_path, SEARCH, FINALISTS).rows[0]
    assert terminal.good_rates(replace(row, band=band)) == said
