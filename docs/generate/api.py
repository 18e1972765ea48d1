"""The pages of the API reference: one for each public module, each a line that mkdocstrings replaces.

Which names a module has is asked of the module, so a new name is on its page without being written here.
"""

import importlib
import inspect
import os
from types import ModuleType

MODULES = (
    "steepest",
    "steepest.schedules",
    "steepest.lr_scheduler",
    "steepest.swa_utils",
    "steepest.testing",
    "steepest.workbench",
    "steepest.ops",
    "steepest.tensor_ops",
    "steepest.keras",
    "steepest.optax",
    "steepest.dialects.keras",
    "steepest.dialects.optax",
)
"""In the order of the navigation."""

HAVE_PAGES_OF_THEIR_OWN = {"steepest"}
"""Modules whose optimizer classes are described under Optimizers."""

_INTRODUCTION = """\
# API reference

Every public name, from its signature and its docstring. Functions and classes show their source, except those that are
made from a rule when their module is imported. [The optimizers](../optimizers/index.md) have pages of their own.
"""

_OF_THE_MODULE = """\
    options:
      members: false
      show_root_heading: false
      show_root_toc_entry: false
"""


def module_of(name: str) -> ModuleType:
    """A public module, imported; Keras is given torch as its backend, which is always installed."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return importlib.import_module(name)


def public_names(module: ModuleType) -> list[str]:
    """What a module lists in `__all__`, else the functions and classes that are defined in it."""
    if hasattr(module, "__all__"):
        muon = {"Muon"} if module.__name__ == "steepest.keras" and "Muon" in vars(module) else set()
        return sorted({*module.__all__, *muon}, key=str.lower)  # Keras has had a Muon only since 3.10
    own = {name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__}
    return sorted(name for name in own if not name.startswith("_"))


def described_names(module: ModuleType) -> list[str]:
    """The public names that stand on the page of the module itself, not on another page."""
    return [name for name in public_names(module) if not _is_elsewhere(module, name)]


def _is_elsewhere(module: ModuleType, name: str) -> bool:
    value = getattr(module, name)
    return inspect.ismodule(value) or (
        module.__name__ in HAVE_PAGES_OF_THEIR_OWN and (hasattr(value, "rule") or name == "LBFGS")
    )


def page_name(module: str) -> str:
    """The file of a module's page: `steepest.dialects.keras` is on `dialects-keras.md`."""
    return module.removeprefix("steepest.").replace(".", "-") + ".md"


def api_pages() -> dict[str, str]:
    """The Markdown of every page by its name."""
    return {"index.md": _index()} | {page_name(module): _page(module) for module in MODULES}


def _page(module: str) -> str:
    """The module's own docstring, then its names."""
    found = module_of(module)
    head = f"# {module}\n\n::: {module}\n{_OF_THE_MODULE}"
    return "\n".join([head, *(_entry(found, name) for name in described_names(found))])


def _entry(module: ModuleType, name: str) -> str:
    """One name; of a class whose base stands on the same page, not what the base says already."""
    entry = f"::: {module.__name__}.{name}\n"
    return entry + "    options:\n      members: false\n" * _has_base_in(module, name)


def _has_base_in(module: ModuleType, name: str) -> bool:
    cls = getattr(module, name)
    others = [getattr(module, other) for other in public_names(module) if other != name]
    return inspect.isclass(cls) and any(base in others for base in cls.__mro__[1:])


def _index() -> str:
    return "\n".join([_INTRODUCTION, *map(_section, MODULES)])


def _section(module: str) -> str:
    found, page = module_of(module), page_name(module)
    summary = (inspect.getdoc(found) or "").partition("\n")[0]
    links = [f"[`{name}`]({page}#{module}.{name})" for name in described_names(found)]
    return f"## [{module}]({page})\n\n{summary}\n\n{' · '.join(links)}\n"
