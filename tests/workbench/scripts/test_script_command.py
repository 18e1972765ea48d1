"""The command line of a script: places are filled, and what cannot be read is said in a sentence."""

import sys

import pytest

from steepest.workbench.errors import UsageError
from steepest.workbench.scripts.command import ScriptCommand


def test_places_are_filled_and_python_runs_a_python_file():
    command = ScriptCommand("train.py", ("--lr", "{lr:1e-4..1e-1:log}", "--out=run-{lr}-{seed}", "--note", "{{lr}}"))
    assert command.searched() == {"lr": "1e-4..1e-1:log"}
    assert command.takes_seed()
    assert command.at({"lr": 0.001}, 7) == [
        sys.executable, "train.py", "--lr", "0.001", "--out=run-0.001-7", "--note", "{lr}",
    ]  # fmt: skip


def test_another_program_is_run_as_it_is():
    command = ScriptCommand("torchrun", ("--nproc-per-node=2", "train.py", "--width={width:32|64}"))
    assert command.at({"width": 64}, 0) == ["torchrun", "--nproc-per-node=2", "train.py", "--width=64"]
    assert not command.takes_seed()


def test_arguments_of_optimizers_are_set_by_the_environment():
    command = ScriptCommand("train.py", (), ("AdamW.lr=1e-4..1e-1:log", "AdamW.betas.0=0.8|0.9", "SGD.momentum=0..0.9"))
    assert command.searched() == {
        "AdamW.lr": "1e-4..1e-1:log",
        "AdamW.betas.0": "0.8|0.9",
        "SGD.momentum": "0..0.9",
    }
    made = command.environment({"AdamW.lr": 0.01, "AdamW.betas.0": 0.8, "SGD.momentum": 0.5}, before="mine")
    assert made["STEEPEST_SET"] == '{"AdamW": {"lr": 0.01, "betas.0": 0.8}, "SGD": {"momentum": 0.5}}'
    assert made["PYTHONPATH"].endswith("from_outside:mine")
    assert command.not_set(frozenset({"AdamW.lr", "SGD.momentum"})) == ["AdamW.betas.0"]
    assert ScriptCommand("train.py", ("{lr:1..2}",)).environment({"lr": 1}) == {}


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        ((), (), "nothing to search: .* --lr {lr:1e-4..1e-1:log}"),
        (("--seed", "{seed}"), (), "nothing to search"),
        (("{lr}",), ("A.lr=1..2",), r"The place \{lr\} has no range"),
        (("{lr:1..2}", "{Lr}"), (), r"The place \{Lr\} has no range \(did you mean lr\?\)"),
        (("{lr:1..2}", "{lr:1..3}"), (), r"The place \{lr\} has two ranges, 1..2 and 1..3"),
        ((), ("lr=1..2",), r"--set lr=1..2 cannot be read: write --set AdamW.lr="),
    ],
)
def test_what_cannot_be_read(arguments, settings, said):
    with pytest.raises(UsageError, match=said):
        ScriptCommand("train.py", arguments, settings)
