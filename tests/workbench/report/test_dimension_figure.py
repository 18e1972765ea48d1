"""The figure of a hyperparameter: a decay of 0 on a logarithmic axis, and ticks of 1 - value."""

from typing import Any

from steepest.workbench.analysis.dimensions import DimensionData, ValuePoint
from steepest.workbench.report.figures.dimension import dimension


def drawn(values: list[float], from_one: bool = False) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of the trials, and the horizontal axis."""
    points = [ValuePoint("adam", value, 0.5, 1e-3, "trained") for value in values]
    figure = dimension(DimensionData("searched", "loss", True, from_one, [], points, len(points), []), ["adam"])
    first = figure.chart.to_dict(validate=False)["layer"][0]
    return figure.rows["trials"], first["encoding"]["x"]


def test_no_decay_stands_below_the_least_one() -> None:
    rows, x = drawn([0.0, 1e-3, 1e-2])
    assert [row["place"] for row in rows] == [1e-4, 1e-3, 1e-2]
    assert [row["shown"] for row in rows] == ["0", "0.001", "0.01"]
    assert x["scale"]["type"] == "log"
    assert x["axis"]["values"] == [1e-4, 1e-3, 1e-2]
    assert x["axis"]["labelExpr"].startswith("datum.value < 0.0002 ? '0' : ")
    rows, x = drawn([1e-3, 1e-2])
    assert "place" not in rows[0]
    assert x["field"] == "value"


def test_an_average_has_ticks_between_its_powers() -> None:
    _, x = drawn([0.75, 0.9, 0.965], from_one=True)
    assert sorted(round(1 - tick, 6) for tick in x["axis"]["values"]) == [0.7, 0.9, 0.97]
