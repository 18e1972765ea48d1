"""Applications that are frozen, or run from a zip file: where the sources of steepest are then.

Rules are read from the text of their functions.  A zip file holds it; PyInstaller takes it along, told so by
`hook_directories`; what has compiled files alone cannot have it.
"""

import hashlib
import sys
from importlib.resources import files
from pathlib import Path
from types import FunctionType

WHAT_TO_SHIP = (
    "Built-in rules are read from the source files of steepest, and this application was shipped without them. Ship "
    "steepest's .py files beside the compiled ones, or in a zip file. PyInstaller does so by itself; other tools have "
    "an option that keeps the sources of a package."
)


def instead_of_no_source(function: FunctionType) -> str:
    """What to do where a rule of the user's own has no source."""
    if not getattr(sys, "frozen", False):
        return "define it with `def` in a file or a notebook cell; a lambda or exec'd text has no source."
    file = Path(function.__code__.co_filename).name
    return (
        f"ship {file} beside the frozen application's modules, since a rule is read from its text; PyInstaller: "
        f"--add-data {file}:. (a rule in the script that starts the application needs a file of its own)."
    )


def text_of(package: str, file: str) -> str:
    """The text of a source file of ours, or what tells it apart where only the compiled file was shipped."""
    folder = files(package)
    if folder.joinpath(file).is_file():
        return folder.joinpath(file).read_text(encoding="utf-8")
    compiled = folder.joinpath(f"{file}c")
    return hashlib.sha256(compiled.read_bytes()).hexdigest() if compiled.is_file() else ""


def hook_directories() -> list[str]:
    """Where PyInstaller finds the hook that keeps the sources; it asks for this by an entry point."""
    return [str(Path(__file__).parent / "pyinstaller")]
