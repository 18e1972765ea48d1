"""Members that are trained at once against the same ones, one after the other: `python -m benchmarks.population`.

In turn in one process; the ratio of medians.  Models of a few thousand parameters, where Python is most of a step.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

import steepest
from benchmarks.timing import in_turn, ms, ratio

MODELS: dict[str, Callable[[], nn.Module]] = {
    "MLP 64-64-10": lambda: nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)),
    "convolutions": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(256, 10),
    ),
}  # fmt: skip


def rows(counts: tuple[int, ...] = (4, 16, 64), rounds: int = 40) -> Iterator[dict[str, Any]]:
    """One row for each model and number of members."""
    batch = torch.randn(64, 64), torch.randint(10, (64,))
    for name, make in MODELS.items():
        for count in counts:
            yield {"model": name, "members": count, **_measured(make(), count, batch, rounds)}


def _measured(model: nn.Module, count: int, batch: Any, rounds: int) -> dict[str, Any]:
    members: list[dict[str, Any]] = [{"lr": 1e-4 * (1 + member)} for member in range(count)]
    many = steepest.population(model, steepest.AdamW, members)
    alone = [(one := copy.deepcopy(model), steepest.AdamW(one.parameters(), **given)) for given in members]

    def one_by_one() -> None:
        for one, optimizer in alone:
            optimizer.zero_grad()
            _loss(one, batch).backward()
            optimizer.step()

    times = in_turn({"at once": lambda: many.step(_loss, batch), "one by one": one_by_one}, rounds)
    return {
        "at once ms": ms(times["at once"]),
        "one by one ms": ms(times["one by one"]),
        "times as fast": ratio(times["one by one"], times["at once"]),
    }


def _loss(model: nn.Module, batch: Any) -> Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


if __name__ == "__main__":
    for row in rows():
        print("  ".join(f"{k} {v}" if isinstance(v, (str, int)) else f"{k} {v:.3g}" for k, v in row.items()))
