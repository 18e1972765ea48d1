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
    assert command.set_from_outside() == ("AdamW.lr", "AdamW.betas.0", "SGD.momentum")
    assert command.environment({"SGD.momentum": 0.5})["STEEPEST_SET"] == '{"SGD": {"momentum": 0.5}}'
    assert ScriptCommand("train.py", ("{lr:1..2}",)).environment({"lr": 1}) == {}


def test_names_of_hydra_and_of_options_are_places():
    command = ScriptCommand("train.py", ("optim.lr={optim.lr:1e-4..1e-1:log}", "--wd={weight-decay:0..0.1}"))
    assert command.searched() == {"optim.lr": "1e-4..1e-1:log", "weight-decay": "0..0.1"}
    assert command.at({"optim.lr": 0.01, "weight-decay": 0.1}, 0)[2:] == ["optim.lr=0.01", "--wd=0.1"]


@pytest.mark.parametrize(
    ("written", "filled"),
    [
        ('{"optim": {"lr": {lr:1e-4..1e-1:log}}}', '{"optim": {"lr": 0.01}}'),
        ('{"a":{"b":{"lr":{lr:1e-4..1e-1:log}}},"c":{}}', '{"a":{"b":{"lr":0.01}},"c":{}}'),
        ("{lr:1e-4..1e-1:log},{1,2},${{HOME}}", "0.01,{1,2},${HOME}"),
        ("{lr:1e-4..1e-1:log} {{epoch}} {{lr:1..2}} }} {{", "0.01 {epoch} {lr:1..2} }} {{"),
    ],
)
def test_braces_of_the_script_stay_as_they_are(written, filled):
    assert ScriptCommand("train.py", (written,)).at({"lr": 0.01}, 0)[2] == filled


@pytest.mark.parametrize("wrong", ["{lr=1e-4..1e-1}", "{lr 1e-4..1e-1}", "{1e-4..1e-1}", "{16|32}", "{ lr:1..2 }"])
def test_a_range_in_braces_that_is_no_place(wrong):
    for arguments in [(wrong,), ("{width:1..9}", wrong)]:
        with pytest.raises(UsageError, match="cannot be read: write the name, a colon and the range, without blanks"):
            ScriptCommand("train.py", arguments)


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        ((), (), "nothing to search: .* --lr {lr:1e-4..1e-1:log}"),
        (("--seed", "{seed}"), (), "nothing to search"),
        (("{lr}",), ("A.lr=1..2",), r"The place \{lr\} has no range.*; or \{\{lr\}\} for these characters themselves"),
        (("{lr:1..2}", "{Lr}"), (), r"The place \{Lr\} has no range \(did you mean lr\?\)"),
        (("{lr:1..2}", "{lr:1..3}"), (), r"The place \{lr\} has two ranges, 1..2 and 1..3"),
        (("{seed:1..9}",), (), r"The place \{seed\} takes the seed of a run and has no range"),
        ((), ("A.lr=1..2", "A.lr=1..3"), r"--set A.lr is given twice"),
        ((), ("lr=1..2",), r"--set lr=1..2 cannot be read: write --set AdamW.lr="),
    ],
)
def test_what_cannot_be_read(arguments, settings, said):
    with pytest.raises(UsageError, match=said):
        ScriptCommand("train.py", arguments, settings)


def test_a_value_that_is_used_today_stands_behind_the_range():
    command = ScriptCommand("train.py", ("--lr={lr:1e-4..1e-1:log=1e-3}", "{opt:sgd|adam=sgd}", "{width:1..9}"))
    assert command.searched() == {"lr": "1e-4..1e-1:log", "opt": "sgd|adam", "width": "1..9"}
    assert command.given_defaults() == {"lr": "1e-3", "opt": "sgd"}


def test_the_line_to_paste():
    command = ScriptCommand(
        "my train.py", ("--lr", "{lr:1..2}", "--note", "a b"), ("AdamW.betas.0=0.8|0.9", "SGD.lr=1..2")
    )
    values = {"lr": 1.5, "AdamW.betas.0": 0.8}
    assert (
        command.line(values, 3)
        == "python 'my train.py' --lr 1.5 --note 'a b'  # in the script: AdamW(..., betas[0]=0.8)"
    )


def test_what_it_is_called():
    assert ScriptCommand("sub/train.py", ("{lr:1..2}",)).name == "train.py"
    assert ScriptCommand("sub/train.py", ("{lr:1..2}",)).folder == "sub-train"
    assert ScriptCommand("torchrun", ("--standalone", "train.py", "{lr:1..2}")).name == "train.py"
    assert ScriptCommand("./run.sh", ("{lr:1..2}",)).folder == "run-sh"


def test_what_cannot_be_started(tmp_path):
    def check(script):
        ScriptCommand(script, ("{lr:1..2}",)).check()

    (tmp_path / "run").write_text("echo")
    check("python3")
    with pytest.raises(UsageError, match=r"There is no file .*none\.py"):
        check(str(tmp_path / "none.py"))
    with pytest.raises(UsageError, match="There is no program no-such-program"):
        check("no-such-program")
    with pytest.raises(UsageError, match=r"run is not executable; type chmod \+x"):
        check(str(tmp_path / "run"))


def test_an_edit_shows(tmp_path):
    file = tmp_path / "train.py"
    command = ScriptCommand("torchrun", (str(file), "{lr:1..2}", "results.json"))
    assert command.digest() == ""
    file.write_text("print(1)")
    first = command.digest()
    file.write_text("print(2)")
    assert first != command.digest() != ""
