"""Schedules drawn: what is on the curve, in the terminal and in files."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from steepest.cli import app
from steepest.draw import chart
from steepest.schedules import constant, cosine

TEXT = "warmup(100) then cosine(3e-4, 900)"


def run(*words: str):
    return CliRunner().invoke(app, ["show", "schedule", *words])


def test_the_points_are_the_schedules():
    schedule = cosine(0.1, 200)
    rows = chart(schedule).to_dict()["data"]["values"]
    assert [row["step"] for row in rows] == list(range(211))  # a twentieth beyond its end
    assert all(row["value"] == schedule(row["step"]) for row in rows)
    assert len(chart(constant(1.0)).to_dict()["data"]["values"]) == 601
    assert chart(schedule, steps=10_000).to_dict()["data"]["values"][-1]["step"] == 10_000


def test_the_terminal_says_what_is_drawn_and_where_it_is_high():
    found = run(TEXT)
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert lines[0] == "linear(0.0, 0.0003, 100).then(cosine(0.0003, 900))"
    top, *_, bottom = (line for line in lines if "┤" in line)
    assert top.startswith("0.000300")
    assert top.index("⠉") < len(top) // 3  # the peak is a tenth of the way
    assert bottom.rstrip("│ ").endswith("⣀")
    assert "\x1b" not in found.stdout


@pytest.mark.parametrize("suffix", [".png", ".svg", ".html"])
def test_a_file(tmp_path: Path, suffix: str):
    out = tmp_path / f"rate{suffix}"
    found = run(TEXT, "--out", str(out), "--steps", "500")
    assert (found.exit_code, found.stderr) == (0, "")
    content = out.read_bytes()
    if suffix == ".svg":
        assert "linear(0.0, 0.0003, 100)" in "".join(ElementTree.fromstring(content).itertext())
    elif suffix == ".png":
        assert content.startswith(b"\x89PNG")
    else:
        assert b"http-equiv" not in content
        assert b'src="http' not in content, "it opens without a network"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Say which: steepest show schedule"),
        (["cosin(1, 2)"], "did you mean 'cosine'?"),
        (["cosine(1, -2)"], "steps is -2, but it counts steps"),
        ([TEXT, "--out", "rate.pdf"], "rate.pdf cannot be drawn: give a file that ends in .png, .svg, .html"),
        ([TEXT, "--out", "/nowhere/rate.png"], "cannot be written: No such file or directory"),
        ([TEXT, "--steps", "-3"], "-3 steps are no curve"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(words, said):
    found = run(*words)
    assert found.exit_code == 2
    assert said in found.stderr
    assert "Traceback" not in found.stderr
