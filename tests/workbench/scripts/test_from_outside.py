"""Arguments of a script's optimizers are set from outside, in a script that knows nothing of it."""

import sys
import textwrap

import pytest

from steepest.workbench.scripts.command import ScriptCommand
from steepest.workbench.scripts.process import ENDED, FAILED, Script

TRAIN = """
    import torch
    from torch import nn, optim
    from torch.optim import AdamW
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    one = AdamW([{"params": a.parameters(), "lr": 1e-4, "weight_decay": 0.0}, {"params": b.parameters()}], lr=1e-3)
    other = optim.SGD(a.parameters(), lr=0.1)
    import steepest
    ours = steepest.AdamW(a.parameters())
    for group in (*one.param_groups, *other.param_groups, *ours.param_groups):
        print(group["lr"], group.get("betas"), group["weight_decay"])
"""


@pytest.fixture
def run(tmp_path):
    def ran(text, **values):
        (tmp_path / "train.py").write_text(textwrap.dedent(text))
        command = ScriptCommand(str(tmp_path / "train.py"), (), tuple(f"{name}=1..2" for name in values))
        made = Script(command.at(values, 0), tmp_path / "run", environment=command.environment(values))
        ending = made.run()
        return command, ending

    return lambda text, values: ran(text, **values)


def test_what_is_set_and_what_stays(run):
    values = {"AdamW.lr": 0.02, "AdamW.betas.0": 0.8, "AdamW.weight_decay": 0.3}
    _, ending = run(TRAIN, values)
    assert ending.status == ENDED, ending.last_lines
    assert ending.last_lines == (
        "0.002 (0.8, 0.999) 0.0",  # a group at a tenth of the default's rate, without decay: so it stays
        "0.02 (0.8, 0.999) 0.3",
        "0.1 None 0",
        "0.02 (0.8, 0.999) 0.3",
    )
    assert ending.outside.before == {"AdamW.lr": 0.001, "AdamW.betas.0": 0.9, "AdamW.weight_decay": 0.01}
    assert ending.outside.made == ["AdamW", "SGD"]


def test_an_argument_that_there_is_not_is_an_error(run):
    _, ending = run(TRAIN, {"AdamW.momentun": 0.5})
    assert ending.status == FAILED
    assert (
        "TypeError: --set AdamW.momentun: AdamW has no argument 'momentun'. It has lr, betas," in ending.last_lines[-1]
    )


def test_an_optimizer_that_is_not_made_is_found_out(run):
    _, ending = run(TRAIN, {"RMSprop.lr": 0.5})
    assert ending.status == ENDED
    assert ending.outside.before == {}
    assert ending.outside.made == ["AdamW", "SGD"]


TWO = """
    import torch
    from torch import nn
    for rate in (0.1, 0.2, 0.3):
        made = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=rate)
        print(made.param_groups[0]["lr"])
"""


def test_one_of_several_optimizers_of_a_class(run):
    _, ending = run(TWO, {"SGD#2.lr": 0.5})
    assert ending.last_lines == ("0.1", "0.5", "0.3")
    _, ending = run(TWO, {"SGD.lr": 0.4, "SGD#3.lr": 0.5})
    assert ending.last_lines == ("0.4", "0.4", "0.5")
    assert ending.outside.before == {"SGD.lr": 0.1, "SGD#3.lr": 0.4}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("AdamW.betas", "betas of AdamW is (0.9, 0.999); name a place of it, as in AdamW.betas.0."),
        ("AdamW.betas.2", "betas of AdamW is (0.9, 0.999), which has no place 2."),
        ("AdamW.lr.0", "lr of AdamW is 0.001, which has no place 0."),
    ],
)
def test_a_place_that_there_is_not(run, name, said):
    _, ending = run(TRAIN, {name: 0.5})
    assert ending.status == FAILED
    assert ending.outside.error == f"--set {name}: {said}"


def test_torch_may_have_been_imported_before(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import torch")
    (tmp_path / "train.py").write_text(textwrap.dedent(TWO))
    command = ScriptCommand(str(tmp_path / "train.py"), (), ("SGD.lr=1..2",))
    environment = command.environment({"SGD.lr": 0.7}, before=str(tmp_path / "own"))
    ending = Script(command.at({}, 0), tmp_path / "run", environment=environment).run()
    assert ending.last_lines == ("0.7", "0.7", "0.7")


def test_the_scripts_own_sitecustomize_runs_too(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import builtins; builtins.mine = 'its own'")
    (tmp_path / "train.py").write_text("print(mine); import sys; print([f for f in sys.path if 'from_outside' in f])")
    command = ScriptCommand(str(tmp_path / "train.py"), (), ("SGD.lr=1..2",))
    environment = command.environment({"SGD.lr": 1}, before=str(tmp_path / "own"))
    ending = Script(command.at({}, 0), tmp_path / "run", environment=environment).run()
    assert ending.last_lines == ("its own", "[]")
    assert sys.executable in command.at({}, 0)
