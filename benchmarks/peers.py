"""Other libraries' Adam on this machine, as far as they are installed: `python -m benchmarks.peers`.

`pip install torch-optimi pytorch-optimizer bitsandbytes deepspeed` beside steepest first, with torch pinned.  Each is
measured in a process of its own: some compile for a minute before their first step.
"""

import json
import subprocess
import sys
import time
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.shapes import MODELS
from benchmarks.timing import in_turn, ms, stepper

PEERS = {
    "steepest": "from steepest import Adam",
    "torch, fused": "import functools, torch; Adam = functools.partial(torch.optim.Adam, fused=True)",
    "torch, default": "from torch.optim import Adam",
    "optimi": "from optimi import Adam",
    "pytorch_optimizer": "from pytorch_optimizer import Lion, AdaBelief as Adam",
    "bitsandbytes, 8 bit": "from bitsandbytes.optim import Adam8bit as Adam",
    "DeepSpeed": "from deepspeed.ops.adam import DeepSpeedCPUAdam as Adam",
}
"""A line that names an Adam; pytorch_optimizer has no plain one, AdaBelief does the same arithmetic."""


def measure(line: str) -> dict[str, float]:
    """Seconds to the first step, then milliseconds a step of each model."""
    scope: dict[str, Any] = {}
    start = time.perf_counter()
    exec(line, scope)
    stepper(MODELS["4 small"](), scope["Adam"], lr=1e-3)()
    found = {"first step s": time.perf_counter() - start}
    for model, shapes in MODELS.items():
        step = stepper(shapes(), scope["Adam"], lr=1e-3)
        repeats = 50 if "small" in model else 1
        found[f"{model} ms"] = ms(in_turn({"it": step}, rounds=7, repeats=repeats)["it"])
    return found


def main() -> None:
    """Print the table."""
    table = Table(
        title=f"Adam, fp32, {torch.get_num_threads()} threads; first step includes the import", title_justify="left"
    )
    table.add_column("library")
    for name in ("first step s", *(f"{model} ms" for model in MODELS)):
        table.add_column(name, justify="right")
    for name, line in PEERS.items():
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.peers", line], capture_output=True, text=True, check=False
        )
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
            table.add_row(name, f"[dim]{reason[0][:60]}[/dim]")
        else:
            table.add_row(name, *(f"{value:.3g}" for value in json.loads(done.stdout.splitlines()[-1]).values()))
    Console(width=max(120, Console().width)).print(table)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
