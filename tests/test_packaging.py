"""What an installation brings, and what is said where something was left out: each in a process of its own."""

import compileall
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

import steepest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def run(program: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    """A program that finds steepest in these folders, and everything else where this process does."""
    others = [path for path in sys.path if "site-packages" in path]
    start = f"import sys; sys.path[:0] = {[*map(str, folders), *others]!r}\n"
    return subprocess.run([sys.executable, "-S", "-c", start + program], capture_output=True, text=True, check=False)


def test_torch_is_brought_by_those_who_ask_for_it() -> None:
    """And by no install of Keras's or JAX's users; whoever has a torch keeps it."""
    extras = PROJECT["optional-dependencies"]
    brings = {name for name, needs in extras.items() if any(need.startswith("torch") for need in needs)}
    assert brings == {"torch", "workbench", "dev"}
    assert not [need for need in PROJECT["dependencies"] if need.startswith("torch")]


WITHOUT_TORCH = "sys.modules['torch'] = None\nimport importlib.util\n"


@pytest.mark.parametrize(
    "asked", ["steepest.AdamW", "steepest.lr_scheduler", "steepest.swa_utils", "steepest.optimizer"]
)
def test_where_torch_is_missing_it_is_said_what_to_type(asked: str) -> None:
    """`sys.modules[name] = None` makes Python say that there is no such module."""
    done = run(f"{WITHOUT_TORCH}import steepest\n{asked}", ROOT / "src")
    assert "torch is not installed, and steepest does not bring it by itself" in done.stderr
    assert done.stderr.rstrip().endswith("pip install 'steepest[torch]'")


def test_what_needs_no_torch_works_without_it() -> None:
    program = (
        "import steepest, steepest.optax\nprint(steepest.schedules.constant(0.5)(3), steepest.rules.adam.__name__)"
    )
    done = run(WITHOUT_TORCH + program, ROOT / "src")
    assert done.stdout.strip() == "0.5 adam", done.stderr


STEP = """
import torch, steepest
p = torch.nn.Parameter(torch.ones(2)); p.grad = torch.ones(2)
steepest.Adam([p], lr=0.5).step(); print(p.tolist())
"""


def test_it_runs_from_a_zip_file(tmp_path: Path) -> None:
    archive = tmp_path / "application.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in (ROOT / "src" / "steepest").rglob("*.py"):
            file.write(path, path.relative_to(ROOT / "src"))
    done = run(STEP, archive)
    assert done.stdout.strip() == "[0.5, 0.5]", done.stderr


def test_without_sources_it_is_said_what_to_ship(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src" / "steepest", tmp_path / "steepest", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(tmp_path, quiet=1, legacy=True)
    for path in tmp_path.rglob("*.py"):
        path.unlink()
    done = run(STEP, tmp_path)
    assert "Ship steepest's .py files beside the compiled ones, or in a zip file." in done.stderr


def test_pyinstaller_finds_the_hook_that_keeps_the_sources() -> None:
    module, _, function = PROJECT["entry-points"]["pyinstaller40"]["hook-dirs"].partition(":")
    program = f"import importlib, pathlib\nfound = importlib.import_module({module!r}).{function}()\n"
    done = run(
        program + "print(sorted(p.name for folder in found for p in pathlib.Path(folder).iterdir() if p.is_file()))",
        ROOT / "src",
    )
    assert "hook-steepest.py" in done.stdout


def test_a_rule_of_ones_own_in_a_frozen_application(monkeypatch: pytest.MonkeyPatch) -> None:
    scope: dict[str, Any] = {}
    text = "def mine(p, g, *, lr=0.1):\n    p = p - lr * g\n    return p\n"
    exec(compile(text, "my_rules.py", "exec"), scope)
    monkeypatch.setattr("sys.frozen", True, raising=False)
    with pytest.raises(steepest.RuleError, match=r"Instead: ship my_rules\.py .* --add-data my_rules\.py:\."):
        steepest.optimizer(scope["mine"])
