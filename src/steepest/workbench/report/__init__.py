"""What is written about a study: sentences, figures, one page, and tables for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Results


def write(results: Results, folder: Path) -> None:
    """Write `report.html`, and every figure as PNG, SVG and CSV, into the folder."""
    import polars
    import vl_convert
    from altair.utils.schemapi import debug_mode

    from steepest.workbench.analysis.figure_data import figure_data
    from steepest.workbench.report import figures
    from steepest.workbench.report.page import page

    with debug_mode(False):  # the tests draw every figure, so altair need not check each call
        content, paper = page(results), figures.for_paper(figure_data(results))
    (folder / "report.html").write_text(content, encoding="utf-8")
    for name, described in paper.items():
        drawn = vl_convert.vegalite_to_svg(described)
        (folder / f"{name}.svg").write_text(drawn, encoding="utf-8")
        (folder / f"{name}.png").write_bytes(vl_convert.svg_to_png(drawn, scale=2))  # the same, in half the time
        rows = polars.DataFrame(figures.rows_of(described), infer_schema_length=None)
        rows.write_csv(folder / f"{name}.csv")
