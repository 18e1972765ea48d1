"""Which code goes to other machines, and how each of them finds out that it has the same."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from steepest.workbench.errors import UsageError
from steepest.workbench.training.recipe import Recipe
from steepest.workbench.training.trainer import Trainer

SAME_EVERYWHERE = ("steepest", "torch", "numpy")
"""Packages whose versions decide the numbers of a run."""
NOT_SENT = ("runs/", "study.db*")
"""Beside what .gitignore and .rayignore name: the results of studies."""
_PACKAGE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sources:
    """The code that runs are made with, as far as it decides their numbers.

    Args:
        versions: Of packages; what follows a `+` does not count, since a laptop has torch for CPUs and a cluster for
            GPUs.
        package: The digest of the sources of steepest.
        files: The digest of each of the user's own files, by its path in the folder that is sent, or from the root
            where it is outside; empty where it must only be there.
    """

    versions: Mapping[str, str]
    package: str
    files: Mapping[str, str]

    def missing_on(self, machine: str) -> str:
        """Why runs of this process would not be those of the sources, in a sentence; empty where they would be.

        Args:
            machine: The name of the machine on which this process runs.
        """
        for name, version in _versions().items():
            if version != self.versions.get(name):
                return (
                    f"{machine} has {name} {version} and this machine has {self.versions.get(name)}, so their runs "
                    f"could not be compared; install the same version on both."
                )
        if _digest_of_package() != self.package:
            return (
                f"{machine} has other sources of steepest than this machine, so their runs could not be compared; "
                "install the same on both."
            )
        return next(filter(None, (_differs(name, digest, machine) for name, digest in self.files.items())), "")


def _differs(name: str, digest: str, machine: str) -> str:
    file = Path(name)
    if not file.is_file() and file.is_absolute():
        return (
            f"{name} is not on {machine}: the working directory is sent, and what lies elsewhere must be on every "
            "machine under the same path, as on a shared folder; or begin the study in the folder that holds it."
        )
    if not file.is_file():
        return f"{name} did not reach {machine}; it must not be excluded by .gitignore or .rayignore."
    if digest and digest_of(file) != digest:
        return f"{name} on {machine} is not the file of this machine; {_way_out(file)}."
    return ""


def _way_out(file: Path) -> str:
    return "put the same on both" if file.is_absolute() else "start the study again"


def sources_in(folder: Path | None) -> Sources:
    """Of this process: the user's files are the modules that it has imported from the folder."""
    imported = [] if folder is None else _imported_from(folder)
    return sources_of({str(file.relative_to(folder)): digest_of(file) for file in imported if folder})


def sources_of(files: Mapping[str, str]) -> Sources:
    """Of this process, with the digests of the user's files."""
    return Sources(_versions(), _digest_of_package(), files)


def folder_to_send(trainer: Trainer) -> Path | None:
    """The folder with the task and the user's optimizers; None where they have no files.

    It is the working directory where the files are in it, since a task may read data from there; otherwise their own.

    Raises:
        UsageError: They are not in one folder.
    """
    files = [file.resolve() for file in _users_files(trainer)]
    if not files:
        return None
    here = Path.cwd().resolve()
    if here not in (Path.home().resolve(), Path(here.root)) and all(file.is_relative_to(here) for file in files):
        return here
    folders = {file.parent for file in files}
    if len(folders) > 1:
        raise UsageError(
            f"The task and the optimizers are in {len(folders)} folders ({', '.join(sorted(map(str, folders)))}), and "
            "one folder is sent to the machines; change into a folder that holds all of them."
        )
    return folders.pop()


def recipe_within(folder: Path | None, recipe: Recipe) -> Recipe:
    """The recipe with the paths that its files have in the folder that is sent."""
    if folder is None:
        return recipe
    optimizers = [_relative(one, folder) for one in recipe.optimizers]
    return replace(recipe, task=_relative(recipe.task, folder), optimizers=optimizers)


def environments_in(folder: Path) -> list[str]:
    """Python environments in a folder: 2 GB that no machine needs."""
    return [f"{found.parent.name}/" for found in folder.glob("*/pyvenv.cfg")]


def _relative(named: Any, folder: Path) -> Any:
    if not isinstance(named, str) or ".py:" not in named:
        return named
    file, _, name = named.rpartition(":")
    return f"{Path(file).resolve().relative_to(folder)}:{name}"


def _users_files(trainer: Trainer) -> Iterator[Path]:
    for one in (trainer.recipe.task, *trainer.recipe.optimizers):
        named = getattr(one, "cls", one)  # of a Candidate
        if isinstance(named, str):
            if ".py:" in named:
                yield Path(named.rpartition(":")[0])
        elif (file := _file_of(named)) is not None and not _is_installed(file):
            yield file


def _file_of(written: Any) -> Path | None:
    try:
        file = Path(inspect.getfile(written))
    except (OSError, TypeError):  # typed at a prompt
        return None
    return file if file.is_file() else None  # a cell of a notebook has the name of a file that there is not


def _is_installed(file: Path) -> bool:
    return "site-packages" in file.parts or _PACKAGE in file.resolve().parents


def _imported_from(folder: Path) -> list[Path]:
    files = {Path(found).resolve() for module in list(sys.modules.values()) if (found := _python_file(module))}
    return sorted(file for file in files if file.is_relative_to(folder) and not _is_installed(file))


def _python_file(module: Any) -> str:
    file = getattr(module, "__file__", None)
    is_script = getattr(module, "__name__", "") == "__main__"  # travels by value
    return file if isinstance(file, str) and file.endswith(".py") and not is_script and os.path.isfile(file) else ""


def _versions() -> dict[str, str]:
    versions = {"python": ".".join(map(str, sys.version_info[:2]))}
    for name in SAME_EVERYWHERE:
        versions[name] = importlib.metadata.version(name).partition("+")[0]
    return versions


def _digest_of_package() -> str:
    whole = hashlib.sha256()
    for file in sorted(_PACKAGE.rglob("*.py")):
        whole.update(f"{file.relative_to(_PACKAGE)}\0".encode() + file.read_bytes())
    return whole.hexdigest()[:16]


def digest_of(file: Path) -> str:
    """Of what is in a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
