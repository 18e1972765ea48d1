"""What every optimizer of a rule has from Keras: arguments, variables, a configuration, and a step on any backend."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from steepest.compiler.arrays import chosen
from steepest.compiler.branches import deciding
from steepest.compiler.program import Program, program
from steepest.compiler.rule import Rule
from steepest.hyperparameters.values import check_values
from steepest.keras.arguments import given, names, rate_name
from steepest.keras.internals import Places, averages_of, index_of, is_overwritten, steps_together
from steepest.keras.scheduled import Scheduled, TakesSchedules, for_keras, refuse_schedules
from steepest.keras.step_numbers import REAL, StepNumbers, at
from steepest.schedules import Schedule

IS_TORCH = keras.backend.backend() == "torch"


class RuleOptimizer(Places, TakesSchedules):
    """Base of the optimizers that `steepest.keras.optimizer(rule)` makes; not meant to be instantiated itself."""

    rule: ClassVar[Rule]
    signature: ClassVar[inspect.Signature]
    variable_names: ClassVar[Mapping[str, str]] = {}
    """What Keras calls the states of the rule."""
    starts: ClassVar[Mapping[str, Any]] = {}
    """Where the states start that the first step would make: a number, or the name of an argument."""
    _now: StepNumbers | None = None
    """The step that is being taken."""
    _wrapped: dict[str, Scheduled]
    """The schedules among the hyperparameters, as Keras knows them, by their text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        called = type(self).__name__
        arguments = given(called, self.signature, args, kwargs)
        own = {name: _plain(arguments.pop(name)) for name in names(self.rule)}
        rate = arguments.pop("learning_rate", 1.0)
        self._check(called, own, rate, arguments)
        super().__init__(for_keras(rate), **arguments)
        object.__setattr__(self, "_wrapped", {})  # Keras would wrap and track it
        for name, value in own.items():
            setattr(self, name, value)

    def _check(self, called: str, own: Mapping[str, Any], rate: Any, options: Mapping[str, Any]) -> None:
        """Refuse what cannot work (TypeError, ValueError).  options: those of Keras's base class."""
        rate_of_rule = rate_name(self.rule)
        check_values(self.rule, {**own, rate_of_rule: rate} if rate_of_rule else own, called=f"{called}()")
        at_start = {name: own[name] for name in self.starts.values() if isinstance(name, str)}
        refuse_schedules(called, at_start, "it is where the state starts, before the first step.")
        refuse_schedules(called, options, "it is Keras's own, which has one for all steps, and no number of the rule.")
        usual = self.signature.parameters["weight_decay"].default
        if "weight_decay" in options and options["weight_decay"] is None and usual is not None:
            raise ValueError(
                f"{called}(): weight_decay must be a number such as {usual}, not None. To have none, give 0."
            )

    def build(self, variables: Sequence[Any]) -> None:
        """Make the variables of the optimizer, in Keras's order."""
        if self.built:
            return
        lines = self._lines()
        super().build(variables)
        without = program(self.rule, {**self._hyperparameters(0.0), **_switched_off(self.rule)})
        together = [name for name in lines.state if name in without.state]
        self._states: dict[str, list[Any]] = {name: [] for name in lines.state}
        for group in (together, *([name] for name in lines.state if name not in together)):
            for variable in variables:
                for name in group:
                    self._states[name].append(self._variable(name, variable))
        self._numbers = [
            keras.Variable(self._start(name) or 0.0, trainable=False, name=self.variable_names.get(name, name))
            for name in lines.scalar_states
        ]
        waiting = [name for name in lines.uninitialized if name not in self.starts and name not in lines.scalar_states]
        self._is_new = [self.add_variable((), "ones", name=_named(one, "is_new")) for one in variables if waiting]

    def _variable(self, name: str, variable: Any) -> Any:
        if is_overwritten(self, variable):
            return None
        start: Any = keras.initializers.Constant(self._start(name)) if self._start(name) else "zeros"
        return self.add_variable_from_reference(variable, name=self.variable_names.get(name, name), initializer=start)

    def _start(self, name: str) -> float:
        start = self.starts.get(name, 0.0)
        return getattr(self, start) if isinstance(start, str) else start

    def _hyperparameters(self, rate: Any, step: Any = None) -> dict[str, Any]:
        """The hyperparameters of the rule now, with schedules at a step, or as they are."""
        found = {name: at(getattr(self, name), step) for name in names(self.rule)}
        called = rate_name(self.rule)
        return {**found, called: rate} if called else found

    def _lines(self) -> Program:
        """The lines that these hyperparameters choose.

        Raises ValueError where they need state that was not made when the optimizer was built.
        """
        lines = chosen(self.rule, self._hyperparameters(0.0))
        missing = [name for name in lines.state if self.built and name not in self._states]
        if missing:
            raise ValueError(
                f"{type(self).__name__} was built without {', '.join(missing)}, which its arguments need now: one was "
                "switched on after the first step. Make a new optimizer with it, and compile the model again."
            )
        return lines

    def step_all(self, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
        """Step these variables, with a kernel where there is one."""
        if IS_TORCH and self._step_fused(grads, variables, learning_rate):
            return
        self._begin(learning_rate)
        try:
            self.step_each(grads, variables, learning_rate)
        finally:
            self._end()

    def _begin(self, learning_rate: Any) -> StepNumbers:
        """Compute what is the same for all variables."""
        old = [ops.cast(ops.copy(number), REAL) for number in self._numbers]
        now = StepNumbers(self, self._lines(), learning_rate, old)
        for number, value in zip(self._numbers, now.numbers(False), strict=True):
            self.assign(number, ops.cast(value, number.dtype))
        object.__setattr__(self, "_now", now)  # Keras would wrap and track it
        return now

    def _end(self) -> None:
        object.__setattr__(self, "_now", None)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Step one variable, in float32 at least."""
        now = self._now or self._begin(learning_rate)
        index = index_of(self, variable)
        is_new = self._is_new[index] if self._is_new else None
        states = [self._states[name][index] for name in now.lines.state]
        real = (
            "float32" if variable.dtype in ("float16", "bfloat16") else keras.backend.standardize_dtype(variable.dtype)
        )
        new_p, *new_states = now.elements(
            ops.cast(variable, real),
            ops.cast(_dense(gradient), real),
            [ops.cast(state, real) for state in states],
            None if is_new is None else ops.cast(is_new, "bool"),
            real,
        )
        for state, value in zip(states, new_states, strict=True):
            self.assign(state, ops.cast(value, state.dtype))
        self.assign(variable, ops.cast(new_p, variable.dtype))
        if is_new is not None:
            self.assign(is_new, ops.zeros(()))

    if not steps_together:  # then Keras calls `update_step` alone, and what it computed first is for one step

        def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
            """Step the variables along these gradients."""
            try:
                super().apply(grads, trainable_variables)
            finally:
                self._end()

    def exclude_from_weight_decay(self, var_list: Any = None, var_names: Any = None) -> None:
        """Exclude variables from the weight decay of Keras's base class, as Keras does.

        Raises ValueError where the rule has a weight decay of its own, which is for all variables.
        """
        if self.has_own_decay():
            raise ValueError(
                f"The weight_decay of {type(self).__name__} is part of its rule, for every variable. Take a rule "
                "without, and Keras's own `weight_decay`, from which variables can be excluded."
            )
        super().exclude_from_weight_decay(var_list, var_names)

    def has_own_decay(self) -> bool:
        return "weight_decay" in self.rule.hyperparameters

    def take_averages(self, variables: Sequence[Any]) -> None:
        averages = averages_of(self)
        if keras.backend.backend() != "jax" or averages is None:
            super().take_averages(variables)
            return
        # Keras 3.15 has variable and average share one buffer, which the next `fit` donates twice and fails.
        for variable, average in zip(variables, averages, strict=True):
            if average is not None:
                variable.assign(ops.copy(average))

    def _step_fused(self, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> bool:
        """Step all variables with a kernel; False, and nothing is done, where they are no tensors of their own."""
        from steepest.keras.on_torch import step

        return step(self, grads, variables, learning_rate)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as something that can be saved."""
        own = {name: getattr(self, name) for name in names(self.rule)}
        saved = {name: self._saved(value) for name, value in own.items()}
        return {**super().get_config(), **saved}

    def _saved(self, value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return [self._saved(one) for one in value]
        if not isinstance(value, Schedule):
            return value
        # Kept, since what has the same id is the same to Keras, and a new object may have the id of one that is gone.
        return keras.saving.serialize_keras_object(self._wrapped.setdefault(repr(value), Scheduled(value)))

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """The optimizer that has this configuration."""
        own = {name: _restored(config[name]) for name in names(cls.rule) if name in config}
        return super().from_config({**config, **own}, custom_objects)


def _dense(gradient: Any) -> Any:
    """A gradient that TensorFlow or JAX keeps as some rows, as a whole."""
    if type(gradient).__name__ == "IndexedSlices":
        import tensorflow

        return tensorflow.convert_to_tensor(gradient)
    return ops.convert_to_tensor(gradient, sparse=False)


def _named(variable: Any, what: str) -> str:
    """As Keras calls what belongs to a variable; a file of HDF5 wants every name once."""
    return f"{getattr(variable, 'path', variable.name)}_{what}".replace("/", "_").replace(":", "_")


def _switched_off(rule: Rule) -> dict[str, Any]:
    return dict.fromkeys((name for name, _ in deciding(rule)), 0.0)


def _plain(value: Any) -> Any:
    return value.schedule if isinstance(value, Scheduled) else value


def _restored(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return tuple(map(_restored, value))
    return _plain(keras.saving.deserialize_keras_object(value)) if isinstance(value, dict) else value
