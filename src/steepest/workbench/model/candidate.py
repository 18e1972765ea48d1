"""An optimizer that can be compared: how it is built, and which of its hyperparameters are searched."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from steepest.workbench.errors import UsageError
from steepest.workbench.model.dimension import FARTHEST, Dimension, of_task
from steepest.workbench.model.key import Setting, settings_text
from steepest.workbench.model.user_code import digest_of

DECADES = 3.0
"""The width of every optimizer's range of rates.  A range test centres it, so 1.5 decades either way are enough."""

Settings = Mapping[str, Any]
"""Values other than the rate, by the names of their dimensions."""


@dataclass(frozen=True)
class Candidate:
    """An optimizer under the name that the report uses, and the range of rates in which it is searched.

    Args:
        name: What the report calls it.
        cls: The name of a class of steepest, or any class or function called as `cls(parameters, lr=...,
            **options)`.
        centre: Its usual rate: the middle of its range unless a range test finds another.
        source: Where that number comes from.
        options: Further arguments.
        schedule: The schedule of its rate over a run, as text with RATE in the place of the rate; none if empty.
        space: Hyperparameters that are searched beside the rate, the most important first.
        parameters: What the line to paste has in the place of the parameters, where these are not all of `model`.
    """

    name: str
    cls: str | Callable[..., Any]
    centre: float
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    schedule: str = ""
    space: tuple[Dimension, ...] = ()
    parameters: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.centre) and self.centre > 0):
            raise UsageError(
                f"The range of rates of {self.name} is centred on {self.centre!r}, but it is searched on a "
                "logarithmic scale; give a positive number."
            )

    def searched(self, trials: int) -> tuple[Dimension, ...]:
        """The dimensions beside the rate that are searched with so many trials."""
        return tuple(dimension for dimension in self.space if trials >= dimension.trials)

    def setting(self, point: Sequence[float], dimensions: Iterable[Dimension], centre: float) -> Setting:
        """The setting at a point of the unit cube, whose first coordinate is the rate's; the rate has three digits."""
        rate = float(f"{centre * 10 ** (DECADES * (point[0] - 0.5)):.3g}")
        others = {one.name: one.at(position) for one, position in zip(dimensions, point[1:], strict=False)}
        return Setting(rate, settings_text(others))

    @property
    def first_name(self) -> str:
        """What the first coordinate is called."""
        return "rate"

    def first(self, setting: Setting) -> tuple[str, float] | None:
        """What the first coordinate is called, and its value; None where it has no ends."""
        return self.first_name, setting.rate

    @property
    def first_reach(self) -> tuple[float, float]:
        """How far a search may go on along the first coordinate: the range of rates is never the user's."""
        return -FARTHEST, 1 + FARTHEST

    def first_position(self, setting: Setting, centre: float) -> float:
        """The inverse of `setting`, for the first coordinate, which is the rate's."""
        return 0.5 + math.log10(setting.rate / centre) / DECADES

    def default_position(self, centre: float) -> float:
        """The first coordinate of the defaults: the middle of the rates, which a range test has found."""
        return 0.5

    def default_of(self, dimension: Dimension) -> Any:
        """What an optimizer has where a dimension is not set; None where that is not known."""
        if dimension.of_task:
            return dimension.default
        parameter = inspect.signature(self._class()).parameters.get(dimension.argument)
        value = self.options.get(dimension.argument, None if parameter is None else parameter.default)
        return value[dimension.place] if dimension.place is not None and isinstance(value, tuple) else value

    def options_with(self, settings: Settings) -> dict[str, Any]:
        """All arguments but the rate."""
        return dict(self.options) | arguments_of(self.described()["space"], settings, dict(self.options))

    def _class(self) -> Callable[..., Any]:
        import steepest

        return self.cls if callable(self.cls) else getattr(steepest, self.cls)

    def build(self, parameters: Iterable[Any], rate: float, settings: Settings | None = None) -> Any:
        """A fresh optimizer.  An optimizer of steepest follows its schedule by itself.

        A parameter group may have an `lr_factor`, by which its rate is multiplied.
        """
        options, groups = self.options_with(settings or {}), list(parameters)
        if groups and isinstance(groups[0], Mapping):
            groups = [self._group(group, rate) for group in groups]
        return self._class()(groups, lr=self._rate(rate), **options)

    def _rate(self, rate: float) -> Any:
        return rate if callable(self.cls) else self.curve(rate) or rate

    def _group(self, group: Mapping[str, Any], rate: float) -> dict[str, Any]:
        own = dict(group)
        if "lr_factor" in own:
            own["lr"] = self._rate(rate * own.pop("lr_factor"))
        if own.get("weight_decay") == 0 and not self.takes("weight_decay"):
            del own["weight_decay"]  # an optimizer without decay decays nothing as it is
        return own

    def task_values(self, settings: Settings) -> dict[str, Any]:
        """The arguments of the task function."""
        names = {one.name: one.argument for one in self.space if one.of_task}
        return {names[name]: value for name, value in settings.items() if name in names}

    def takes(self, argument: str) -> bool:
        """Whether the optimizer has this argument."""
        parameters = inspect.signature(self._class()).parameters
        return argument in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())

    def curve(self, rate: float) -> Any:
        """The rate as a function of the step; None where it is constant."""
        from steepest import schedules

        return schedules.parse(self.schedule.replace("RATE", repr(float(rate)))) if self.schedule else None

    def call(self, settings: Settings | None = None) -> str:
        """The line to paste into a program, with RATE in the place of the rate."""
        return call_of(self.described(), settings or {})

    def described(self) -> dict[str, Any]:
        """What the record stores of it: enough to tell two comparisons apart, and to write its call."""
        return {
            "name": self.name,
            "cls": self.cls
            if isinstance(self.cls, str)
            else f"{self.cls.__module__}.{name_of(self.cls, '__qualname__')}",
            "file": self._digest(),
            "written": f"steepest.{self.cls}" if isinstance(self.cls, str) else _written(self.cls),
            "options": {key: list(v) if isinstance(v, tuple) else v for key, v in self.options.items()},
            "centre": self.centre,
            "schedule": self.schedule,
            "follows": isinstance(self.cls, str),
            "space": [self._described(dimension) for dimension in self.space],
        } | ({"parameters": self.parameters} if self.parameters else {})  # a study of the first release has none

    def _digest(self) -> str:
        """The digest of the user's file; empty for a class of a library, which the library's version identifies."""
        library = getattr(self.cls, "__module__", "").partition(".")[0] in ("torch", "steepest")
        return "" if isinstance(self.cls, str) or library else digest_of(self.cls)

    def _described(self, dimension: Dimension) -> dict[str, Any]:
        whole = self.options.get(dimension.argument)
        if whole is None and dimension.place is not None:
            whole = inspect.signature(self._class()).parameters[dimension.argument].default
        return dimension.stored() | {"whole": list(whole) if isinstance(whole, tuple) else None}


def arguments_of(space: Iterable[Mapping[str, Any]], settings: Settings, options: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the optimizer for these settings.  In a tuple, only the value of the dimension changes."""
    found = dict(options)
    for dimension in space:
        if of_task(dimension):
            continue
        option, place, value = dimension["option"], dimension["place"], settings.get(dimension["name"])
        if value is not None and place is None:
            found[option] = value
        elif value is not None:
            whole = found.get(option) or dimension["whole"]
            found[option] = (*whole[:place], value, *whole[place + 1 :])
    return found


def call_of(described: Mapping[str, Any], settings: Settings) -> str:
    """The line to paste for an optimizer as the record describes it, with RATE in the place of the rate."""
    given = {key: tuple(v) if isinstance(v, list) else v for key, v in described["options"].items()}
    arguments = arguments_of(described["space"], settings, given)
    options = "".join(f", {key}={value!r}" for key, value in arguments.items())
    schedule = described["schedule"] and f"steepest.schedules.{described['schedule']}"
    follows = schedule and described["follows"]
    driven = f"  # at step t its rate was {schedule}(t)" if schedule and not follows else ""
    parameters = described.get("parameters") or "model.parameters()"
    numbers = [f"{one['option']}={settings[one['name']]!r}" for one in described["space"] if _is_set(one, settings)]
    beside = f"  # with {', '.join(numbers)} in the task" if numbers else ""
    return f"{described['written']}({parameters}, lr={schedule if follows else 'RATE'}{options}){beside}{driven}"


def _is_set(dimension: Mapping[str, Any], settings: Settings) -> bool:
    return of_task(dimension) and dimension["name"] in settings


def _written(cls: Callable[..., Any]) -> str:
    """The name in a program.  torch's classes have their module, because steepest has classes of the same names."""
    return f"torch.optim.{name_of(cls)}" if cls.__module__.startswith("torch.optim") else name_of(cls)


def name_of(of: Callable[..., Any], kind: str = "__name__") -> str:
    """The name of a class or function; of a partial function, the name of what it calls."""
    return getattr(of, kind, None) or getattr(getattr(of, "func", of), kind, repr(of))
