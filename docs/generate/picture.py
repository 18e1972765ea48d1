"""Rosenbrock's valley and the paths through it as SVG, in colours that `docs/style.css` sets for light and dark."""

import math
from collections.abc import Iterable, Sequence

from .elements import element
from .valley import MINIMUM, START, Path, Point, X, Y

WIDTH, HEIGHT = 480.0, 330.0
LEFT, BOTTOM = 30.0, 30.0
LEVELS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
CURVE = 36
"""Points of one branch of a contour line."""


def picture(paths: Sequence[Path], said: str) -> str:
    """The valley with axes and these paths.  said: the description for a reader who cannot see the picture."""
    tracks = (_track(path, f"path-{number}") for number, path in enumerate(paths, 1))
    drawn = [
        element("clipPath", element("rect", width=f"{WIDTH:g}", height=f"{HEIGHT:g}"), id="valley"),
        element("g", *_contours(), *tracks, clip_path="url(#valley)"),
        *_axes(),
        *_marks([path.points[-1] for path in paths]),
    ]
    box = f"{-LEFT:g} -8 {WIDTH + LEFT + 12:g} {HEIGHT + BOTTOM + 8:g}"
    title = element("title", said)
    return element("svg", title, *drawn, viewBox=box, role="img", class_="valley", xmlns="http://www.w3.org/2000/svg")


def thumbnail(path: Path) -> str:
    """The valley, small, with one path; the contour lines are those of `shared`."""
    drawn = element("use", xlink_href="#contours"), _track(path, "path-1"), *_marks([path.points[-1]], words=False)
    box = f"0 0 {WIDTH:g} {HEIGHT:g}"
    return element("svg", *drawn, viewBox=box, aria_hidden="true", class_="valley small")


def shared() -> str:
    """The contour lines that all thumbnails of a page refer to."""
    return element(
        "svg", element("g", *_contours(levels=LEVELS[::2]), id="contours"), width="0", height="0", class_="valley"
    )


def _place(point: Point) -> tuple[float, float]:
    """The place of a point in the picture."""
    x, y = point
    return (x - X[0]) / (X[1] - X[0]) * WIDTH, (Y[1] - y) / (Y[1] - Y[0]) * HEIGHT


def _line(points: Iterable[Point], then: str = "") -> str:
    return "M" + "L".join("{:.1f} {:.1f}".format(*_place(point)) for point in points) + then


def _contours(levels: Sequence[float] = LEVELS) -> list[str]:
    """Highest first: each is filled with the same faint colour, so the valley is darkest where it is lowest."""
    return [element("path", d=_line(_contour(level), "Z"), class_="contour") for level in reversed(levels)]


def _contour(level: float) -> list[Point]:
    """Where f = level: y = x² ± sin(φ) √level / 10 at x = 1 − cos(φ) √level, a little beyond the picture's sides."""
    root = math.sqrt(level)
    first, last = (math.acos(max(-1.0, min(1.0, (1 - x) / root))) for x in (X[0] - 0.1, X[1] + 0.1))
    angles = [first + (last - first) * k / CURVE for k in range(CURVE + 1)]
    upper = [(1 - math.cos(angle) * root, math.sin(angle) * root / 10) for angle in angles]
    return [(x, x * x + away) for x, away in upper] + [(x, x * x - away) for x, away in reversed(upper)]


def _track(path: Path, name: str) -> str:
    """The line, and a dot for each step, drawn as a line of no length with round ends."""
    dots = "".join("M{:.1f} {:.1f}h0".format(*_place(point)) for point in path.points[1:])
    parts = element("path", d=_line(path.points), class_="way"), element("path", d=dots, class_="steps")
    x, y = path.points[-1]
    found = {"data_lr": repr(path.lr), "data_steps": str(len(path.points) - 1), "data_end": f"{x!r} {y!r}"}
    return element("g", *parts, class_=name, **found)


def _axes() -> list[str]:
    frame = element("rect", width=f"{WIDTH:g}", height=f"{HEIGHT:g}", class_="frame")
    below = [_text(_place((x, Y[0])), f"{x:g}", 0, 19, "middle") for x in (-2, -1, 0, 1, 2)]
    beside = [_text(_place((X[0], y)), f"{y:g}", -7, 4, "end") for y in (-1, 0, 1, 2, 3)]
    return [frame, *below, *beside]


def _text(place: tuple[float, float], text: str, right: float, down: float, anchor: str) -> str:
    x, y = place[0] + right, place[1] + down
    return element("text", text.replace("-", "−"), x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _circle(point: Point, name: str) -> str:
    x, y = _place(point)
    return element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="4.5", class_=name)


def _marks(ends: Iterable[Point], words: bool = True) -> list[str]:
    """The minimum, the start, and where each path ends."""
    (sx, sy), (mx, my) = map(_place, (START, MINIMUM))
    marks = [
        element("path", d=f"M{mx - 7:.1f} {my:.1f}h14m-7 -7v14", class_="minimum"),
        _circle(START, "start"),
        *(_circle(end, f"end path-{number}") for number, end in enumerate(ends, 1)),
    ]
    if words:
        marks += [_text((sx, sy), "start", -10, 4, "end"), _text((mx, my), "minimum", 10, 16, "start")]
    return marks
