"""A script as a study searches it: which of its numbers is the rate, and what is searched beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from steepest.workbench.errors import UsageError
from steepest.workbench.model.candidate import Candidate, Settings
from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import Setting, settings_text, values_of
from steepest.workbench.model.search_space import parsed_search, parsed_value
from steepest.workbench.scripts.command import ScriptCommand

NO_RATE = 1.0
"""What the record has as the rate of a script in which no rate is searched."""
_RATE = re.compile(r"(?:.*[._])?(?:lr|rate|eta)(?:[._].*)?|.*learning_?rate.*", re.IGNORECASE)
_NO_RATE = re.compile(r".*(?:drop|decay|mask|noise|warm|sampl|smooth)", re.IGNORECASE)
_DECAY = re.compile(r"(?:.*[._])?(?:weight_decay|wd|decay)", re.IGNORECASE)


@dataclass(frozen=True)
class ScriptCandidate(Candidate):
    """A script in the place of an optimizer.  Its space is all that is searched but the rate.

    Args:
        command: Of the script.
        rates: The range of its rate; None where no rate is searched.
        usual: Values without tuning, by the names of places; those that are known.
    """

    command: ScriptCommand = field(default_factory=lambda: ScriptCommand("", ("{lr:1..2}",)))
    rates: Dimension | None = None
    usual: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rate_name(self) -> str:
        """The place of the rate; empty where no rate is searched."""
        return self.rates.argument if self.rates else ""

    @property
    def has_usual(self) -> bool:
        """Whether the value without tuning is known of all that is searched."""
        return all(name in self.usual for name in self.command.searched())

    def searched(self, trials: int) -> tuple[Dimension, ...]:
        """All dimensions but the one that takes the first coordinate."""
        return self.space if self.rates else self.space[1:]

    def setting(self, point: Sequence[float], dimensions: Iterable[Dimension], centre: float) -> Setting:
        """The setting at a point of the unit cube; what the point does not set stays as it is, where that is known."""
        first = self.rates or self.space[0]
        inside = [min(max(place, 0.0), 1.0) for place in point]  # the script's own value may be beyond the range
        found = {one.name: one.at(place) for one, place in zip(dimensions, inside[1:], strict=False)}
        found[first.name] = first.at(inside[0])
        unknown = [one for one in self.space if one.name not in found and one.argument not in self.usual]
        found |= {one.name: one.at(0.5) for one in unknown}
        rate = found.pop(first.name) if self.rates else NO_RATE
        return Setting(float(rate), settings_text(found))

    @property
    def first_name(self) -> str:
        """What the first coordinate is called."""
        return (self.rates or self.space[0]).argument

    def first(self, setting: Setting) -> tuple[str, float] | None:
        """What the first coordinate is called, and its value; None for a choice."""
        if self.rates:
            return self.first_name, setting.rate
        first, value = self._without_a_rate(setting)
        return None if first.choices or value is None else (self.first_name, value)

    @property
    def first_reach(self) -> tuple[float, float]:
        """The user wrote the range."""
        return 0.0, 1.0

    def first_position(self, setting: Setting, centre: float) -> float:
        """The first coordinate of a setting."""
        if self.rates:
            return self.rates.position(setting.rate)
        first, value = self._without_a_rate(setting)
        return 0.5 if value is None else first.position(value)

    def _without_a_rate(self, setting: Setting) -> tuple[Dimension, Any]:
        """The dimension of the first coordinate, and its value in a setting; None where that is not known."""
        first = self.space[0]
        return first, values_of(setting.others).get(first.name, self.default_of(first))

    def default_position(self, centre: float) -> float:
        """The first coordinate of what the script has without tuning; the middle where that is not known."""
        first = self.rates or self.space[0]
        value = self.default_of(first)
        return 0.5 if value is None else first.position(value)

    def default_of(self, dimension: Dimension) -> Any:
        """What the script has without tuning; None where that is not known."""
        return self.usual.get(dimension.argument)

    def values(self, rate: float, settings: Settings) -> dict[str, Any]:
        """The value of each place, and of each argument of its optimizers that is set from outside."""
        return values_of_run(self.described()["script"], self.space_names(), rate, settings)

    def space_names(self) -> dict[str, str]:
        """The place of each dimension, by its name."""
        return {one.name: one.argument for one in self.space}

    def call(self, settings: Settings | None = None) -> str:
        """The command to paste, with RATE in the place of the rate."""
        return script_line(self.described(), "RATE", settings or {})

    def described(self) -> dict[str, Any]:
        """What the record stores of it."""
        return {
            "name": self.name,
            "cls": "script",
            "file": "",
            "written": self.name,
            "options": {},
            "centre": self.centre,
            "schedule": "",
            "follows": False,
            "space": [one.stored() | {"whole": None} for one in self.space],
            "script": {
                "command": [self.command.script, *self.command.arguments],
                "settings": list(self.command.settings),
                "rate": self.rate_name,
                "rates": self.rates.stored() if self.rates else None,
                "usual": dict(self.usual),
                "has_usual": self.has_usual,
            },
        }

    def build(self, parameters: Iterable[Any], rate: float, settings: Settings | None = None) -> NoReturn:
        """A script makes its optimizers itself."""
        raise UsageError(f"{self.name} is a script, which makes its optimizers itself; run it: {self.call(settings)}")


def script_candidate(command: ScriptCommand, from_script: Mapping[str, Any]) -> ScriptCandidate:
    """The candidate of a command.

    Args:
        command: Of the script.
        from_script: The values that the script itself gives to arguments that are set from outside.

    Raises:
        UsageError: A range cannot be searched.
    """
    dimensions = [_dimension(name, written) for name, written in command.searched().items()]
    usual = {name: parsed_value(text) for name, text in command.given_defaults().items()}
    usual = {name: value for name, value in from_script.items() if value is not None} | usual
    dimensions = [_fractional(one, usual.get(one.argument)) for one in dimensions]
    rates = next((one for one in dimensions if _is_rate(one)), None)
    others = sorted((one for one in dimensions if one is not rates), key=lambda one: not _is_decay(one))
    centre = NO_RATE if rates is None else float(usual.get(rates.argument, rates.at(0.5)))
    source = "the script's own" if rates and rates.argument in usual else "the middle of the range; no default is known"
    if centre <= 0:  # such as a rate that the script warms up by itself
        centre = float(rates.at(0.5)) if rates else NO_RATE
    return ScriptCandidate(
        command.name, _no_class, centre, source, space=tuple(others), command=command, rates=rates, usual=usual
    )


def values_of_run(
    script: Mapping[str, Any], names: Mapping[str, str], rate: float, settings: Settings
) -> dict[str, Any]:
    """The value of each place for a setting, as the record describes the script; names: of dimensions -> of places.

    An argument of an optimizer that the setting leaves out stays as the script has it; a place is filled.
    """
    command = command_of(script)
    outside = command.set_from_outside()
    known = {name: value for name, value in script["usual"].items() if name not in outside}
    with_rate = {script["rate"]: _as_written(script["rates"], rate)} if script["rate"] else {}
    return known | with_rate | {names.get(name, name): value for name, value in settings.items()}


def script_line(described: Mapping[str, Any], rate: float | str, settings: Settings, seed: int = 0) -> str:
    """The command to paste, for a script as the record describes it."""
    script = described["script"]
    names = {one["name"]: one["option"] for one in described["space"]}
    values = values_of_run(script, names, rate if isinstance(rate, float) else NO_RATE, settings)
    if script["rate"] and isinstance(rate, str):
        values[script["rate"]] = _Unquoted(rate)
    return command_of(script).line(values, seed)


def command_of(script: Mapping[str, Any]) -> ScriptCommand:
    """The command, as the record describes it."""
    first, *arguments = script["command"]
    return ScriptCommand(first, tuple(arguments), tuple(script["settings"]))


class _Unquoted(str):
    """A word that stands for a number."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _as_written(rates: Mapping[str, Any], rate: float) -> Any:
    return int(rate) if rates["integer"] else rate


def _dimension(name: str, written: str) -> Dimension:
    if ".." not in written and "|" not in written:
        raise UsageError(
            f"The range {written!r} of {name} cannot be read: write LOW..HIGH, LOW..HIGH:log or A|B|C, and a value "
            f"that you use today behind it if you like, as in {name}=1e-4..1e-1:log=1e-3."
        )
    shown = f"{{{name}}}" if name in ("lr", "rate") else name  # of an optimizer, these two names are the rate's alone
    (found,) = parsed_search([f"{shown}={written}"])
    assert isinstance(found, Dimension)
    return found if found.name == name else replace(found, option=name)


def _fractional(one: Dimension, usual: Any) -> Dimension:
    """Not of whole numbers alone where today's value is none: `{momentum:0..1=0.9}`."""
    return replace(one, integer=False) if one.integer and isinstance(usual, float) else one


def _is_rate(one: Dimension) -> bool:
    name = one.argument.replace("-", "_")
    named = _RATE.fullmatch(name) and not _NO_RATE.match(name)
    return bool(named) and not one.choices and one.low > 0


def _is_decay(one: Dimension) -> bool:
    return bool(_DECAY.fullmatch(one.argument.replace("-", "_")))


def _no_class(parameters: Iterable[Any], lr: float) -> NoReturn:
    raise UsageError("A script makes its optimizers itself.")
