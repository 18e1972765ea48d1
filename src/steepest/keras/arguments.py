"""The arguments of an optimizer for Keras: a rule's, under Keras's names, and those of Keras's base class."""

import inspect
from typing import Any

import keras

from steepest.compiler.rule import Rule
from steepest.hyperparameters.arguments import bind

_KEYWORD = inspect.Parameter.POSITIONAL_OR_KEYWORD


def rate_name(rule: Rule) -> str | None:
    """What a rule calls its learning rate."""
    return next((name for name in ("learning_rate", "lr") if name in rule.hyperparameters), None)


def names(rule: Rule) -> dict[str, str]:
    """The hyperparameters of a rule beside its rate: what it calls them, and what an optimizer does."""
    return {name: name for name in rule.hyperparameters if name != rate_name(rule)}


def signature(rule: Rule, defaults: dict[str, Any]) -> inspect.Signature:
    """`(learning_rate, *hyperparameters, *options of Keras's base class)`.

    defaults: of options of the base class; these stand behind the rate, as AdamW's weight_decay does.
    """
    rate = rate_name(rule)
    own = {"learning_rate": rule.hyperparameters[rate]} if rate else {}
    own |= defaults
    own |= {name: rule.hyperparameters[name] for name in names(rule)}
    base = {one.name: one.default for one in _base_options() if one.name not in own}
    return inspect.Signature([inspect.Parameter(name, _KEYWORD, default=value) for name, value in (own | base).items()])


def signature_of(constructor: Any) -> inspect.Signature:
    """What a constructor of Keras takes, by names."""
    found = inspect.signature(constructor).parameters.values()
    return inspect.Signature([one for one in found if one.kind is _KEYWORD and one.name != "self"])


def given(called: str, expected: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name; and `decay`, unless it is one of them: Keras warns that it ignores it."""
    ignored = {name: value for name, value in kwargs.items() if name == "decay" and name not in expected.parameters}
    known = {name: value for name, value in kwargs.items() if name not in ignored}
    return bind(called, expected, args, known) | ignored


def _base_options() -> list[inspect.Parameter]:
    return [one for one in signature_of(_base_init()).parameters.values() if one.name != "learning_rate"]


def _base_init() -> Any:
    """The constructor that names every option: the backends' own take `*args, **kwargs`."""
    constructors = [vars(cls)["__init__"] for cls in keras.optimizers.Optimizer.__mro__ if "__init__" in vars(cls)]
    return next(one for one in constructors if "learning_rate" in inspect.signature(one).parameters)
