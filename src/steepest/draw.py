"""A schedule as a curve: in the terminal, or in a file as PNG, SVG or HTML."""

from pathlib import Path
from typing import Any

from steepest.schedules import Schedule

POINTS = 600
FORMATS = (".png", ".svg", ".html")
STEPS = 1000
"""Steps that are drawn of a schedule that has no end."""

_COLOUR = "#1f83c6"


class DrawError(ValueError):
    """A schedule cannot be drawn so; the message says how it can."""


def in_terminal(schedule: Schedule, steps: int | None = None, width: int = 78) -> str:
    """The curve in characters.

    steps: how many are drawn; to a little beyond the end of the schedule unless given.
    """
    import plotext

    at, values = _curve(schedule, steps)
    plotext.clear_figure()
    plotext.plot(at, values, marker="braille")
    plotext.plotsize(width, 18)
    plotext.ylim(min(0.0, *values), max(values) or 1.0)
    plotext.theme("clear")
    return f"{schedule!r}\n{plotext.uncolorize(plotext.build())}"


def save(schedule: Schedule, path: Path, steps: int | None = None) -> None:
    """The curve in a file; its name says whether as PNG, SVG or HTML.

    Raises DrawError for another name, or where it cannot be written.
    """
    if path.suffix not in FORMATS:
        raise DrawError(f"{path} cannot be drawn: give a file that ends in {', '.join(FORMATS)}.")
    options = {".png": {"scale_factor": 2}, ".html": {"inline": True}}.get(path.suffix, {})
    try:
        chart(schedule, steps).save(path, **options)
    except OSError as error:
        raise DrawError(f"{path} cannot be written: {error.strerror}. Give a file in a folder that is there.") from None


def chart(schedule: Schedule, steps: int | None = None) -> Any:
    """The curve as an Altair chart."""
    import altair

    at, values = _curve(schedule, steps)
    rows = [{"step": step, "value": value} for step, value in zip(at, values, strict=True)]
    line = altair.Chart(altair.Data(values=rows)).mark_line(color=_COLOUR, strokeWidth=2.5, clip=True)
    return line.encode(
        x=altair.X("step:Q", title="step", axis=altair.Axis(format="~s", grid=False, tickCount=8)),
        y=altair.Y("value:Q", title=None, axis=altair.Axis(format=".3~g")),
        tooltip=["step:Q", altair.Tooltip("value:Q", format=".4~g")],
    ).properties(width=640, height=260, title=altair.Title(repr(schedule), anchor="start", fontWeight="normal"))


def _curve(schedule: Schedule, steps: int | None) -> tuple[list[int], list[float]]:
    """Steps and values, both ends and every jump among them."""
    last = steps or (round(schedule.length * 1.05) if schedule.length else STEPS)
    if last < 1:
        raise DrawError(f"{last} steps are no curve. Give 1 at least.")
    at = sorted({round(last * point / POINTS) for point in range(POINTS + 1)})
    return at, [schedule(step) for step in at]
