"""The picture of an optimizer's page with its caption."""

from collections.abc import Iterable
from typing import Any

from . import elements as el
from .known import Optimizer
from .picture import picture
from .valley import Path
from .words import PICTURE_NOTES


def figure(one: Optimizer, how: str) -> str:
    """Its paths, where they end, and where the next smaller and larger rates lead.  how: the link to the method."""
    paths = [path for path, _ in one.paths]
    said = f"The path of {one.name} through Rosenbrock's valley, from the start to {_place(paths[0])}"
    captions = [_caption(number, path, beside) for number, (path, beside) in enumerate(one.paths, 1)]
    note = f"{PICTURE_NOTES.get(one.name, '')} [How the pictures are made]({how})."
    caption = el.element("figcaption", *captions, el.element("p", note, markdown="span"), markdown="block")
    return el.element("figure", picture(paths, said), caption, class_="path", markdown="block", data_search_exclude="")


def _caption(number: int, path: Path, beside: Iterable[Path]) -> str:
    key = el.element("span", class_=f"key path-{number}")
    steps = f"{len(path.points) - 1} steps to {_place(path)}, where f is {path.end:.2g}."
    return el.element("p", f"{key} {el.code(_chosen(path))}: {steps} ", " ".join(map(_outcome, beside)))


def _chosen(path: Path) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in (("lr", path.lr), *path.options.items()))


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _outcome(path: Path) -> str:
    if path.stays:
        return f"With lr={path.lr:g} it ends where f is {path.end:.2g}."
    return f"With lr={path.lr:g} it leaves the picture at step {len(path.points) - 1}."


def _place(path: Path) -> str:
    x, y = (round(value, 2) + 0.0 for value in path.points[-1])  # -0.0 + 0.0 is 0.0
    return f"({x:.2f}, {y:.2f})".replace("-", "−")
