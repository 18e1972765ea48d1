"""From a rule to its class for Keras."""

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from steepest.compiler.rule import Rule, RuleError, read
from steepest.keras.arguments import signature
from steepest.keras.base import RuleOptimizer


@functools.cache
def optimizer(rule: Callable[..., Any]) -> type[Any]:
    """Make the Keras optimizer class of a rule.

    To load a model that was compiled with it, make the class first, or give it to `load_model` in `custom_objects`.

    Args:
        rule: `f(p, g, *state, step, *, hyperparameters)`, one of `steepest.rules` or your own.  Its `lr`, or
            `learning_rate`, is the rate that Keras sets and schedules.

    Returns:
        A class whose arguments are `learning_rate`, the other hyperparameters, and those of every Keras optimizer.

    Raises:
        RuleError: The function is not a rule, is a rule of whole tensors, or is the second rule of its name in its
            module: models are saved with that name.
    """
    return made(rule, "".join(part.capitalize() for part in read(rule).name.split("_")), rule.__module__)


def _documentation(rule: Rule, called: Mapping[str, str]) -> str:
    kept = ", ".join(called.get(name, name) for name in rule.state) or "none"
    return f"{rule.doc}\n\nArguments as in its signature; variables for each weight of the model: {kept}."


def made(rule: Callable[..., Any], name: str, module: str, **contents: Any) -> type[Any]:
    """Make the class under another name.  contents: of the class; `defaults` are those of Keras's own arguments."""
    stated = read(rule)
    if not stated.elementwise:
        raise RuleError(
            f"{stated.name} is a rule of whole tensors, whose state has shapes that Keras cannot know beforehand.\n"
            "Instead: use it with torch or JAX, `steepest.optimizer(rule)` or `steepest.optax.transformation(rule)`."
        )
    import keras

    _check_name(stated, keras.saving.get_registered_object(f"{module}>{name}"), f"{module}>{name}")
    own = signature(stated, contents.pop("defaults", {}))
    cls = type(
        name,
        (RuleOptimizer,),
        {
            "__doc__": _documentation(stated, contents.get("variable_names", {})),
            "__module__": module,
            "__signature__": own,
            "signature": own,
            "rule": stated,
            **contents,
        },
    )
    return keras.saving.register_keras_serializable(package=module)(cls)


def _check_name(rule: Rule, other: Any, name: str) -> None:
    """Refuse a name that stands for another rule (RuleError); warn where the rule was written anew, as in a notebook.

    other: what Keras would load under that name so far.
    """
    if other is None:
        return
    before = getattr(other, "rule", None)
    if not isinstance(before, Rule) or before.function.__qualname__ != rule.function.__qualname__:
        raise RuleError(
            f"{name!r}, the name with which models are saved that were compiled with {rule.name}, is that of "
            f"{before.function.__qualname__ if isinstance(before, Rule) else other!r}: they would be loaded with the "
            "wrong one.\nInstead: give the rule another name."
        )
    if _words(before) != _words(rule):
        warnings.warn(
            f"The rule {rule.name} was written anew: models compiled with it load as the new one.", stacklevel=4
        )


def _words(rule: Rule) -> tuple[Any, ...]:
    return rule.state, rule.hyperparameters, rule.statements or rule.source
