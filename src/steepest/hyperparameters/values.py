"""The values of hyperparameters: one checker for torch, Keras, optax and the functional form."""

from collections.abc import Mapping, Sequence
from typing import Any

from steepest.compiler.rule import Rule
from steepest.hyperparameters.ranges import ranges

NUMBERS = (bool, int, float)


def check_values(
    rule: Rule, values: Mapping[str, Any], *, called: str = "", arrays: tuple[type, ...] | None = None
) -> None:
    """Refuse values that cannot work.

    called: what they were given to, as the error says it.
    arrays: the types of an array that passes for a number, and is held to its range like one.  If None, whatever is no
    number passes: an array or a schedule, whose values are seen when they are asked for.
    Raises TypeError for what is no number where one is wanted, ValueError for a wrong count or one out of its range.
    """
    where = f"{called}: " if called else ""
    for name, default in rule.hyperparameters.items():
        given = _members(where, name, values[name], default)
        if not all(is_number(one, default, arrays) for one in given):
            usual = f"as in {name}={default!r}, its default"
            raise TypeError(f"{where}{name} must be a number {usual}, not {values[name]!r}.")
    for name, allowed in ranges(rule).items():
        default = rule.hyperparameters[name]
        for index, one in enumerate(_members(where, name, values[name], default)):
            if isinstance(one, (*NUMBERS, *(arrays or ()))) and one not in allowed:
                raise ValueError(where + allowed.refusal(one, index if isinstance(default, tuple) else None))


def in_python(value: Any) -> Any:
    """A value of NumPy's as Python has it: a number, also as an array without dimensions; several as a tuple.

    So it is compared, printed and saved like any other: a checkpoint with a number of NumPy's is not read with
    `weights_only`.  Anything else is what it was; NumPy is not imported for it.
    """
    if type(value) in (tuple, list):
        found = [in_python(one) for one in value]
        return value if all(new is old for new, old in zip(found, value, strict=True)) else type(value)(found)
    is_numpys = type(value).__module__ == "numpy" and hasattr(value, "tolist")
    return tuple(value.tolist()) if is_numpys and value.ndim == 1 else number_in_python(value)


def number_in_python(value: Any) -> Any:
    """The same for one number alone; an array of several stays an array."""
    is_number = type(value).__module__ == "numpy" and hasattr(value, "tolist") and value.ndim == 0
    return value.item() if is_number else value


def _members(where: str, name: str, value: Any, default: Any) -> Sequence[Any]:
    """The one number, or the several of a tuple."""
    if not isinstance(default, tuple):
        return [value]
    if not (isinstance(value, Sequence) and len(value) == len(default)):
        raise ValueError(f"{where}{name} must be {len(default)} numbers such as {default}, not {value!r}.")
    return value


def is_number(value: Any, default: Any, arrays: tuple[type, ...] | None) -> bool:
    """Whether this is a number; or a word or nothing, where that is usual."""
    usual = default if isinstance(default, tuple) else (default,)
    if value is None or isinstance(value, str):
        return None in usual or any(isinstance(one, str) for one in usual)
    return arrays is None or isinstance(in_python(value), (*NUMBERS, *arrays))
