"""The public names of the workbench: listed, and free until they are used."""

import shutil
import subprocess
import sys
from pathlib import Path

from steepest import workbench
from steepest.workbench import Comparison


def test_dir_lists_the_public_names() -> None:
    assert dir(workbench) == sorted(workbench.__all__)
    assert all(getattr(workbench, name) is not None for name in workbench.__all__)


def test_importing_the_workbench_loads_nothing_heavy() -> None:
    heavy = {"torch", "numpy", "scipy", "polars", "altair", "jinja2", "sklearn", "numba", "rich", "typer"}
    program = f"import sys, steepest.workbench; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_report_needs_no_torch(recorded: Comparison, tmp_path: Path) -> None:
    """What a study is described by stands in its record: who reads reports need not wait for torch."""
    shutil.copytree(recorded.folder, tmp_path / "study")
    program = (
        "import atexit, sys; from steepest.cli import main; atexit.register(lambda: print([*sys.modules])); main()"
    )
    made = subprocess.run(
        [sys.executable, "-c", program, "report", tmp_path / "study"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    assert "'altair'" in made.stdout
    assert "'torch'" not in made.stdout
    assert (tmp_path / "study" / "report.html").read_bytes() == (recorded.folder / "report.html").read_bytes()
