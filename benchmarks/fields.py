"""What wins in each field: `python -m benchmarks.fields [NAME ...] [--workers 2] [--out runs/results]`.

Compares the default optimizers on each built-in problem, as `steepest compare NAME` does, and writes the table and the
verdict into docs/results.md, between the two marks of the problem; the words around them are written by hand.  A study
that is there already is continued, and not made again.
"""

import argparse
import re
from pathlib import Path

from steepest.workbench import compare, problems
from steepest.workbench.analysis.optimizer_row import OptimizerResult
from steepest.workbench.analysis.results import Results
from steepest.workbench.report import formatting, sentences, warning_sentences
from steepest.workbench.report.terminal import good_rates

FIELDS = (
    "digits-mlp",
    "digits-cnn",
    "digits-resnet",
    "text-lstm",
    "text-transformer",
    "digits-vae",
    "digits-gan",
    "cartpole",
)
"""Problems of the four fields, the cheap ones of each first."""
PAGE = Path(__file__).parents[1] / "docs" / "results.md"


def section(results: Results) -> str:
    """The verdict of a comparison, its table, and what a careful reader should know; no times."""
    sure = formatting.percent(results.confidence)
    head, *evidence, _ = sentences.verdict(results)
    cost = f"It cost {results.runs} runs of at most {results.steps} steps."
    failed = f" Of the {results.counted} that try an optimizer, {results.failed} failed." if results.failed else ""
    lines = [
        f"**{head}** {' '.join(evidence)} {cost}{failed}",
        "",
        f"| | setting | {results.metric} | {sure} interval | untuned | trained | good rates |",
        "|---|---|---|---|---|---|---|",
        *map(_row, results.rows),
        "",
        *(f"- {warning}" for warning in warning_sentences.warnings(results)),
    ]
    return "\n".join(lines).strip()


def _row(row: OptimizerResult) -> str:
    middle, bounds = formatting.interval(row.median)
    return (
        f"| `{row.name}` | {formatting.setting(row.rate, row.settings)} | {middle} | {bounds} "
        f"| {formatting.untuned(row)} | {row.trained} of {len(row.values)} | {good_rates(row)} |"
    )


def with_section(page: str, name: str, text: str) -> str:
    """The page with this text between the marks of a problem.

    Raises:
        ValueError: The page has no such marks.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not found.search(page):
        raise ValueError(f"{PAGE} has no place for {name}: write the lines {begin} and {end} where its table belongs.")
    return found.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", page)


def main() -> None:
    """Compare, and write what was found into the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fields", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(FIELDS), help=", ".join(problems.names()))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/results"))
    given = parser.parse_args()
    for name in given.names:
        found = compare(name, workers=given.workers, out=given.out / name)
        PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8"), name, section(found.numbers)), encoding="utf-8")
        print(found.summary(), flush=True)


if __name__ == "__main__":
    main()
