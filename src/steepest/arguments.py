"""The arguments of what is made of a rule: how those that were given are bound to names, and what cannot work."""

import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from steepest.compiler.rule import Rule
from steepest.ranges import ranges

_ALSO_CALLED = (
    ("lr", "learning_rate"),
    ("betas", "beta_1", "beta_2", "b1", "b2"),
    ("eps", "epsilon"),
    ("alpha", "rho", "decay"),
    ("weight_decay", "wd", "decay"),
)
"""What libraries call the same argument."""


def bind(called: str, expected: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, defaults included; a misspelt one is answered with the nearest."""
    check_names(called, kwargs, expected.parameters)
    try:
        bound = expected.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{called}() {error}") from None
    bound.apply_defaults()
    return dict(bound.arguments)


def check_names(called: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse arguments that there are not (TypeError)."""
    known = list(known)
    for name in given:
        if name not in known:
            here = [other for names in _ALSO_CALLED if name in names for other in names if other in known]
            near = here or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else f" It takes {', '.join(known)}."
            raise TypeError(f"{called}() got an unexpected keyword argument {name!r}.{hint}")


def check_values(called: str, rule: Rule, values: Mapping[str, Any]) -> None:
    """Refuse what is no number where one is wanted (TypeError), or one out of its range (ValueError).

    Arrays and schedules pass: what they are is seen when they are asked.
    """
    for name, default in rule.hyperparameters.items():
        value = values[name]
        if isinstance(default, tuple) and not (isinstance(value, (tuple, list)) and len(value) == len(default)):
            raise ValueError(f"{called}: {name} must be {len(default)} numbers such as {default}, not {value!r}.")
        several = value if isinstance(default, tuple) else (value,)
        usual = default if isinstance(default, tuple) else (default,)
        for index, (one, expected) in enumerate(zip(several, usual, strict=True)):
            if (one is None or isinstance(one, str)) and not (isinstance(expected, str) or expected is None):
                raise TypeError(f"{called}: {name} must be a number as in {name}={default!r}, not {value!r}.")
            if isinstance(one, (int, float)) and name in ranges(rule) and one not in ranges(rule)[name]:
                place = index if isinstance(default, tuple) else None
                raise ValueError(f"{called}: {ranges(rule)[name].refusal(one, place)}.")
