"""A script on other machines: which of its files are sent, and under which names they are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from steepest.workbench.errors import UsageError
from steepest.workbench.executors.sent_sources import Sources, digest_of, environments_in, sources_of
from steepest.workbench.scripts.command import ScriptCommand
from steepest.workbench.scripts.recipe import ScriptRecipe

_LARGE = 10_000_000
"""Bytes from which on a file is data: it must be there, and nobody compares what is in it."""


def script_folder(command: ScriptCommand) -> Path:
    """The folder that is sent, in which the script runs there as it runs here: the working directory.

    Raises:
        UsageError: It holds more than the script.
    """
    here = Path.cwd().resolve()
    if here in (Path.home().resolve(), Path(here.root)):
        raise UsageError(
            f"The working directory is sent to the machines, and {here} holds more than {command.name}; change into a "
            "folder of its own, and name data by absolute paths."
        )
    return here


def script_within(folder: Path, recipe: ScriptRecipe) -> ScriptRecipe:
    """The recipe with the paths that its files have on the other machines."""
    command = recipe.command
    program = command.script if _is_program(command.script) else _there(command.script, folder, "./")
    arguments = tuple(_there_in(one, folder) for one in command.arguments)
    return replace(recipe, command=replace(command, script=program, arguments=arguments))


def sources_of_script(recipe: ScriptRecipe) -> Sources:
    """Of the files that the command names, as it names them on the other machines."""
    return sources_of({name: _digest(Path(name)) for name in _files_of(recipe.command)})


def _files_of(command: ScriptCommand) -> Iterator[str]:
    if not _is_program(command.script):
        yield command.script
    for one in command.arguments:
        for name in (one, one.rpartition("=")[2]):
            if name and Path(name).is_file():
                yield name


def _digest(file: Path) -> str:
    return digest_of(file) if file.stat().st_size < _LARGE else ""


def _is_program(script: str) -> bool:
    """Whether a shell would look for it, or it belongs to an environment, neither of which is sent."""
    file = Path(script)
    in_environment = any((folder / "pyvenv.cfg").exists() for folder in file.resolve().parents)
    return in_environment or not (file.is_file() and (script.endswith(".py") or "/" in script))


def _there_in(argument: str, folder: Path) -> str:
    """An argument, `FILE` or `--config=FILE`."""
    option, equals, value = argument.rpartition("=")
    return argument if "{" in argument else f"{option}{equals}{_there(value, folder)}"


def _there(name: str, folder: Path, before: str = "") -> str:
    """What is in the folder by its path in there, and all else by its path from the root."""
    file = Path(name)
    if not name or not file.exists() or not (file.is_absolute() or ".." in file.parts):
        return name
    found = file.resolve()
    if not found.is_relative_to(folder) or found.parts[len(folder.parts) :][:1] in _environments(folder):
        return str(found)
    return f"{'' if name.endswith('.py') else before}{found.relative_to(folder)}"


def _environments(folder: Path) -> list[tuple[str, ...]]:
    return [(name.rstrip("/"),) for name in environments_in(folder)]
