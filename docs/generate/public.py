"""Tells mkdocstrings what the source alone does not show: names that are made when their module is imported.

mkdocstrings reads the source. There `steepest.keras.Adam` is the result of a call, and the arguments of `StepLR` are
those of torch's class. This extension imports the module and adds the signature and the docstring that it finds.
"""

import contextlib
import dataclasses
import inspect
from typing import Any

import griffe

from .api import MODULES, described_names, module_of

_KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: griffe.ParameterKind.positional_only,
    inspect.Parameter.POSITIONAL_OR_KEYWORD: griffe.ParameterKind.positional_or_keyword,
    inspect.Parameter.VAR_POSITIONAL: griffe.ParameterKind.var_positional,
    inspect.Parameter.KEYWORD_ONLY: griffe.ParameterKind.keyword_only,
    inspect.Parameter.VAR_KEYWORD: griffe.ParameterKind.var_keyword,
}
_TORCH = "https://docs.pytorch.org/docs/stable/generated/"


class PublicNames(griffe.Extension):
    """Completes the public modules after their source was read."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **_: Any) -> None:
        """Called once, with all of steepest."""
        if pkg.name == "steepest":
            loader.resolve_aliases(implicit=False, external=False)
            for module in MODULES:
                _complete(pkg, module)


def _complete(package: griffe.Module, name: str) -> None:
    module: Any = package[name.partition(".")[2]] if "." in name else package
    imported = module_of(name)
    for public in described_names(imported):
        value, read = getattr(imported, public), _as_read(module, public)
        if read is None:
            there = _where_it_is_written(package, value)
            module.members.pop(public, None)
            module.set_member(public, _made(public, value, name) if there is None else griffe.Alias(public, there))
        elif isinstance(read, griffe.Class) and not _says_how_it_is_made(read, value):
            read.set_member("__init__", _function("__init__", value))


def _as_read(module: griffe.Module, name: str) -> griffe.Object | None:
    """The function or class of this name as the source has it, if it has one of our own."""
    with contextlib.suppress(griffe.AliasResolutionError, griffe.CyclicAliasError, KeyError):
        found: Any = module.members[name]
        found = found.final_target if found.is_alias else found
        if isinstance(found, griffe.Class | griffe.Function):
            return found
    return None


def _where_it_is_written(package: griffe.Module, value: Any) -> griffe.Object | None:
    """The source of a name that a module of the same name hides, as `steepest.torch.functional` hides the class."""
    home, name = getattr(value, "__module__", "") or "", getattr(value, "__name__", "")
    if not home.startswith(f"{package.name}."):
        return None
    with contextlib.suppress(KeyError):
        return _as_read(package[home.partition(".")[2]], name)
    return None


def _says_how_it_is_made(read: griffe.Class, value: Any) -> bool:
    """Whether the source of a class says its arguments; `*args, **kwargs` does not."""
    own = read.members.get("__init__")
    if dataclasses.is_dataclass(value) or issubclass(value, BaseException):
        return True
    return isinstance(own, griffe.Function) and "args" not in own.parameters


def _made(name: str, value: Any, module: str) -> griffe.Object:
    """A name as it is at run time."""
    if not inspect.isclass(value):
        made: griffe.Object = _function(name, value)
    else:
        made = griffe.Class(name)
        made.set_member("__init__", _function("__init__", value))
    made.docstring = griffe.Docstring(_docstring(name, value, module), parent=made)
    return made


def _function(name: str, value: Any) -> griffe.Function:
    signature = inspect.signature(value)
    typed = not hasattr(value, "__wrapped__")  # optax's types of numbers are unions of eight lines
    parameters = (_parameter(one, typed) for one in signature.parameters.values())
    returns = _annotation(signature.return_annotation) if typed and not inspect.isclass(value) else None
    return griffe.Function(name, parameters=griffe.Parameters(*parameters), returns=returns)


def _parameter(one: inspect.Parameter, typed: bool) -> griffe.Parameter:
    default = None if one.default is one.empty else repr(one.default)
    annotation = _annotation(one.annotation) if typed else None
    return griffe.Parameter(one.name, annotation=annotation, kind=_KINDS[one.kind], default=default)


def _annotation(stated: Any) -> str | None:
    """A type as a source has it: without quotes, and without the modules of Python's own names."""
    if stated is inspect.Parameter.empty:
        return None
    written = stated if isinstance(stated, str) else inspect.formatannotation(stated)
    return written.replace("collections.abc.", "").replace("typing.", "")


def _docstring(name: str, value: Any, module: str) -> str:
    """Of another library's name one sentence: its own docstring is written for its own documentation."""
    home = getattr(value, "__module__", "") or ""
    if home.startswith("torch."):
        where = module.replace("steepest", "torch.optim")
        return f"torch's own, unchanged: [`{where}.{name}`]({_TORCH}{where}.{name}.html)."
    if hasattr(value, "func"):  # a partial function
        fixed = ", ".join(f"{key}={given!r}" for key, given in value.keywords.items())
        return f"`{value.func.__name__}` with `{fixed}`."
    if hasattr(value, "__wrapped__"):
        return (
            f"optax's `{name}`, with its arguments and its state; a rule of `steepest.dialects.optax` takes the step."
        )
    return inspect.getdoc(value) or ""
