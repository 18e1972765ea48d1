"""A schedule of steepest as Keras's LearningRateSchedule, and the base of the optimizers that take one."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from steepest.schedules import Schedule, parse

_RATE: Any = keras.optimizers.Optimizer.learning_rate


@keras.saving.register_keras_serializable(package="steepest")
class Scheduled(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule of steepest as Keras's LearningRateSchedule; it is saved as the text that describes it.

    Our Keras optimizers take schedules as they are; this class is for the others.

    Args:
        schedule: A schedule of `steepest.schedules`, or its text.

    Examples:
        >>> from steepest import schedules
        >>> Scheduled(schedules.cosine(0.1, steps=100)).get_config()
        {'schedule': 'cosine(0.1, 100)'}
    """

    def __init__(self, schedule: Schedule | str) -> None:
        self.schedule = parse(schedule) if isinstance(schedule, str) else schedule

    def __call__(self, step: Any) -> Any:
        """Compute the value at a step.

        Args:
            step: The number of the step, from 0.
        """
        return ops.cast(self.schedule(ops.convert_to_tensor(step)), keras.backend.floatx())

    def get_config(self) -> dict[str, Any]:
        """The text of the schedule."""
        return {"schedule": repr(self.schedule)}


class TakesSchedules(keras.optimizers.Optimizer):
    """Base of the optimizers whose rate may be a schedule of steepest, when they are made and later."""

    @property
    def learning_rate(self) -> Any:
        """The rate of this step; it may be set to a number, or to a schedule of steepest or of Keras."""
        return _RATE.fget(self)

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        _RATE.fset(self, for_keras(rate))


def for_keras(rate: Any) -> Any:
    """A rate as Keras knows it: it would call a schedule of ours without the step."""
    return Scheduled(rate) if isinstance(rate, Schedule) else rate


def has_schedule(value: Any) -> bool:
    """Whether a hyperparameter is a schedule, or several numbers with one among them."""
    return any(isinstance(one, Schedule) for one in (value if isinstance(value, (tuple, list)) else (value,)))


def refuse_schedules(called: str, given: Mapping[str, Any], reason: str) -> None:
    """Refuse schedules among these arguments (TypeError)."""
    for name, value in given.items():
        if has_schedule(value):
            raise TypeError(f"{called}(): {name} cannot be a schedule, {value!r}: {reason} Give a number.")
