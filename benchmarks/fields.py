"""What wins in each field: `python -m benchmarks.fields [NAME ...] [--workers 2] [--out runs/fields]`.

Compares the default optimizers on each built-in problem, with the reference, and prints a table and the verdict in
Markdown, as docs/results has them.  A study that is there already is continued, and not made again.
"""

import argparse
import platform
import time
from pathlib import Path

from steepest.workbench import Comparison, compare, problems
from steepest.workbench.model.key import written
from steepest.workbench.report import sentences

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


def page(name: str, found: Comparison, minutes: float) -> str:
    """The table of a comparison and its verdict."""
    results = found.numbers
    rows = [
        f"| {row.name} | {row.rate:g} | {', '.join(f'{k} {written(v)}' for k, v in row.settings.items())} "
        f"| {row.mean.estimate:.4g} | {row.mean.low:.4g} to {row.mean.high:.4g} | {row.trained} of {len(row.values)} |"
        for row in results.rows
    ]
    lines = [
        f"## {name}",
        "",
        f"{problems.names()[name]}",
        "",
        f"| | rate | | {results.metric} | 95 % interval | trained |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        sentences.verdict(results),
        "",
        *(f"- {warning}" for warning in sentences.warnings(results)),
        "",
        f"`steepest compare {name}`, {minutes:.1f} minutes, {platform.machine()}.",
    ]
    return "\n".join(lines)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fields", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(FIELDS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/fields"))
    given = parser.parse_args()
    for name in given.names:
        started = time.perf_counter()
        found = compare(name, workers=given.workers, out=given.out / name)
        print(page(name, found, (time.perf_counter() - started) / 60), flush=True)


if __name__ == "__main__":
    main()
