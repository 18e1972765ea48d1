"""Write the stubs by which editors and type checkers see what is made from rules: `python -m steepest.torch.stubs`.

A test compares them with what this would write.
"""

import inspect
import re
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

import steepest
import steepest.rules
import steepest.torch
from steepest.torch import RuleOptimizer

_HEADER = '"""Written by `python -m steepest.torch.stubs`; do not edit."""\n\n'


def torch_stub() -> str:
    """The text of steepest/torch/__init__.pyi."""
    classes = [getattr(steepest.torch, name) for name in steepest.torch.__all__]
    made = [c for c in classes if isinstance(c, type) and issubclass(c, Optimizer) and c is not RuleOptimizer]
    return (
        _HEADER
        + "from collections.abc import Callable\nfrom typing import Any\n\n"
        + "import torch\nfrom torch.optim.optimizer import ParamsT\n\n"
        + "from steepest.schedules import Schedule\n"
        + "from steepest.torch.optimizers.base import RuleOptimizer as RuleOptimizer\n"
        + "from steepest.torch.functional import functional as functional\n"
        + "from steepest.torch.populations import population as population\n"
        + "from steepest.torch.optimizers.scheduled import ScheduledOptimizer\n\n"
        + f"__all__ = {_quoted(steepest.torch.__all__)}\n\n"
        + "\n".join(_class_stub(c) for c in made)
        + "\ndef optimizer(rule: Callable[..., Any]) -> type[RuleOptimizer]: ...\n"
    )


def rules_stub() -> str:
    """The text of steepest/rules/__init__.pyi."""
    homes = [(getattr(steepest.rules, name).__module__, name) for name in steepest.rules.__all__]
    return (
        _HEADER
        + "".join(f"from {home} import {name} as {name}\n" for home, name in homes)
        + f"\n__all__ = {_quoted(steepest.rules.__all__)}\n"
    )


def package_stub() -> str:
    """The text of steepest/__init__.pyi."""
    modules = sorted(steepest._MODULES)
    theirs = sorted({*torch.optim.__all__} - {*steepest.__all__, *modules})
    light = steepest._LIGHT
    ours = sorted({*steepest.__all__} - {"RuleError", *modules, *light})
    return (
        _HEADER
        + "".join(f"from torch.optim import {name} as {name}\n" for name in theirs)
        + "\n"
        + "".join(f"from steepest import {name} as {name}\n" for name in modules)
        + "from steepest.compiler.rule import RuleError as RuleError\n"
        + "".join(f"from {home} import {name} as {name}\n" for name, home in light.items())
        + "".join(f"from steepest.torch import {name} as {name}\n" for name in ours)
        + f"\n__all__ = {_quoted(steepest.__all__)}\n__version__: str\n"
        + "_MODULES: tuple[str, ...]\n_LIGHT: dict[str, str]\n"
    )


def _class_stub(cls: type[Optimizer]) -> str:
    extra = "    def share_memory(self) -> None: ...\n" if hasattr(cls, "share_memory") else ""
    lines, marked = ["        self,\n"], False
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not marked:
            lines, marked = [*lines, "        *,\n"], True
        takes_schedules = issubclass(cls, RuleOptimizer) or parameter.name == "lr"
        lines.append(f"        {_parameter(parameter, schedules=takes_schedules)},\n")
    base = "RuleOptimizer" if issubclass(cls, RuleOptimizer) else "ScheduledOptimizer"
    if base != "RuleOptimizer":
        extra += "    def step(self, closure: Callable[[], Any] | None = None) -> Any: ...  # type: ignore[override]\n"
    return f"class {cls.__name__}({base}):\n    def __init__(\n{''.join(lines)}    ) -> None: ...\n{extra}"


def _parameter(parameter: inspect.Parameter, *, schedules: bool) -> str:
    if parameter.name == "params":
        return "params: ParamsT"
    annotation = parameter.annotation
    if annotation is parameter.empty:
        annotation = Any if parameter.default is None else type(parameter.default)
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    if schedules:
        text = re.sub(r"\bfloat\b", "float | Schedule", text)
    return f"{parameter.name}: {text} = {parameter.default!r}"


def _quoted(names: list[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def main() -> None:
    """Write the three files beside the modules that they describe."""
    here = Path(__file__).parent
    for folder, text in ((here, torch_stub()), (here.parent / "rules", rules_stub()), (here.parent, package_stub())):
        (folder / "__init__.pyi").write_text(text)
        print(f"wrote {folder / '__init__.pyi'}")


if __name__ == "__main__":
    main()
