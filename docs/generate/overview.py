"""The page of all optimizers: one table, and their paths side by side."""

from collections.abc import Sequence

from . import elements as el
from .known import Optimizer
from .memory import takes
from .picture import shared, thumbnail
from .tables import table
from .valley import STEPS

_INTRODUCTION = """\
Every optimizer is one plain function, and its page is made from this function. Two numbers say what it costs for each
float32 parameter: the bytes of state that it keeps, and the bytes that a step moves, [which decide how long the step
takes](../performance.md#the-limit). All of them accept dense gradients, except SparseAdam; some also accept sparse or
complex ones."""

_BELOW = """\
The larger numbers are with options: momentum, `centered`, `amsgrad`. Adafactor keeps a row and a column of each matrix,
LBFGS up to `history_size` pairs of vectors; these two and Muon need more than one pass over memory.
[What all of them share](common.md)."""


def overview(all_of_them: Sequence[Optimizer]) -> str:
    """The page in Markdown."""
    titles = ["optimizer", "state:", "moved:", "sparse", "complex", "in a sentence"]
    parts = ["# Optimizers", _INTRODUCTION, table(titles, map(_row, all_of_them), "overview"), _BELOW]
    parts += ["## The same valley", _gallery_text(), _gallery(all_of_them)]
    return "\n\n".join(parts) + "\n"


def _row(one: Optimizer) -> list[str]:
    kept = _range([memory.short or memory.bytes for memory in one.memories])
    moved = _range(["" if memory.moved is None else str(memory.moved) for memory in one.memories])
    ticks = ["yes" if takes(one.name, kind) else "" for kind in ("sparse", "complex")]
    return [f"[{one.name}]({one.page})", kept, moved or "—", *ticks, one.summary]


def _range(numbers: Sequence[str]) -> str:
    """The number of the defaults, and the largest if options need more."""
    return numbers[0] if len(numbers) == 1 else f"{numbers[0]}–{numbers[-1]}"


def _gallery_text() -> str:
    return (
        f"Rosenbrock's function from the same start (○) toward the same minimum (+): {STEPS} steps each (LBFGS 40), "
        "at the best of the rates 1, 2, 5 × 10ᵏ whose path stays in the picture. "
        "[How they are made](common.md#the-pictures), and why this is not a ranking."
    )


def _gallery(all_of_them: Sequence[Optimizer]) -> str:
    cards = [_card(one) for one in all_of_them]
    return el.element("div", shared(), *cards, class_="gallery", data_search_exclude="")


def _card(one: Optimizer) -> str:
    path, _ = one.paths[0]
    words = el.element("span", el.element("b", one.name), f" lr={path.lr:g}")
    return el.element("a", thumbnail(path), words, href=f"{one.name.lower()}/")
