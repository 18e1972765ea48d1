"""The state of an optimizer, the bytes that it moves, the gradients that it accepts: found by reading and by trying."""

import functools
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import steepest
from steepest.compiler.branches import deciding
from steepest.compiler.program import Program, program
from steepest.compiler.rule import Rule

MATRIX, VECTOR = (6, 4), (6,)
FLOAT = 4
"""Bytes of a float32."""
ONE_NUMBER = "one number"


@dataclass(frozen=True)
class State:
    """One state of a float32 parameter.

    bytes: for each element of the parameter; empty for one number of the whole tensor.
    of: `matrices` or `vectors`, if only those have it.
    """

    name: str
    shape: str
    dtype: str
    bytes: str
    of: str = ""


@dataclass(frozen=True)
class Memory:
    """What a choice of options costs for each float32 parameter.

    moved: None if a step is more than one kernel.
    total: the bytes of state, if they are not the sum of the states'.  short: the same for the table of all optimizers.
    """

    options: tuple[str, ...]
    states: tuple[State, ...]
    moved: int | None
    total: str = ""
    short: str = ""

    @property
    def bytes(self) -> str:
        """Of state, for each parameter."""
        if self.total:
            return self.total
        sizes: dict[str, list[str]] = {}
        for state in self.states:
            if state.bytes:
                sizes.setdefault(state.of, []).append(state.bytes)
        return "; ".join(f"{_total(found)}{f' ({of})' * bool(of)}" for of, found in sizes.items()) or "0"


def _total(sizes: list[str]) -> str:
    return str(sum(map(int, sizes))) if all(map(str.isdigit, sizes)) else " + ".join(sizes)


def memories(name: str) -> list[Memory]:
    """The costs of each choice of options that changes them, the defaults first."""
    rule: Rule = getattr(steepest, name).rule
    if not rule.elementwise:
        states = _states(name, {})
        whole = any(state.bytes.isdigit() for state in states if state.of != "vectors")
        return [Memory((), states, None, short="" if whole else "≈ 0")]
    found: dict[tuple[str, ...], Memory] = {}
    for options in _choices(rule):
        lines = program(rule, rule.hyperparameters | options)
        if lines.kept not in found:
            found[lines.kept] = Memory(tuple(options), _states(name, options), moved(lines))
    return list(found.values())


def _choices(rule: Rule) -> Iterator[dict[str, Any]]:
    """Every set of the hyperparameters that an `if` looks at, given another value than the default; fewest first."""
    switches = {name: True if rule.hyperparameters[name] is False else 0.9 for name, _ in deciding(rule)}
    for count in range(len(switches) + 1):
        for chosen in itertools.combinations(switches, count):
            yield {name: switches[name] for name in chosen}


def moved(lines: Program) -> int:
    """Bytes that a kernel moves for a float32 parameter: it reads every array, and writes those that are assigned."""
    return FLOAT * lines.moved


def _states(name: str, options: Mapping[str, Any]) -> tuple[State, ...]:
    """The state after a step of a matrix, and what only a step of a vector adds."""
    matrix, vector = (_kept(name, shape, options) for shape in (MATRIX, VECTOR))
    differ = bool(vector) and matrix.keys() != vector.keys()
    found = [
        _state(key, value, MATRIX, "matrices" if differ and key not in vector else "") for key, value in matrix.items()
    ]
    found += [_state(key, value, VECTOR, "vectors") for key, value in vector.items() if key not in matrix]
    return tuple(found)


def _state(name: str, value: Tensor, shape: tuple[int, ...], of: str) -> State:
    words, size = {
        (): (ONE_NUMBER, ""),
        shape: ("as the parameter", str(FLOAT)),
        (shape[0], 1): ("rows × 1", "4 / columns"),
        (1, shape[-1]): ("1 × columns", "4 / rows"),
    }[tuple(value.shape)]
    return State(name, words, str(value.dtype).removeprefix("torch."), size, of)


def _kept(name: str, shape: tuple[int, ...], options: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state after one step of a float32 parameter of this shape; empty if the optimizer does not accept it."""
    p = torch.ones(shape)
    try:
        optimizer = getattr(steepest, name)([p], **options)
    except ValueError:
        return {}
    g = torch.ones(shape)
    _step(optimizer, p, g if takes(name, "dense") else g.to_sparse(1))
    return {key: value for key, value in optimizer.state[p].items() if value is not None}


@functools.cache
def takes(name: str, kind: str) -> bool:
    """Whether an optimizer accepts `dense`, `sparse` or `complex` gradients, found by trying it."""
    p = torch.ones(MATRIX, dtype=torch.complex64 if kind == "complex" else torch.float32)
    g = torch.ones_like(p)
    try:
        _step(getattr(steepest, name)([p]), p, g.to_sparse(1) if kind == "sparse" else g)
    except (RuntimeError, ValueError):
        return False
    return True


def _step(optimizer: Any, p: Tensor, g: Tensor) -> None:
    """One step along a gradient; the closure is there for LBFGS."""

    def closure() -> float:
        p.grad = g
        return 1.0

    optimizer.step(closure)
