"""What a new rule takes: a file in `steepest/rules`, and one command for the editors' stubs.

Whatever else was needed once, a failure here says what and where.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import steepest
from steepest.compiler.rule import read
from steepest.torch import stubs

ROOT = Path(__file__).parents[1]
PACKAGE = Path(steepest.__file__).parent

HEAVY_BALL = '''
def heavy_ball(p, g, velocity, *, lr=0.1, friction=0.1):
    """Roll along the gradient against friction.  Polyak, 1964.

    Polyak, 1964: Some methods of speeding up the convergence of iteration methods,
        https://doi.org/10.1016/0041-5553(64)90137-5
    friction: The share of the velocity that is lost at each step.
    """
    velocity = (1 - friction) * velocity - lr * g
    p = p + velocity
    return p, velocity
'''

WITH_THE_FILE = """
import importlib.util, sys
spec = importlib.util.find_spec("steepest.rules")
spec.submodule_search_locations.append({folder!r})
module = importlib.util.module_from_spec(spec)
sys.modules["steepest.rules"] = module
spec.loader.exec_module(module)
sys.path[:0] = [{root!r}, {root!r} + "/docs"]
"""


def with_heavy_ball(folder: Path, program: str) -> str:
    """What a program prints in a process where that file lies among the rules."""
    (folder / "heavy_ball.py").write_text(HEAVY_BALL)
    program = WITH_THE_FILE.format(folder=str(folder), root=str(ROOT)) + program
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_makes_the_class(tmp_path: Path) -> None:
    program = (
        "import torch, steepest\n"
        "p = torch.nn.Parameter(torch.ones(3)); p.grad = torch.ones(3)\n"
        "steepest.HeavyBall([p], lr=0.5).step()\n"
        "print(p.tolist(), 'heavy_ball' in steepest.rules.__all__, 'HeavyBall' in dir(steepest))"
    )
    assert with_heavy_ball(tmp_path, program).strip() == "[0.5, 0.5, 0.5] True True"


def test_it_is_listed_shown_and_compared(tmp_path: Path) -> None:
    program = (
        "from steepest.show import listing, show\n"
        "from steepest.workbench.model.optimizers import choose\n"
        "print('Roll along the gradient against friction' in listing())\n"
        "print('p ← p + velocity' in show('heavy_ball'))\n"
        "print([one.name for one in choose(['heavyball'])])"
    )
    assert with_heavy_ball(tmp_path, program).splitlines() == ["True", "True", "['heavyball']"]


def test_its_page_is_made_from_it(tmp_path: Path) -> None:
    program = (
        "from generate.known import described\nfrom generate.page import page\n"
        "text = page(described('heavy_ball'))\n"
        "for said in ('# HeavyBall', 'Roll along the gradient', '[*Some methods of speeding up the convergence of "
        "iteration methods*](https://doi.org/10.1016', 'The share of the velocity that is lost at each step.', "
        "'HeavyBall is not in torch.optim', 'The learning rate'):\n"
        "    assert said in text, said\n"
        "print('whole')"
    )
    assert with_heavy_ball(tmp_path, program).strip() == "whole"


def test_the_stubs_are_what_the_rules_say() -> None:
    said = "run `.venv/bin/python -m steepest.torch.stubs`, which writes what editors know of rules"
    assert (PACKAGE / "torch" / "__init__.pyi").read_text() == stubs.torch_stub(), said
    assert (PACKAGE / "rules" / "__init__.pyi").read_text() == stubs.rules_stub(), said
    assert (PACKAGE / "__init__.pyi").read_text() == stubs.package_stub(), said


@pytest.mark.parametrize("name", steepest.rules.__all__)
def test_every_hyperparameter_and_source_has_its_words(name: str) -> None:
    from docs.generate import docstring
    from docs.generate.words import MEANINGS, SOURCES, about

    rule = read(getattr(steepest.rules, name))
    for argument in rule.hyperparameters:
        assert docstring.meanings(rule).get(argument) or about(MEANINGS, name, argument), (
            f"write `{argument}: its meaning.` below the first line of the docstring of {name}"
        )
    cited = rule.doc.partition("  ")[2].rstrip(".").split(";")
    for source in map(str.strip, cited):
        assert any(known in source for known in {**SOURCES, **docstring.sources(rule)}), (
            f"write `{source}: title, https://address` below the first line of the docstring of {name}"
        )
