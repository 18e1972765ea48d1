"""Numbers, then figures, then one page.  `numbers` knows no figures, `figures` knows no page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steepest.workbench.report.records import Numbers


def write(found: Numbers, folder: Path) -> None:
    """Write `report.html`, and every figure as PNG, SVG and CSV, into the folder."""
    import polars

    from steepest.workbench.report import figures
    from steepest.workbench.report.page import page

    (folder / "report.html").write_text(page(found), encoding="utf-8")
    for name, chart in figures.for_paper(found).items():
        chart.save(folder / f"{name}.png", scale_factor=2)
        chart.save(folder / f"{name}.svg")
        rows = polars.DataFrame(figures.rows_of(chart.to_dict()), infer_schema_length=None)
        rows.write_csv(folder / f"{name}.csv")
