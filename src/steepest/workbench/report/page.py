"""The report as one HTML file that needs nothing else: no network, no folder beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from steepest.workbench.analysis.figure_data import FigureData, figure_data
from steepest.workbench.analysis.verdict import verdict_of
from steepest.workbench.model.key import written
from steepest.workbench.report import (
    figures,
    formatting,
    search_sentences,
    sentences,
    terminal,
    tuning_sentences,
    warning_sentences,
)
from steepest.workbench.report.methods import methods

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Results
    from steepest.workbench.analysis.tuning import Tuning


def page(results: Results) -> str:
    """The whole page."""
    return template("template.html").render(contents(results), library=Markup(library()))


def template(name: str, *folders: Path) -> jinja2.Template:
    """A page; `folders` are where it is looked for before this one, whose page it may extend."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=formatting.number,
        interval=formatting.interval,
        duration=formatting.duration,
        listed=formatting.listed,
        size=formatting.size,
        setting=formatting.setting,
        cross_fitted=formatting.cross_fitted,
        untuned=formatting.untuned,
        written=written,
    )
    return environment.get_template(name)


def contents(results: Results) -> dict[str, Any]:
    """What the page shows, by the names that the template has for it."""
    data = figure_data(results)
    return {
        "results": results,
        "best": results.rows[0],
        "verdict": sentences.verdict(results),
        "warnings": warning_sentences.warnings(results),
        "methods": methods(results),
        "colours": figures.colours(data.order),
        "found": verdict_of(results),
        "good_rates": terminal.good_rates,
        "sure": formatting.percent(results.confidence),
        "has_usual_rates": any(row.default_seeds for row in results.rows),
        "has_others": data.sensitivity is not None and data.sensitivity.has_others,
        "searched": data.searched,
        "history": data.history,
        "parallel": data.parallel,
        "of_history": _of_history(data),
        "of_importance": [search_sentences.importance(one) for one in results.importances],
        "of_pruning": search_sentences.pruning(results),
        "runs": data.sensitivity,
        "tuning": [_tuned(one) for one in results.tuning],
        "diagnosed": data.diagnosis.optimizers if data.diagnosis else [],
        "charts": _script({} if results.nothing_trained else figures.for_page(data)),  # which then have no place
    }


def _tuned(tuning: Tuning) -> dict[str, Any]:
    """The rows of the tables of one optimizer's search."""
    return {
        "optimizer": tuning.optimizer,
        "stages": [tuning_sentences.stage_row(one) for one in tuning.stages],
        "settings": [tuning_sentences.setting_row(one, tuning.rate_name) for one in tuning.settings],
        "sentences": tuning_sentences.sentences(tuning),
    }


def _of_history(data: FigureData) -> dict[str, str]:
    """What the history of each optimizer's search says."""
    if data.history is None:
        return {}
    names = dict.fromkeys(trial.optimizer for trial in data.history.trials)
    return {name: search_sentences.history(data.history, name) for name in names}


def _script(data: Any) -> Markup:
    """JSON that is safe in a script element, whichever names are in it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def library() -> str:
    """Vega, Vega-Lite and vega-embed, as vl-convert carries them: 0.9 MB.

    Putting them together takes two seconds, in which nothing else runs, so the result is cached.
    """
    from importlib.metadata import version

    import vl_convert

    from steepest import cache

    key = f"vega-of-vl-convert-{version('vl-convert-python')}"
    if (cached := cache.load(key)) is not None:
        return cached.decode()
    bundle = vl_convert.javascript_bundle().replace("</script", "<\\/script")  # type: ignore[call-arg]  its stub errs
    cache.store(key, bundle.encode())
    return bundle
