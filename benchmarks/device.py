"""`python -m benchmarks.device [--quick] [--out FOLDER]`: what only a machine with a GPU can say; at most ten minutes.

First whether bits are those of the processor's kernels, then graphs, then shares of the copy bandwidth, then small
tensors, then torch in turn in the same process: by optimizers, as a program would use them.  Needs torch, Triton and
Numba, and no network: `PYTHONPATH=src python -m benchmarks.device` at the root of the repository.  Every result is
written to device.json and device.md as it comes; each part runs in a process of its own, so that one that fails, or
leaves the GPU in ruins, stops no other.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.device_bits import bits, graphs
from benchmarks.device_speed import against_torch, shares, small

PARTS: dict[str, Callable[..., Iterator[dict[str, Any]]]] = {
    "Bits": bits,
    "Graphs": graphs,
    "Shares of the copy bandwidth": shares,
    "Small tensors": small,
    "Against torch": against_torch,
}

SECONDS, QUICK_SECONDS = {"Bits": 300}, {"Bits": 110}
"""Until a part is ended, and 90 or 40 for the others; all of them together take less than ten and three minutes."""


def report(folder: Path, found: dict[str, Any]) -> None:
    """Write all that is known."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "device.json").write_text(json.dumps(found, indent=1))
    lines = [f"# {found['device']}", "", f"torch {found['torch']}, {found['seconds']:.0f} s"]
    for part, rows in found["parts"].items():
        said = [f"- {', '.join(f'{k}: {_short(v)}' for k, v in row.items())}" for row in rows]
        lines += ["", f"## {part}", "", *said]
    (folder / "device.md").write_text("\n".join(lines) + "\n")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def rows_of(part: str, *, quick: bool) -> Any:
    """What a part finds, in a process of its own, as it comes; how it failed, if it did."""
    most = QUICK_SECONDS.get(part, 40) if quick else SECONDS.get(part, 90)
    command = [sys.executable, "-m", "benchmarks.device", "--part", part, *(["--quick"] if quick else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        timer = threading.Timer(most, child.kill)
        timer.start()
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("{"):
                yield json.loads(line)
        timer.cancel()
    if child.returncode:
        yield {"failed": f"its process ended with {child.returncode}, a negative one by a signal (9: out of time)"}


def run_part(part: str, *, quick: bool) -> None:
    """Print each row of a part as JSON; what fails is a row too."""
    for row in PARTS[part]("cuda", quick=quick):
        print(json.dumps(row), flush=True)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three minutes")
    parser.add_argument("--out", type=Path, default=Path("device"), help="the folder of device.json and device.md")
    parser.add_argument("--part", choices=PARTS, help="one part, in this process, as JSON")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("torch sees no GPU here, and all that is measured is one. On other machines: make test.")
    if given.part:
        run_part(given.part, quick=given.quick)
        return
    begin = time.perf_counter()
    found: dict[str, Any] = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "parts": {}}
    for name in PARTS:
        rows = found["parts"].setdefault(name, [])
        for row in rows_of(name, quick=given.quick):
            rows.append(row)
            print(name, row, flush=True)
            report(given.out, found | {"seconds": time.perf_counter() - begin})


if __name__ == "__main__":
    main()
