"""The page of one optimizer, in Markdown."""

import inspect
import textwrap

import torch

from .figure import figure
from .known import Optimizer, shown
from .memory import takes
from .tables import arguments, bytes_moved, listed, states
from .words import DIFFERENCES

COMMON = "common.md"
"""The page of what all of them share."""
_LETTERS = "*p* is the parameter and *g* its gradient; the other letters stand beside their names in the tables below."


def page(one: Optimizer) -> str:
    """The whole page of an optimizer."""
    sections = {
        one.name: [_summary(one), _python(_call(one)), figure(one, f"{COMMON}#the-pictures")],
        "Formula": [_LETTERS, one.formula],
        "The rule itself": [_rule(one), _python(one.source, one.file)],
        "Arguments": [arguments(one), _common_arguments(one)],
        "State": [states(one)],
        "Bytes moved": [bytes_moved(one)],
        "Gradients": [_gradients(one)],
        "What differs from torch.optim": [_differences(one)],
    }
    titled = ([f"{'#' if title == one.name else '##'} {title}", *content] for title, content in sections.items())
    return "\n\n".join(text for section in titled for text in section) + "\n"


def _summary(one: Optimizer) -> str:
    return f"{one.summary}\n{{ .lead }}\n\n{' · '.join(_source(one, cited) for cited in one.cited)}\n{{ .sources }}"


def _source(one: Optimizer, cited: str) -> str:
    """What is cited, such as `AMSGrad: Reddi et al., 2018`, with its title."""
    key = next((key for key in one.sources if key in cited), None)
    if key is None:
        raise LookupError(
            f"The page of {one.name} cites {cited!r} without a title. Write below the first line of its rule: "
            f"`{cited}: title, https://address`."
        )
    title, address = one.sources[key]
    return f"{cited}: " + (f"[*{title}*]({address})" if address else f"*{title}*")


def _call(one: Optimizer) -> str:
    """The signature without its types."""
    written: list[str] = []
    for parameter in one.signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in written:
            written.append("*")
        written.append(parameter.name if parameter.default is parameter.empty else _with_default(parameter))
    line = f"steepest.{one.name}({', '.join(written)})"
    if len(line) > 80:
        lines = textwrap.fill(", ".join(written), 76, initial_indent="    ", subsequent_indent="    ")
        line = f"steepest.{one.name}(\n{lines},\n)"
    return line.replace(_TOGETHER, " ")


def _with_default(parameter: inspect.Parameter) -> str:
    return f"{parameter.name}={shown(parameter.default)}".replace(" ", _TOGETHER)


_TOGETHER = "\N{NO-BREAK SPACE}"
"""A space inside a default, where the line must not break."""


def _python(text: str, title: str = "") -> str:
    head = f'```python title="{title}"' if title else "```python"
    return f"{head}\n{text.rstrip()}\n```"


def _rule(one: Optimizer) -> str:
    if one.name == "LBFGS":
        return "L-BFGS is plain functions of whole vectors, which the class calls between evaluations of the closure."
    parts = "[what each part of it means](../writing-a-rule.md#what-the-signature-says)"
    if one.memories[0].moved is None:
        return f"Formula, arguments and state are read from this function, which runs on whole tensors: {parts}."
    return f"Formula, kernel, arguments, state and bytes are read from this function: {parts}."


def _common_arguments(one: Optimizer) -> str:
    if not one.shared:
        return f"[What every optimizer takes and does]({COMMON})."
    return f"{listed([f'`{name}`' for name in one.shared])}: [as for every optimizer]({COMMON}#arguments)."


def _gradients(one: Optimizer) -> str:
    kinds = ("dense", "sparse", "complex")
    taken = [kind for kind in kinds if takes(one.name, kind)]
    refused = [kind for kind in kinds if kind not in taken]
    said = f"{listed(taken).capitalize()} ones."
    if refused:
        said += f" {listed(refused).capitalize()} ones are an error that says what to do instead."
    return f"{said} [How they are used]({COMMON}#gradients)."


def _differences(one: Optimizer) -> str:
    common = f"what [differs for all of them]({COMMON}#what-differs-from-torchoptim)"
    own = DIFFERENCES.get(one.name, "" if hasattr(torch.optim, one.name) else f"{one.name} is not in torch.optim.")
    return f"{own}\n\nOtherwise nothing but {common}." if own else f"Nothing but {common}."
