"""Optuna's TPE behind the interface of samplers: Bergstra et al., "Algorithms for hyper-parameter optimization", 2011.

The study of Optuna lives in memory and is made again at each start: our record is the only store.  Its sampler is
seeded anew by the number of each trial, so that a study that is continued asks for the same points.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import Any

from steepest.workbench.errors import WorkbenchError
from steepest.workbench.model.key import Setting
from steepest.workbench.search.sampler import by_result
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.spread import TRIES

FAILED = 1e300
"""The value of a failed run: TPE looks at the order of the values alone."""


def optuna_module() -> Any:
    """Optuna.

    Raises:
        WorkbenchError: It is not installed.
    """
    try:
        optuna = importlib.import_module("optuna")
    except ModuleNotFoundError:
        raise WorkbenchError("This needs Optuna, which is not installed; type: pip install 'steepest[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


class OptunaTPE:
    """Settings of one optimizer by Optuna's TPE; the defaults come first.

    Args:
        space: What is searched.
        seed: Of the study.
        trials: How many there will be.
    """

    def __init__(self, space: SearchSpace, seed: int, trials: int) -> None:
        self.space, self.seed, self.optuna = space, seed, optuna_module()
        self.distributions = self._distributions()
        self.study: Any = self.optuna.create_study()
        for setting, value in space.known:
            self._add(setting, value)
        self.study.enqueue_trial(self._parameters(space.defaults()))
        self.asked: dict[Setting, Any] = {}

    def knows(self, trial: int) -> int:
        """All results before."""
        return trial

    def ask(self) -> Setting | None:
        """The next setting; None where TPE finds none that was not tried."""
        for attempt in range(TRIES):
            seed = 1_000_003 * self.seed + TRIES * len(self.asked) + attempt
            self.study.sampler = self.optuna.samplers.TPESampler(seed=seed % 2**32)
            trial = self.study.ask(self.distributions)
            setting = self._setting(trial.params)
            if setting not in self.asked:
                self.asked[setting] = trial
                return setting
            self.study.tell(trial, state=self.optuna.trial.TrialState.FAIL)  # which teaches it nothing
        return None

    def tell(self, setting: Setting, value: float) -> None:
        """The result of a setting."""
        self.study.tell(self.asked[setting], _finite(value))

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        """By their results alone, as Optuna's best trial is."""
        return by_result(results)

    def _distributions(self) -> dict[str, Any]:
        """Positions in the unit cube, which know nothing of scales; and choices as they are."""
        kinds = self.optuna.distributions
        choices = {
            one.name: kinds.CategoricalDistribution(one.choices) if one.choices else kinds.FloatDistribution(0.0, 1.0)
            for one in self.space.dimensions
        }
        return {"rate": kinds.FloatDistribution(0.0, 1.0), **choices}

    def _parameters(self, point: list[float]) -> dict[str, Any]:
        given = {"rate": min(max(point[0], 0.0), 1.0)}
        for one, position in zip(self.space.dimensions, point[1:], strict=True):
            given[one.name] = one.at(position) if one.choices else min(max(position, 0.0), 1.0)
        return given

    def _setting(self, parameters: Mapping[str, Any]) -> Setting:
        positions = [
            one.position(parameters[one.name]) if one.choices else parameters[one.name] for one in self.space.dimensions
        ]
        return self.space.at([parameters["rate"], *positions])

    def _add(self, setting: Setting, value: float) -> None:
        made = self.optuna.trial.create_trial(
            params=self._parameters(self.space.point_of(setting)),
            distributions=self.distributions,
            value=_finite(value),
        )
        self.study.add_trial(made)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else FAILED
