"""What is public: listed, there, typed, and free until used."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import steepest
from steepest import lr_scheduler

SRC = Path(steepest.__file__).parent


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


MODULES = {
    "dialects", "keras", "lr_scheduler", "ops", "optax", "rules", "schedules", "swa_utils", "tensor_ops", "testing",
    "torch", "workbench",
}  # fmt: skip


def test_what_is_listed_is_there() -> None:
    for name in steepest.__all__:
        assert getattr(steepest, name) is not None
    assert {*dir(steepest)} == {*steepest.__all__, *MODULES, *torch.optim.__all__, "__version__"}


def test_every_optimizer_is_listed() -> None:
    public = {name: it for name, it in vars(steepest.torch).items() if isinstance(it, type) and name[0] != "_"}
    found = {name for name, it in public.items() if issubclass(it, torch.optim.Optimizer)} - {"RuleOptimizer"}
    assert {*steepest.__all__} == found | {
        "RuleError",
        "functional",
        "lr_scheduler",
        "optimizer",
        "population",
        "report",
    }


def test_a_module_that_is_not_public_is_no_attribute() -> None:
    """If this fails for a new module, say in steepest/__init__.py that it is public, or find out who imported it."""
    internal = sorted({path.stem for path in SRC.glob("[a-z]*.py")} - MODULES)
    program = "import sys, steepest; print([m for m in {0!r} if hasattr(steepest, m)], 'torch' in sys.modules)"
    assert run(program.format(internal)).strip() == "[] False"


def test_what_was_fetched_once_is_kept() -> None:
    """A look through `__getattr__` takes 8 to 40 us."""
    program = "import steepest; {0}; print('Adam' in vars(steepest), 'Optimizer' in vars(steepest))"
    assert run(program.format("steepest.Adam, steepest.Optimizer")).split() == ["True", "True"]
    assert run(program.format("pass")).split() == ["False", "False"]


def test_a_star_import_leaves_torch_alone() -> None:
    assert run("import torch; from steepest import *; print(torch.ones(1).item(), Adam.__name__)") == "1.0 Adam\n"


@pytest.mark.parametrize("name", torch.optim.__all__)
def test_every_name_of_torch_optim_works(name: str) -> None:
    assert getattr(steepest, name) is not None


@pytest.mark.parametrize("name", torch.optim.lr_scheduler.__all__)
def test_every_name_of_torchs_schedulers_works(name: str) -> None:
    assert name in lr_scheduler.__all__
    assert issubclass(getattr(lr_scheduler, name), torch.optim.lr_scheduler.LRScheduler)


def test_a_name_that_nobody_has_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'steepest' has no attribute 'Adamm'"):
        getattr(steepest, "Adamm")  # noqa: B009
    with pytest.raises(AttributeError, match=r"no attribute 'schedule'\. Did you mean 'schedules'"):
        getattr(steepest, "schedule")  # noqa: B009


def test_importing_steepest_loads_nothing_heavy() -> None:
    heavy = ("torch", "numba", "llvmlite", "numpy", "triton", "jax", "keras", "optuna", "typer", "polars")
    loaded = run(f"import sys, steepest; print([name for name in {heavy!r} if name in sys.modules])")
    assert loaded.strip() == "[]"


@pytest.mark.parametrize("module", sorted(path.stem for path in SRC.glob("[a-z]*.py")))
def test_every_module_can_be_the_first_to_be_imported(module: str) -> None:
    assert run(f"import steepest.{module}; print(steepest.{module}.__name__)").strip() == f"steepest.{module}"


def test_making_an_optimizer_does_not_import_the_compiler_of_torch() -> None:
    """torch.optim's constructor imports torch._dynamo, 0.9 s here."""
    program = (
        "import sys, torch, steepest\n"
        "model = torch.nn.Linear(2, 2)\n"
        "optimizer = steepest.Adam(model.parameters())\n"
        "optimizer.zero_grad()\n"
        "optimizer.step()\n"
        "print('torch._dynamo' in sys.modules)"
    )
    assert run(program).strip() == "False"


def test_an_editor_complains_of_a_misspelt_argument(tmp_path: Path) -> None:
    pytest.importorskip("pyright", reason="pyright comes with the dev extra")
    user = tmp_path / "user.py"
    user.write_text(
        "import torch\nimport steepest as optim\n\nmodel = torch.nn.Linear(2, 2)\n"
        "right = optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99), amsgrad=True)\n"
        "optim.lr_scheduler.StepLR(right, step_size=10, gamma=0.1)\n"
        "wrong = optim.Adam(model.parameters(), learning_rate=1e-3)\n"
        "also_wrong = optim.RMSprop(model.parameters(), beta=0.9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, str(user)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    errors = [line.partition("user.py:")[2] for line in done.stdout.splitlines() if " error: " in line]
    assert [error.partition(" - ")[0].split(":")[0] for error in errors] == ["7", "8"], done.stdout
    assert 'No parameter named "learning_rate"' in errors[0]
    assert 'No parameter named "beta"' in errors[1]
