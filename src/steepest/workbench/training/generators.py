"""Generators of the task's own: those that its functions can reach are saved with a run, and continue with it."""

from __future__ import annotations

import functools
import json
import random
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from steepest.workbench.task import Task

MOST_OBJECTS = 20_000
"""That are looked at: what a task reaches beyond is its data."""
_LEAVES = (torch.Tensor, np.ndarray, str, bytes, int, float, complex, type, types.ModuleType)

Generator = torch.Generator | np.random.Generator | np.random.RandomState | random.Random


def generator_states(task: Task) -> dict[str, Any]:
    """The state of every generator that the task can reach, by the path to it."""
    return {path: _state(one) for path, one in reachable(task).items()}


def set_generator_states(task: Task, states: dict[str, Any]) -> None:
    """Restore what `generator_states` gave, in a task that was made again."""
    for path, one in reachable(task).items():
        if path in states:
            _set_state(one, states[path])


def reachable(task: Task) -> dict[str, Generator]:
    """The generators that the task can reach by closures, defaults, globals, attributes and containers."""
    found: dict[str, Generator] = {}
    seen: set[int] = set()
    roots = ("loss", "evaluate", "step", "groups", "train", "model")
    waiting: list[tuple[str, Any]] = [(name, getattr(task, name)) for name in reversed(roots)]
    while waiting and len(seen) < MOST_OBJECTS:
        path, one = waiting.pop()
        if one is None or isinstance(one, _LEAVES) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, Generator):
            found[path] = one
        else:
            waiting += [(f"{path}/{name}", part) for name, part in reversed(list(_parts(one)))]
    return found


def _parts(one: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(one, types.FunctionType):
        yield from _parts_of_function(one)
    elif isinstance(one, types.BuiltinFunctionType):
        yield "self", one.__self__
    elif isinstance(one, types.MethodType):
        yield from (("function", one.__func__), ("self", one.__self__))
    elif isinstance(one, functools.partial):
        yield from (("function", one.func), ("arguments", one.args), ("keywords", one.keywords))
    elif isinstance(one, dict):
        yield from ((str(key), value) for key, value in one.items())
    elif isinstance(one, list | tuple):
        yield from ((str(place), value) for place, value in enumerate(one[:MOST_OBJECTS]))
    else:
        yield from getattr(one, "__dict__", {}).items()
        yield from ((name, getattr(one, name, None)) for name in _slots(one))
        if isinstance(call := vars(type(one)).get("__call__"), types.FunctionType):
            yield "call", call


def _parts_of_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # it is not filled yet
            continue
    yield "defaults", function.__defaults__
    yield "keywords", function.__kwdefaults__
    if function.__module__.partition(".")[0] not in ("torch", "numpy", "steepest", "builtins"):
        names = [name for code in _codes(function.__code__) for name in code.co_names]
        yield from ((name, function.__globals__[name]) for name in dict.fromkeys(names) if name in function.__globals__)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """The function's code, and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _slots(one: Any) -> list[str]:
    slots = [getattr(kind, "__slots__", ()) for kind in type(one).__mro__]
    return [name for some in slots for name in ((some,) if isinstance(some, str) else some) if name != "__dict__"]


def _state(one: Generator) -> Any:
    """In types that torch.load reads without executing code."""
    if isinstance(one, torch.Generator):
        return one.get_state()
    if isinstance(one, np.random.Generator):
        return json.dumps(one.bit_generator.state, default=_listed)
    if isinstance(one, np.random.RandomState):
        return json.dumps(one.get_state(legacy=False), default=_listed)
    return one.getstate()


def _listed(array: Any) -> Any:
    """Arrays and numbers of NumPy as JSON has them; all are whole numbers without a sign."""
    return {"array": array.tolist(), "dtype": str(array.dtype)} if isinstance(array, np.ndarray) else array.item()


def _array(found: dict[str, Any]) -> Any:
    return np.array(found["array"], dtype=found["dtype"]) if "array" in found and "dtype" in found else found


def _set_state(one: Generator, state: Any) -> None:
    if isinstance(one, torch.Generator):
        one.set_state(state)
    elif isinstance(one, np.random.Generator):
        one.bit_generator.state = json.loads(state, object_hook=_array)
    elif isinstance(one, np.random.RandomState):
        one.set_state(json.loads(state, object_hook=_array))
    else:
        one.setstate(state)
