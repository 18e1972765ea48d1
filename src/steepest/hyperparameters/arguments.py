"""The names of arguments: how those that were given are bound to them; a misspelt one is answered with the nearest."""

import difflib
import inspect
from collections.abc import Iterable
from typing import Any

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
