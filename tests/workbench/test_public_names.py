"""The public names of the workbench: listed, and free until they are used."""

import subprocess
import sys

from steepest import workbench


def test_dir_lists_the_public_names() -> None:
    assert dir(workbench) == sorted(workbench.__all__)
    assert all(getattr(workbench, name) is not None for name in workbench.__all__)


def test_importing_the_workbench_loads_nothing_heavy() -> None:
    heavy = {"torch", "numpy", "scipy", "polars", "altair", "jinja2", "sklearn", "numba", "rich", "typer"}
    program = f"import sys, steepest.workbench; print(sorted({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
