"""Every private name of Keras that this library uses, each with a way to do without it.

A private name may be renamed or removed by the next release of Keras.  `tests/keras/test_keras_internals.py` takes away
each in turn; what remains is slower, with the same results.
"""

import importlib.util
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import keras

_BASE: Any = keras.optimizers.Optimizer


def is_overwritten(optimizer: Any, variable: Any) -> bool:
    """Whether a variable takes its gradient as its value, as some of quantized layers do, and is not stepped."""
    if hasattr(_BASE, "_overwrite_variable_with_gradient"):
        return optimizer._overwrite_variable_with_gradient(variable)
    return getattr(variable, "overwrite_with_gradient", False)


def index_of(optimizer: Any, variable: Any) -> int:
    """Which one of the variables that an optimizer was built with."""
    if hasattr(_BASE, "_get_variable_index"):
        return optimizer._get_variable_index(variable)
    return next(index for index, one in enumerate(variables_of(optimizer)) if one is variable)


def variables_of(optimizer: Any) -> Sequence[Any]:
    """The variables that an optimizer was built with."""
    return vars(optimizer).get("_trainable_variables", optimizer.built_with)


_tensor = attrgetter("_value")


def tensor_of(variable: Any) -> Any:
    """What a variable of Keras holds, as it is; without its private name, as it is read."""
    try:
        return _tensor(variable)
    except AttributeError:
        return getattr(variable, "value", variable)


def averages_of(optimizer: Any) -> Sequence[Any] | None:
    """The running averages of the variables; None where Keras keeps them elsewhere."""
    return vars(optimizer).get("_model_variables_moving_average")


def _stateless_scope() -> Callable[[], bool]:
    """Whether variables show other values than they hold; where Keras does not say so, it is taken for so."""
    home = "keras.src.backend.common.stateless_scope"
    try:
        found = importlib.util.find_spec(home)
    except ModuleNotFoundError:  # a folder above it
        found = None
    module = importlib.import_module(home) if found else None
    return getattr(module, "in_stateless_scope", lambda: True)


in_stateless_scope = _stateless_scope()


class Places(keras.optimizers.Optimizer):
    """Keras's base class; the private places where its step can be changed have names of ours."""

    built_with: Sequence[Any] = ()
    """The variables that it was built with."""

    def build(self, variables: Sequence[Any]) -> None:
        """Make the variables of the optimizer."""
        if not hasattr(_BASE, "_apply_weight_decay") and self.has_own_decay():
            super().exclude_from_weight_decay(var_list=variables)
        super().build(variables)
        object.__setattr__(self, "built_with", tuple(variables))  # Keras would wrap and track it

    def has_own_decay(self) -> bool:
        """Whether Keras's weight decay is left to the rule."""
        return False

    def step_all(self, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
        """Step these variables; where Keras has no such place, `update_step` is called for each of them."""
        self.step_each(grads, variables, learning_rate)

    def step_each(self, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
        """Call `update_step` for each of them, as Keras does on this backend."""
        super()._backend_update_step(grads, variables, learning_rate)

    def take_averages(self, variables: Sequence[Any]) -> None:
        """Give the variables the values of their running averages."""
        super()._overwrite_model_variables_with_average_value(variables)

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        self.step_all(grads, trainable_variables, learning_rate)

    def _apply_weight_decay(self, variables: Sequence[Any]) -> None:
        if not self.has_own_decay():
            super()._apply_weight_decay(variables)

    def _overwrite_model_variables_with_average_value(self, trainable_variables: Sequence[Any]) -> None:
        self.take_averages(trainable_variables)


steps_together = hasattr(_BASE, "_backend_update_step")
"""Whether Keras has a place where all variables are stepped."""


class MuonPlaces(keras.optimizers.Muon if hasattr(keras.optimizers, "Muon") else Places):  # type: ignore[misc]
    """Keras's Muon, whose two steps have names of ours; where Keras calls them otherwise, it takes its own."""

    def step_matrix(self, gradient: Any, variable: Any, learning_rate: Any, momentum: Any) -> None:
        """Step a matrix."""
        raise NotImplementedError

    def step_other(self, gradient: Any, variable: Any, learning_rate: Any, momentum: Any, velocity: Any) -> None:
        """Step another variable."""
        raise NotImplementedError

    def _muon_update_step(self, gradient: Any, variable: Any, lr: Any, m: Any) -> None:
        self.step_matrix(gradient, variable, lr, m)

    def _adamw_update_step(self, gradient: Any, variable: Any, learning_rate: Any, m: Any, v: Any) -> None:
        self.step_other(gradient, variable, learning_rate, m, v)
