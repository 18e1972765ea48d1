"""What stands behind docs/results.md and docs/workbench.md: pages that are written, runs that are made once, counts."""

import math
from pathlib import Path
from typing import Any

import pytest
from benchmarks import fields, recommendations, repeated_demo

from steepest.workbench.analysis.verdict import NO_WINNER, WINNER
from steepest.workbench.model.optimizers import KNOWN
from support.by_hand import FINALISTS, SEARCH, results_by_hand


def test_the_page_has_a_place_for_every_field() -> None:
    page = fields.PAGE.read_text(encoding="utf-8")
    for name in fields.FIELDS:
        page = fields.with_section(page, name, f"what was found of {name}")
    assert all(
        f"### {name}\n\n<!-- {name} -->\n\nwhat was found of {name}\n\n<!-- end" in page for name in fields.FIELDS
    )
    assert "Not written yet" not in page
    with pytest.raises(ValueError, match="write the lines <!-- other --> and <!-- end of other -->"):
        fields.with_section(page, "other", "")


def test_a_section_has_the_verdict_the_rows_and_the_notes(tmp_path: Path) -> None:
    lines = fields.section(results_by_hand(tmp_path, SEARCH, FINALISTS)).splitlines()
    assert lines[0].startswith(
        "**Try adam at 0.01; so few seeds cannot tell which is best.** There its val_loss ends at"
    )
    assert lines[2].startswith("| | setting | val_loss | 75 % interval | untuned |")
    # medians 0.9 and 1.1 of three seeds each, between the lowest and the highest
    assert lines[4].startswith("| `adam` | 0.01 | 0.90 | 0.80 to 1.00 |")
    assert lines[5].startswith("| `sgd` | 0.1 | 1.10 | 1.00 to 1.20 |")
    assert any(line.startswith("- 3 seeds for each estimate") for line in lines)


def test_a_run_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by the next process; another rate, seed or setting is another run, and a failure is kept as one."""
    made: list[Any] = []

    def trained(self: Any, candidate: Any, rate: float, seed: int, settings: Any) -> float | None:
        made.append((rate, seed, settings))
        return None if seed == 7 else rate

    monkeypatch.setattr(recommendations.Runs, "_trained", trained)
    asked = [(0.1, 1, None), (0.1, 2, None), (0.2, 1, None), (0.1, 1, {"weight_decay": 0.5}), (0.1, 7, None)]
    for _ in range(2):
        runs = recommendations.Runs("digits-mlp", tmp_path / "runs.jsonl")
        found = [runs.value(KNOWN["adamw"], *one) for one in asked]
        assert found == [0.1, 0.1, 0.2, 0.1, math.inf]
    assert made == asked


def test_repeated_verdicts_are_counted() -> None:
    """Four by hand: the second calls the first's choice as good, the third wins with another, the fourth agrees."""

    def said(kind: str, use: str, *as_good: str) -> dict[str, Any]:
        return {"kind": kind, "use": use, "as good": list(as_good)}

    found = repeated_demo.counted(
        [
            said(WINNER, "adam"),
            said(NO_WINNER, "sgd", "adam"),
            said(WINNER, "sgd"),
            said(NO_WINNER, "adam", "sgd"),
        ]
    )
    assert (found["comparisons"], found["name a winner"]) == (4, 2)
    assert found["the same optimizer, as the first"] == "1 of 3"
    # the first names adam alone, so it does not agree with the second, which recommends sgd
    assert found["agree, as the first"] == "1 of 3"
    assert found["contradict, as the first"] == "1 of 3"
    assert found["the same optimizer, all pairs"] == "2 of 6"
    assert found["agree, all pairs"] == "3 of 6"  # first and fourth, second and third, second and fourth
    assert found["contradict, all pairs"] == "1 of 6"
