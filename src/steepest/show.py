"""What there is to choose from, and what a rule comes to: the text behind `steepest list` and `steepest show`."""

import difflib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from steepest import rules
from steepest.compiler.formula import formula, symbol
from steepest.compiler.program import Program, program
from steepest.compiler.rule import Rule, read

FORMS = ("summary", "formula", "numba", "triton")


class ShowError(ValueError):
    """What was asked for cannot be shown; the message says what can."""


def listing() -> str:
    """Every rule with its first line."""
    return in_columns({name: read(getattr(rules, name)).doc for name in sorted(rules.__all__)})


def in_columns(lines: Mapping[str, str]) -> str:
    """Names and what is said of them, one a line."""
    width = max(map(len, lines))
    return "\n".join(f"  {name:{width}}  {line}" for name, line in lines.items())


def show(name: str, form: str = "summary", options: Sequence[str] = ()) -> str:
    """A rule as text.

    name: a rule of `steepest list`, or FILE.py:FUNCTION for one of your own.
    form: `summary`, `formula`, or `numba` and `triton` for the texts that are compiled for processors and for GPUs.  A
    rule of whole tensors is its own formula.
    options: hyperparameters as `name=value`, which decide the rule's `if`s.
    Raises ShowError for a name, form or option that there is not.
    """
    if form not in FORMS:
        raise ShowError(f"There is no form {form!r}.{_nearest(form, FORMS)} Forms: {', '.join(FORMS)}.")
    rule = read(_function(name))
    if not rule.elementwise:
        return _whole(rule, form)
    lines = program(rule, rule.hyperparameters | dict(_option(rule, option) for option in options))
    if form == "formula":
        return formula(lines)
    if form == "numba":
        from steepest.kernels.cpu import codegen

        return codegen.text(lines)
    if form == "triton":
        return _triton(lines)
    return _summary(rule, lines)


def _triton(lines: Program) -> str:
    from steepest.kernels.triton import slots, text

    kernels = f"{slots.text(lines, 'float32')}\n\n{text.text(lines)}"
    return kernels if importlib.util.find_spec("triton") else f"{_WITHOUT_TRITON}\n\n\n{kernels}"


_WITHOUT_TRITON = """\
# Triton is not installed here, so a step on a GPU runs the rule as operations on tensors: right, and slower. A torch
# for CUDA brings Triton; else `pip install triton` (Linux). This is what it would compile:"""


def _whole(rule: Rule, form: str) -> str:
    if form in ("numba", "triton"):
        raise ShowError(f"{rule.name} is a rule of whole tensors: no kernel is made of it. See --as formula.")
    return (
        rule.source.rstrip() if form == "formula" else "\n\n".join([_head(rule), _settings(rule), rule.source.rstrip()])
    )


def _head(rule: Rule) -> str:
    return f"{rule.name}: {rule.doc}"


def _settings(rule: Rule) -> str:
    return "\n".join(f"  {symbol(name):12} {name} = {value}" for name, value in rule.hyperparameters.items())


def _summary(rule: Rule, lines: Program) -> str:
    return "\n\n".join(
        [
            _head(rule),
            "\n".join("  " + line for line in formula(lines).splitlines()),
            _settings(rule),
            f"  state: {', '.join(lines.kept) or 'none'};  {4 * lines.moved} bytes moved per float32 parameter",
        ]
    )


def _function(name: str) -> Callable[..., Any]:
    if ".py" in name:
        return _function_in_file(*name.rpartition(":")[::2])
    if name not in rules.__all__:
        known = sorted(rules.__all__)
        raise ShowError(f"There is no rule {name!r}.{_nearest(name, known)} Rules: {', '.join(known)}.")
    return getattr(rules, name)


def _function_in_file(path: str, name: str) -> Callable[..., Any]:
    if not path and Path(name).is_file():
        raise ShowError(f"Which function of {name}? Write {name}:FUNCTION.")
    if not path or not Path(path).is_file():
        raise ShowError(f"There is no file {path or name!r}. Name a rule of your own as FILE.py:FUNCTION.")
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        line = getattr(error, "lineno", None) or traceback.extract_tb(error.__traceback__)[-1].lineno
        raise ShowError(f"{path} cannot be imported: {type(error).__name__}: {error}, line {line}.") from error
    if not hasattr(module, name):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ShowError(f"{path} has no function {name!r}.{_nearest(name, functions)}")
    return getattr(module, name)


def _option(rule: Rule, option: str) -> tuple[str, Any]:
    name, _, value = option.partition("=")
    if name not in rule.hyperparameters:
        known = list(rule.hyperparameters)
        raise ShowError(f"{rule.name} has no option {name!r}.{_nearest(name, known)} It has {', '.join(known)}.")
    switches = {"true": True, "false": False}
    try:
        return name, switches[value.lower()] if value.lower() in switches else float(value)
    except ValueError:
        raise ShowError(f"{option!r} is no setting: write {name}=0.9 or {name}=true.") from None


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=2)
    return f" Did you mean {' or '.join(near)}?" if near else ""
