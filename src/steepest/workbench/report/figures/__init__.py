"""The numbers as figures, in Vega-Lite: once for the page (interactive, no colours of its own) and once for paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steepest.workbench.report.figures.curves import curves, losses, rates
from steepest.workbench.report.figures.finalists import finalists
from steepest.workbench.report.figures.gauges import gauges, gradients
from steepest.workbench.report.figures.sensitivity import sensitivity
from steepest.workbench.report.figures.style import colours as colours
from steepest.workbench.report.figures.trials import trials

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Numbers


def for_page(found: Numbers) -> dict[str, dict[str, Any]]:
    """The figures of the report.  The page sets their parameters: who is hidden, which x axis, which run."""
    shown = {
        "sensitivity": sensitivity(found),
        "curves": curves(found),
        "finalists": finalists(found),
    }
    if found.has_schedules:
        shown["rates"] = rates(found)
    if found.has_tuning:
        shown["trials"] = trials(found)
    if found.diagnoses:
        shown |= {"gauges": gauges(found), "gradients": gradients(found)}
    return {name: figure.on_page() for name, figure in shown.items()}


def for_paper(found: Numbers) -> dict[str, dict[str, Any]]:
    """The same with a legend and a white ground, at a fixed width; the diagnosis is of the first optimizer's best."""
    shown = {
        "sensitivity": sensitivity(found, legend=True),
        "curves-steps": losses(found, against="step"),
        "curves-seconds": losses(found, against="seconds"),
        "finalists": finalists(found),
    }
    if found.has_schedules:
        shown["rates"] = rates(found, legend=True)
    if found.has_tuning:
        shown["trials"] = trials(found, legend=True)
    if found.diagnoses:
        shown |= {"updates": gauges(found), "gradients": gradients(found)}
    return {name: figure.on_paper() for name, figure in shown.items()}


def rows_of(figure: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a figure draws, for its CSV."""
    named = figure["datasets"]
    return [{"data": name, **row} if len(named) > 1 else row for name, rows in named.items() for row in rows]
