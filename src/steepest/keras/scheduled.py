"""A schedule of steepest as Keras's LearningRateSchedule."""

from typing import Any

import keras
from keras import ops

from steepest.schedules import Schedule, parse


@keras.saving.register_keras_serializable(package="steepest")
class Scheduled(keras.optimizers.schedules.LearningRateSchedule):
    """What a schedule says, as a tensor; it is saved as the text that describes it.

    >>> from steepest import schedules
    >>> Scheduled(schedules.cosine(0.1, steps=100)).get_config()
    {'schedule': 'cosine(0.1, 100)'}
    """

    def __init__(self, schedule: Schedule | str) -> None:
        self.schedule = parse(schedule) if isinstance(schedule, str) else schedule

    def __call__(self, step: Any) -> Any:
        """The value at a step, from 0."""
        return ops.cast(self.schedule(ops.convert_to_tensor(step)), keras.backend.floatx())

    def get_config(self) -> dict[str, Any]:
        """The text of the schedule."""
        return {"schedule": repr(self.schedule)}
