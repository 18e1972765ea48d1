"""A program on the arrays of libraries that trace: JAX, and Keras on its backends.

There a step count is an array too, so nothing can be computed on the host.  What kernels are handed as slots is
computed here by the library, once a step for all tensors, and numbers that are Python's stay Python's, in float64, as
long as they meet no array.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from steepest.compiler.branches import deciding
from steepest.compiler.evaluation import evaluate, run
from steepest.compiler.expression import Constant, Expression, Line, Name, Operation, Slot, rebuilt
from steepest.compiler.host import used
from steepest.compiler.program import Program, program
from steepest.compiler.rule import Rule
from steepest.compiler.values import truth


@dataclass(frozen=True)
class Traced:
    """Two functions of one program.

    scalars: (hyperparameters, step, uninitialized, scalar_states) -> the slots, then the new scalar states.
    uninitialized: for each state whose first step differs, whether this is it, as an array of truth.
    elements: (p, g, states, slots) -> the new parameter, or how far it moves, and the new states.
    """

    scalars: Callable[[Mapping[str, Any], Any, Mapping[str, Any], Sequence[Any]], tuple[Any, ...]]
    elements: Callable[[Any, Any, Sequence[Any], Sequence[Any]], tuple[Any, ...]]


@functools.cache
def traced(program: Program, *, moves: bool = False) -> Traced:
    """The functions of a program.

    moves: give how far the parameter moves instead of where it is; exact where `(p - x) - p` would round x to the
    digits that p leaves it.
    """
    slots = list(program.slots)
    elements = list(_displaced(program.elements, slots)) if moves else list(program.elements)
    return Traced(_scalars(program, slots), _elements(program, elements, moves))


def _scalars(program: Program, slots: Sequence[Expression]) -> Callable[..., tuple[Any, ...]]:
    names = list(used(program))
    host = [replace(line, value=_for_arrays(line.value)) for line in program.host]
    results = [*map(_for_arrays, slots), *program.results]

    def scalars(hyperparameters: Any, step: Any, uninitialized: Any, scalar_states: Any) -> tuple[Any, ...]:
        values = {name: hyperparameters[name] for name in names}
        values |= {"step": step, **dict(zip(program.scalar_states, scalar_states, strict=True))}
        run(host, values, (), uninitialized)
        return tuple(evaluate(one, values, (), uninitialized) for one in results)

    return scalars


def _elements(program: Program, lines: Sequence[Line], moves: bool) -> Callable[..., tuple[Any, ...]]:
    results = [_MOVED if moves else "p", *program.state]

    def elements(p: Any, g: Any, states: Sequence[Any], slots: Sequence[Any]) -> tuple[Any, ...]:
        values = {"p": p, "g": g, **dict(zip(program.state, states, strict=True)), _START: p, _MOVED: 0.0}
        run(lines, values, slots)
        return tuple(values[name] for name in results)

    return elements


def _for_arrays(expression: Expression) -> Expression:
    """With 1 - b ** n as one operation: as two it loses digits where the library has no float64."""

    def change(node: Expression) -> Expression | None:
        match node:
            case Operation(name="sub", arguments=(one, Operation(name="pow", arguments=power))) if one == Constant(1):
                return Operation("one_minus_power", tuple(map(_for_arrays, power)))
        return None

    return rebuilt(expression, change)


def chosen(rule: Rule, hyperparameters: Mapping[str, Any]) -> Program:
    """The program under hyperparameters of which some are arrays or schedules: `if momentum:` is entered for those.

    Also for an array of 0: it may be traced, or another number, at the next step, and the state must be there then.
    Raises TypeError where an `if` asks for the value of one.
    """
    seen = {name: _seen(rule, name, look, hyperparameters[name]) for name, look in deciding(rule)}
    return program(rule, {**hyperparameters, **seen})


def _seen(rule: Rule, name: str, look: Callable[[Any], Any], value: Any) -> Any:
    """What the `if`s of a rule see of a hyperparameter."""
    if value is None or isinstance(value, (int, float)) or type(value).__module__ == "numpy":
        return look(value)
    is_switch = isinstance(rule.hyperparameters[name], bool)
    if look is truth and not is_switch:
        return True
    if is_switch and not callable(value):
        with contextlib.suppress(TypeError):  # what is traced has no value
            return look(value)
    raise TypeError(
        f"{name} chooses between lines of the rule {rule.name} by its value, so it must be a number, True or False: it "
        "cannot be an array or a schedule. Under optax.inject_hyperparams, name it in `static_args`."
    )


# --- how far a parameter moves ----------------------------------------------------------------------------------------

_START, _MOVED = "start_", "moved_"


def _displaced(lines: Sequence[Line], slots: list[Expression]) -> Sequence[Line]:
    """The lines, with one before each that moves p, which says how far it is from its start then."""
    found: list[Line] = []
    for line in lines:
        if line.targets == ("p",):
            found.append(Line((_MOVED,), _displacement(line.value, slots), line.place))
        found.append(line)
    return found


def _displacement(value: Expression, slots: list[Expression]) -> Expression:
    match value:
        case Name(name="p"):
            return Name(_MOVED)
        case Operation(name="add" | "sub" as operation, arguments=(left, right)) if _starts_with_p(left):
            return Operation(operation, (_displacement(left, slots), right))
        case Operation(name="mul", arguments=(left, Slot() as factor)) if _starts_with_p(left):
            return _displacement(left, slots) * factor + _less_one(factor, slots) * Name(_START)
    return value - Name(_START)


def _starts_with_p(value: Expression) -> bool:
    while isinstance(value, Operation) and value.name in ("add", "sub", "mul", "truediv", "pow", "and_", "or_"):
        value = value.parts[0]
    return isinstance(value, Name) and value.name == "p"


def _less_one(slot: Slot, slots: list[Expression]) -> Slot:
    """A new slot that is a given one minus 1."""
    match slots[slot.index]:
        case Operation(name="sub", arguments=(one, taken)) if one == Constant(1):
            slots.append(-taken)
        case other:
            slots.append(other - Constant(1))
    return Slot(len(slots) - 1)
