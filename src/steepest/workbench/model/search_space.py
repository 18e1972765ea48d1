"""What the user wants searched beside the rate (`weight_decay,dropout=0..0.5,width=32|64|128`), for each candidate."""

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from steepest.workbench.errors import UsageError, nearest
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.dimension import LINEAR, LOG, Dimension

SearchNames = str | Sequence[str | Dimension]
"""What is to be searched, as the user names it."""
FORMS = "name, name=LOW..HIGH, name=LOW..HIGH:log or name=A|B|C"


def parsed_search(given: SearchNames) -> list[str | Dimension]:
    """Dimensions, and names of dimensions whose ranges the optimizers know.

    Raises:
        UsageError: One of them cannot be read, or is named twice.
    """
    parts = given.split(",") if isinstance(given, str) else list(given)
    found = [part if isinstance(part, Dimension) else _parsed(part.strip()) for part in parts if part]
    names = [one if isinstance(one, str) else one.name for one in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"To be searched, {', '.join(sorted(twice))} is named twice; name each once.")
    return found


def _parsed(text: str) -> str | Dimension:
    name, equals, values = (part.strip() for part in text.partition("="))
    if not equals:
        return name
    if "|" in values:
        return Dimension(name, choices=tuple(_value(part) for part in values.split("|")))
    bounds, _, scale = values.partition(":")
    low, dots, high = bounds.partition("..")
    numbers = [_value(low), _value(high)]
    if not dots or not all(isinstance(number, int | float) for number in numbers):
        raise UsageError(f"{text!r} does not say what to search; write {FORMS}.")
    whole = all(isinstance(number, int) for number in numbers)
    return Dimension(name, numbers[0], numbers[1], scale=scale.strip() or LINEAR, integer=whole)


def _value(text: str) -> Any:
    text = text.strip()
    if text in ("True", "False"):
        return text == "True"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def with_search(
    candidates: Iterable[Candidate], wanted: Sequence[str | Dimension], task: Callable[..., Any]
) -> list[Candidate]:
    """Each candidate with what it can search of what is wanted, beside what it searches by itself.

    Raises:
        UsageError: Neither the task nor any of the optimizers has such an argument.
    """
    candidates, own = list(candidates), arguments_of_task(task)
    for one in wanted:
        name = one if isinstance(one, str) else one.name
        spaces = [_space(candidate, one, own) for candidate in candidates]
        if all(space is None for space in spaces):
            raise UsageError(_nobody_has(name, candidates, own, known=isinstance(one, Dimension)))
        candidates = [
            candidate if space is None else replace(candidate, space=space)
            for candidate, space in zip(candidates, spaces, strict=True)
        ]
    return candidates


def _space(candidate: Candidate, wanted: str | Dimension, own: dict[str, Any]) -> tuple[Dimension, ...] | None:
    """The space of a candidate with one more dimension; None where it has no use for it."""
    name = wanted if isinstance(wanted, str) else wanted.name
    known = next((one for one in candidate.space if one.name == name), None)
    others = tuple(one for one in candidate.space if one.name != name)
    if isinstance(wanted, str):
        return None if known is None else (replace(known, trials=0), *others)
    if wanted.argument in own:
        return (replace(wanted, of_task=True, default=own[wanted.argument]), *others)
    if known is not None and not wanted.option:  # beta1 is a place in betas
        return (replace(wanted, option=known.option, place=known.place), *others)
    return (wanted, *others) if candidate.takes(wanted.argument) else None


def arguments_of_task(task: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of a task function beside the seed, each with its default; None where it has none."""
    try:
        parameters = list(inspect.signature(task).parameters.values())
    except (TypeError, ValueError):
        return {}
    own = [one for one in parameters[1:] if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return {one.name: None if one.default is one.empty else one.default for one in own}


def _nobody_has(name: str, candidates: list[Candidate], own: Iterable[str], *, known: bool) -> str:
    ranged = sorted({one.name for candidate in candidates for one in candidate.space})
    if not known and (name in own or any(candidate.takes(name) for candidate in candidates)):
        return (
            f"{name} has no usual range; say where to search: {name}=LOW..HIGH, {name}=LOW..HIGH:{LOG} or {name}=A|B|C."
        )
    return (
        f"Neither the task function nor {', '.join(one.name for one in candidates)} has an argument {name!r}"
        f"{nearest(name, [*own, *ranged])}; the task has {', '.join(own) or 'none beside the seed'}, and of the "
        f"optimizers {', '.join(ranged) or 'nothing'} is known by name."
    )
