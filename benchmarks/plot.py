"""Draw the README's figure: `python -m benchmarks.plot rows.json docs/step-times.svg`, of rows that `--json` wrote."""

import json
import sys
from pathlib import Path
from typing import Any

import altair as alt
import vl_convert

COLORS = {"torch, default": "#b8b8b8", "torch, best of its paths": "#7d8a99", "steepest": "#d1495b"}


def figure(rows: list[dict]) -> Any:
    """Milliseconds a step, GPT-2 shapes: torch's default, torch's best path, ours."""
    bars = []
    for row in rows:
        if row["model"] != "GPT-2" or not row["default ms"]:
            continue
        best = min(row[path] for path in ("default ms", "foreach ms", "fused ms") if row[path])
        for who, ms in zip(COLORS, (row["default ms"], best, row["ours ms"]), strict=True):
            bars.append({"optimizer": row["optimizer"], "who": who, "ms": ms})
    order = list(dict.fromkeys(bar["optimizer"] for bar in bars))
    base = alt.Chart(alt.Data(values=bars)).encode(
        y=alt.Y("optimizer:N", sort=order, title=None),
        yOffset=alt.YOffset("who:N", sort=list(COLORS)),
        x=alt.X("ms:Q", axis=alt.Axis(tickCount=4), title="milliseconds a step, 124 million parameters, 2 cores"),
    )
    color = alt.Color("who:N", title=None, scale=alt.Scale(domain=list(COLORS), range=list(COLORS.values())))
    marks = base.mark_bar(cornerRadiusEnd=2).encode(color=color.legend(orient="top", symbolType="square"))
    labels = base.mark_text(align="left", dx=4, fontSize=11, color="#808080").encode(
        text=alt.Text("ms:Q", format=".0f")
    )
    return (
        alt.layer(marks, labels)
        .properties(width=460, height=alt.Step(13))
        .configure(background="transparent", font="Helvetica, Arial, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor="#808080", titleColor="#808080", grid=False, domain=False, ticks=False, labelFontSize=12
        )
        .configure_legend(labelColor="#808080", labelFontSize=12)
    )


def main() -> None:
    """Read rows, write a figure."""
    rows = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(vl_convert.vegalite_to_svg(figure(rows).to_json()))


if __name__ == "__main__":
    main()
