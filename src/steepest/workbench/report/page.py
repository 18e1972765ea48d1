"""The report as one HTML file that needs nothing else: no network, no folder beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from steepest.workbench.report import figures, terminal, words
from steepest.workbench.report.methods import methods

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Numbers


def page(found: Numbers) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=words.number,
        interval=words.interval,
        duration=words.duration,
        listed=words.listed,
        size=words.size,
        untuned=words.untuned,
    )
    return environment.get_template("template.html").render(
        found=found,
        best=found.rows[0],
        verdict=found.verdict,
        methods=methods(found),
        colours=figures.colours(found.order),
        width=terminal.width,
        has_default=any(row.default_seeds for row in found.rows),
        varied=any(point.settings for point in found.points),
        looked=list(dict.fromkeys(one.optimizer for one in found.diagnoses)),
        charts=_script(figures.for_page(found)),
        library=Markup(_library()),
    )


def _script(data: Any) -> Markup:
    """JSON that may stand in a script element, whatever names are in it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _library() -> str:
    """Vega, Vega-Lite and vega-embed, as vl-convert carries them: 0.9 MB.

    Putting them together takes two seconds, in which nothing else runs, so they are kept.
    """
    from importlib.metadata import version

    import vl_convert

    from steepest import cache

    key = f"vega-of-vl-convert-{version('vl-convert-python')}"
    if (kept := cache.load(key)) is not None:
        return kept.decode()
    bundle = vl_convert.javascript_bundle().replace("</script", "<\\/script")  # type: ignore[call-arg]  its stub errs
    cache.store(key, bundle.encode())
    return bundle
