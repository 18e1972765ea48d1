"""A step of ours against torch's paths, for each optimizer and model; and against the limit of memory."""

from collections.abc import Iterator
from typing import Any

import torch

import steepest
from benchmarks.shapes import MODELS
from benchmarks.timing import in_turn, ms, ratio, stepper
from steepest.compiler.program import program

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {"lr": 1e-3}),
    "SGD momentum": ("SGD", {"lr": 1e-3, "momentum": 0.9}),
    "RMSprop": ("RMSprop", {}),
    "RMSprop centered, momentum": ("RMSprop", {"centered": True, "momentum": 0.9}),
    "Adagrad": ("Adagrad", {}),
    "Adadelta": ("Adadelta", {}),
    "Adam": ("Adam", {}),
    "AdamW": ("AdamW", {}),
    "Adam amsgrad": ("Adam", {"amsgrad": True}),
    "Adamax": ("Adamax", {}),
    "NAdam": ("NAdam", {}),
    "RAdam": ("RAdam", {}),
    "ASGD": ("ASGD", {}),
    "Rprop": ("Rprop", {}),
    "Lion": ("Lion", {}),
}
FUSED = ("SGD", "Adagrad", "Adam", "AdamW")


def rows(models: list[str], cases: list[str]) -> Iterator[dict[str, Any]]:
    """One row for each optimizer and model: milliseconds, and ours over theirs."""
    for model in models:
        for case in cases:
            times = _times(model, case)
            row: dict[str, Any] = {"model": model, "optimizer": case, "ours ms": ms(times["ours"])}
            for path in ("default", "foreach", "fused"):
                row[f"{path} ms"] = ms(times[path]) if path in times else None
                row[f"/ {path}"] = ratio(times["ours"], times[path]) if path in times else None
            yield row


def _times(model: str, case: str) -> dict[str, list[float]]:
    """Seconds by path.  Memory allocated first is a few percent slower here, so both orders are measured."""
    name, options = CASES[case]
    rounds, repeats = {"4 small": (30, 200), "150 small": (20, 20), "ResNet-50": (15, 1), "GPT-2": (5, 1)}[model]
    classes = {"ours": (getattr(steepest, name), {})}
    classes |= {path: (getattr(torch.optim, name), flags) for path, flags in _paths(name).items()}
    times: dict[str, list[float]] = {path: [] for path in classes}
    for order in (list(classes), list(reversed(classes))):
        steps = {path: stepper(MODELS[model](), classes[path][0], **options, **classes[path][1]) for path in order}
        for path, readings in in_turn(steps, rounds, repeats).items():
            times[path] += readings
    return times


def _paths(name: str) -> dict[str, dict[str, bool]]:
    if not hasattr(torch.optim, name):
        return {}
    paths = {"default": {}, "foreach": {"foreach": True}}
    return paths | ({"fused": {"fused": True}} if name in FUSED else {})


# The same number of streams with next to no arithmetic, through the same table: what memory allows.


def stream1(p, g):
    """Read 2, write 1."""
    p = p + g
    return p


def stream2(p, g, a):
    """Read 3, write 2."""
    a = a + g
    p = p + g
    return p, a


def stream3(p, g, a, b):
    """Read 4, write 3."""
    a = a + g
    b = b + g
    p = p + g
    return p, a, b


def stream4(p, g, a, b, c):
    """Read 5, write 4."""
    a = a + g
    b = b + g
    c = c + g
    p = p + g
    return p, a, b, c


_STREAMS = [stream1, stream2, stream3, stream4]


def _limit(name: str, options: dict[str, Any]) -> type[torch.optim.Optimizer]:
    """The loop with as many arrays as this rule keeps."""
    rule = getattr(steepest, name).rule
    return steepest.optimizer(_STREAMS[len(program(rule, rule.hyperparameters | options).state)])


def memory_share(cases: list[str], model: str = "GPT-2") -> Iterator[dict[str, Any]]:
    """How near each rule comes to a loop of the same streams without arithmetic, in the same process."""
    for case in cases:
        name, options = CASES[case]
        shapes = MODELS[model]()
        limit = _limit(name, options)
        steps = {"ours": stepper(shapes, getattr(steepest, name), **options), "limit": stepper(shapes, limit)}
        times = in_turn(steps, rounds=15)
        share = ratio(times["limit"], times["ours"])
        yield {"optimizer": case, "ours ms": ms(times["ours"]), "limit ms": ms(times["limit"]), "share": share}
