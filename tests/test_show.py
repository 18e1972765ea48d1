"""`steepest list` and `steepest show`: what is printed, and what a typo is answered with.

The generated kernels stand under tests/expected: a change of the generator is a diff that one reviews.  To accept one:
`python -m steepest show adam --as numba > tests/expected/adam.txt`.
"""

from pathlib import Path

import pytest

from steepest import rules
from steepest.show import ShowError, listing, show

EXPECTED = Path(__file__).parent / "expected"


@pytest.mark.parametrize(
    ("file", "name", "options"),
    [("adam.txt", "adam", []), ("rmsprop_centered_momentum.txt", "rmsprop", ["centered=true", "momentum=0.9"])],
)
def test_the_text_that_is_compiled(file: str, name: str, options: list[str]) -> None:
    assert show(name, "numba", options) == (EXPECTED / file).read_text()


def test_the_text_that_is_compiled_for_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert show("adam", "triton") == (EXPECTED / "adam_triton.txt").read_text()


def test_a_machine_without_triton_says_what_it_does_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text = show("adam", "triton")
    assert text.startswith("# Triton is not installed here, so a step on a GPU runs the rule as operations on tensors")
    assert text.endswith((EXPECTED / "adam_triton.txt").read_text())


def test_every_rule_is_listed_with_its_first_line() -> None:
    lines = dict(line.split(maxsplit=1) for line in listing().splitlines())
    assert sorted(lines) == sorted(rules.__all__)
    assert lines["rmsprop"].startswith("Divide the gradient by a running average of its magnitude.")


def test_a_summary_has_formula_defaults_state_and_bytes() -> None:
    text = show("rmsprop")
    assert "square_avg ← α · square_avg + (1 − α) · g · g" in text
    assert "alpha = 0.99" in text
    assert "state: square_avg;  20 bytes moved per float32 parameter" in text  # p, g, s read; p, s written


def test_a_rule_of_ones_own_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def mine(p, g, *, lr=0.1):\n    p = p - lr * g\n    return p\n")
    assert show(f"{file}:mine", "formula") == "p ← p − η · g"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("rmsprob",), "Did you mean rmsprop"),
        (("adam", "fromula"), "Did you mean formula?"),
        (("adam", "formula", ["amsgrda=true"]), "Did you mean amsgrad?"),
        (("adam", "formula", ["amsgrad=perhaps"]), "write amsgrad=0.9 or amsgrad=true"),
        (("nowhere.py:mine",), "There is no file 'nowhere.py'"),
    ],
)
def test_a_typo_is_answered_with_what_there_is(arguments, answer: str) -> None:
    with pytest.raises(ShowError) as refusal:
        show(*arguments)
    assert answer in str(refusal.value)


def test_a_rule_of_whole_tensors_is_its_own_formula() -> None:
    assert "row_var" in show("adafactor", "formula")
    assert "lr = 0.001" in show("muon")
    with pytest.raises(ShowError, match="no kernel is made of it"):
        show("muon", "numba")
    with pytest.raises(ShowError, match="no kernel is made of it"):
        show("muon", "triton")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f(p, g, *, lr=0.1:\n    return p\n", "SyntaxError: .*, line 1"),
        ("x = 1\nimport nothing_of_this_name\n", "ModuleNotFoundError: No module named 'nothing_of_this_name', line 2"),
    ],
)
def test_a_file_that_cannot_be_imported_is_said_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    with pytest.raises(ShowError, match=said):
        show(f"{file}:f")


def test_a_file_without_a_function(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("")
    with pytest.raises(ShowError, match=r"Which function of .*mine\.py\? Write .*mine\.py:FUNCTION"):
        show(str(file))
