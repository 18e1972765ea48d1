"""The curve of a schedule as SVG, drawn from the schedule itself, in the colours of `docs/style.css`."""

import re

from steepest.schedules import Schedule, parse

from .elements import code, element

WIDTH, HEIGHT = 220.0, 90.0
STEPS = 100
"""The steps that are drawn of a schedule without an end."""

_MARK = re.compile(r"^\{curves\}\n(.*?)^\{/curves\}$", re.MULTILINE | re.DOTALL)


def with_curves(markdown: str) -> str:
    """Draw the schedules of a page: those between the lines {curves} and {/curves}, one on each line."""
    return _MARK.sub(lambda found: _gallery(found[1].strip().splitlines()), markdown)


def _gallery(texts: list[str]) -> str:
    return element("div", *map(_card, texts), class_="curves", data_search_exclude="")


def _card(text: str) -> str:
    schedule = parse(text)
    return element("figure", _picture(schedule, text), element("figcaption", code(text)))


def _picture(schedule: Schedule, text: str) -> str:
    last = round(schedule.length * 1.05) if schedule.length else STEPS
    steps = [quarter / 4 for quarter in range(4 * last + 1)]
    values = [schedule(step) for step in steps]
    top = max(values)
    places = (f"{x / last * WIDTH:.1f} {HEIGHT * (1 - y / top):.1f}" for x, y in zip(steps, values, strict=True))
    parts = [
        element("title", f"{text}: from {values[0]:g} over {top:g} to {values[-1]:g} in {last} steps"),
        element("path", d=f"M0 {HEIGHT:g}H{WIDTH:g}M0 0V{HEIGHT:g}", class_="frame"),
        element("path", d="M" + "L".join(places), class_="way"),
        element("text", f"{top:.3g}", x="-5", y="5", text_anchor="end"),
        element("text", "0", x="-5", y=f"{HEIGHT:g}", text_anchor="end"),
        element("text", f"{last}", x=f"{WIDTH:g}", y=f"{HEIGHT + 14:g}", text_anchor="end"),
    ]
    return element("svg", *parts, viewBox=f"-42 -8 {WIDTH + 50:g} {HEIGHT + 26:g}", role="img", class_="curve")
