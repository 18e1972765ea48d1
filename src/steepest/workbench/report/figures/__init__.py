"""The figures in Vega-Lite: for the page (interactive, in the page's colours), and for paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from steepest.workbench.analysis.figure_data import FigureData
from steepest.workbench.report.figures.curves import curves, losses, rates
from steepest.workbench.report.figures.diagnosis import gradients, updates
from steepest.workbench.report.figures.dimension import dimension
from steepest.workbench.report.figures.finalists import finalists
from steepest.workbench.report.figures.history import history
from steepest.workbench.report.figures.importance import importance
from steepest.workbench.report.figures.parallel import parallel
from steepest.workbench.report.figures.sensitivity import sensitivity
from steepest.workbench.report.figures.style import Figure
from steepest.workbench.report.figures.style import colours as colours
from steepest.workbench.report.figures.trials import trials


def for_page(data: FigureData) -> dict[str, dict[str, Any]]:
    """The figures of the page, which sets their parameters: who is hidden, which x axis, which run."""
    names = data.order
    shown = {
        **({"sensitivity": sensitivity(data.sensitivity, names)} if data.sensitivity else {}),
        "curves": curves(data.curves, names),
        "finalists": finalists(data.finalists, names),
    }
    if data.rates is not None:
        shown["rates"] = rates(data.rates, names)
    if data.trials is not None:
        shown["trials"] = trials(data.trials, names)
    if data.diagnosis is not None:
        shown |= {"updates": updates(data.diagnosis), "gradients": gradients(data.diagnosis)}
    shown |= _of_search(data)
    return {name: figure.on_page() for name, figure in shown.items()}


def for_paper(data: FigureData) -> dict[str, dict[str, Any]]:
    """The same with a legend and a white ground, at a fixed width; the diagnosis is of the first optimizer's best."""
    names = data.order
    shown = {
        **({"sensitivity": sensitivity(data.sensitivity, names, legend=True)} if data.sensitivity else {}),
        "curves-steps": losses(data.curves, names, against="step"),
        "curves-seconds": losses(data.curves, names, against="seconds"),
        "finalists": finalists(data.finalists, names),
    }
    if data.rates is not None:
        shown["rates"] = rates(data.rates, names, legend=True)
    if data.trials is not None:
        shown["trials"] = trials(data.trials, names, legend=True)
    if data.diagnosis is not None:
        shown |= {"updates": updates(data.diagnosis), "gradients": gradients(data.diagnosis)}
    shown |= _of_search(data, legend=True)
    return {name: figure.on_paper() for name, figure in shown.items()}


def _of_search(data: FigureData, legend: bool = False) -> dict[str, Figure]:
    """What was tried, and what of it mattered."""
    names, shown = data.order, {}
    if data.history is not None:
        shown["history"] = history(data.history, names, legend)
    if data.importance is not None:
        shown["importance"] = importance(data.importance, names, legend)
    shown |= {f"parallel-{n}": parallel(one) for n, one in enumerate(data.parallel, 1)}
    return shown | {f"searched-{n}": dimension(one, names, legend) for n, one in enumerate(data.searched, 1)}


def rows_of(figure: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a figure draws, for its CSV."""
    named = figure["datasets"]
    return [{"data": name, **row} if len(named) > 1 else row for name, rows in named.items() for row in rows]
