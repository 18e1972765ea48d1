"""Numbers, then figures, then one page.  `numbers` knows no figures, `figures` knows no page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Numbers


def write(found: Numbers, folder: Path) -> None:
    """Write `report.html`, and every figure as PNG, SVG and CSV, into the folder."""
    import polars
    import vl_convert
    from altair.utils.schemapi import debug_mode

    from steepest.workbench.report import figures
    from steepest.workbench.report.page import page

    with debug_mode(False):  # as in `Figure`: what is drawn in the tests needs no check at each call
        content, paper = page(found), figures.for_paper(found)
    (folder / "report.html").write_text(content, encoding="utf-8")
    for name, described in paper.items():
        drawn = vl_convert.vegalite_to_svg(described)
        (folder / f"{name}.svg").write_text(drawn, encoding="utf-8")
        (folder / f"{name}.png").write_bytes(vl_convert.svg_to_png(drawn, scale=2))  # the same, in half the time
        rows = polars.DataFrame(figures.rows_of(described), infer_schema_length=None)
        rows.write_csv(folder / f"{name}.csv")
