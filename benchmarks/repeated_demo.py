"""Is the verdict of `make demo` repeated with another seed?  `python -m benchmarks.repeated_demo [--times 20]`.

The same comparison again and again, with seeds so far apart that no two share a run.  A comparison is written down when
it has ended, and one that was stopped goes on, so the same command continues; `--count` counts what is there and trains
nothing.  Twenty take 28 minutes of two cores.
"""

import argparse
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from steepest.workbench import compare
from steepest.workbench.analysis.results import Results
from steepest.workbench.analysis.verdict import WINNER, verdict_of

PROBLEM, TIMES = "digits-mlp", 20
APART = 100
"""Between two seeds: the fresh seeds of a study are the five behind its own."""


def said(results: Results) -> dict[str, Any]:
    """What a verdict says."""
    found = verdict_of(results)
    best = found.best
    return {
        "kind": found.kind,
        "use": best.name,
        "rate": best.rate,
        "as good": found.level_with,
        results.metric: best.median.estimate,
    }


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two verdicts recommend the same optimizer."""
    return one["use"] == other["use"]


def agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether each recommends what the other recommends or calls as good."""
    return one["use"] in [other["use"], *other["as good"]] and other["use"] in [one["use"], *one["as good"]]


def contradict(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether both name a winner, and not the same."""
    return one["kind"] == other["kind"] == WINNER and not same(one, other)


def counted(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of the first against each other one, which is what a user sees who repeats the demo; and of all pairs."""
    first, *others = found
    pairs = list(combinations(found, 2))
    return {
        "comparisons": len(found),
        "name a winner": sum(one["kind"] == WINNER for one in found),
        **{
            f"{name}, {of}": f"{sum(holds(a, b) for a, b in among)} of {len(among)}"
            for of, among in (("as the first", [(first, one) for one in others]), ("all pairs", pairs))
            for name, holds in (("the same optimizer", same), ("agree", agree), ("contradict", contradict))
        },
    }


def main() -> None:
    """Compare, write down, and count."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.repeated_demo", description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--count", action="store_true", help="only count what is there")
    parser.add_argument("--out", type=Path, default=Path("runs/repeated-demo"))
    given = parser.parse_args()
    kept = given.out / "verdicts.jsonl"
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    found = {row["seed"]: row for row in map(json.loads, lines)}
    for seed in [] if given.count else range(0, given.times * APART, APART):
        if seed in found:
            continue
        results = compare(PROBLEM, seed=seed, workers=given.workers, out=given.out / f"seed-{seed}").numbers
        found[seed] = {"seed": seed, **said(results)}
        with kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found[seed]) + "\n")
        print(json.dumps(found[seed]), flush=True)
    if found:
        print(json.dumps(counted([found[seed] for seed in sorted(found)]), indent=1))


if __name__ == "__main__":
    main()
