"""Keras's Muon: matrices by our Muon, all other variables by our Adam."""

from typing import Any

import keras
from keras import ops

from steepest.compiler.arrays import traced
from steepest.compiler.program import program
from steepest.compiler.rule import read
from steepest.dialects.keras import adam, muon
from steepest.keras.arguments import given, signature_of
from steepest.keras.internals import MuonPlaces
from steepest.keras.scheduled import TakesSchedules, for_keras, refuse_schedules
from steepest.keras.step_numbers import REAL, cast


@keras.saving.register_keras_serializable(package="steepest")
class Muon(TakesSchedules, MuonPlaces):
    """Keras's Muon, with its arguments, which variables it takes for which rule, and its state."""

    __signature__ = signature_of(keras.optimizers.Muon.__init__)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        arguments = given("Muon", self.__signature__, args, kwargs)
        rate = arguments.pop("learning_rate")
        refuse_schedules("Muon", arguments, "only the rate of Muon can be one.")
        super().__init__(for_keras(rate), **arguments)

    def step_matrix(self, gradient: Any, variable: Any, learning_rate: Any, momentum: Any) -> None:
        dtype = variable.dtype
        options = {name: getattr(self, name) for name in read(muon).hyperparameters if name != "learning_rate"}
        new_p, new_momentum = muon(
            ops.convert_to_tensor(variable),
            ops.cast(gradient, dtype),
            ops.convert_to_tensor(momentum),
            learning_rate=ops.cast(learning_rate, dtype),
            **options,
        )
        self.assign(momentum, new_momentum)
        self.assign(variable, new_p)

    def step_other(self, gradient: Any, variable: Any, learning_rate: Any, momentum: Any, velocity: Any) -> None:
        given = {"beta_1": self.adam_beta_1, "beta_2": self.adam_beta_2, "epsilon": self.epsilon, "amsgrad": False}
        given["learning_rate"] = ops.cast(learning_rate, REAL)
        functions = traced(program(read(adam), given))
        taken: Any = self.iterations
        slots = functions.scalars(given, ops.cast(taken + 1, REAL), {}, ())
        tensors = [ops.cast(one, variable.dtype) for one in (variable, gradient, momentum, velocity)]
        new_p, new_m, new_v = functions.elements(
            tensors[0], tensors[1], tensors[2:], [cast(one, variable.dtype) for one in slots]
        )
        self.assign(momentum, new_m)
        self.assign(velocity, new_v)
        self.assign(variable, new_p)
