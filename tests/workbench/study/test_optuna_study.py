"""Studies of Optuna as results from before, our trials as a study of Optuna, and its TPE as a strategy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steepest.workbench import Task, tune
from steepest.workbench.errors import UsageError, WorkbenchError
from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import SEARCH
from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.search import optuna_tpe
from steepest.workbench.store.record import Record
from steepest.workbench.study.optuna_study import known_trials

Make = Callable[[int], Task]
pytestmark = pytest.mark.usefixtures("without_figures")
OPTIONS: dict[str, Any] = {"seeds": 1, "controls": False}


def prior(direction: str = "minimize") -> Any:
    """A study of eight trials by chance, of which one failed."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.RandomSampler(seed=0))
    for number in range(8):
        trial = study.ask()
        rate = trial.suggest_float("lr", 1e-3, 1e-1, log=True)
        trial.suggest_float("weight_decay", 1e-3, 1.0, log=True)
        trial.suggest_int("layers", 1, 4)
        study.tell(trial, state=optuna.trial.TrialState.FAIL) if number == 3 else study.tell(trial, abs(rate - 0.02))
    return study


def test_completed_trials_are_known_with_what_the_search_has() -> None:
    study = prior()
    found = known_trials(study, [Dimension("weight_decay", 1e-3, 1.0, scale="log")], higher_is_better=False)
    trials = [one for one in study.trials if one.state.name == "COMPLETE"]
    assert len(found) == len(trials) == 7
    assert [(rate, value) for rate, _, value in found] == [(one.params["lr"], one.value) for one in trials]
    assert found[0][1] == f'{{"weight_decay": {trials[0].params["weight_decay"]}}}'


def test_a_study_that_cannot_be_used_is_refused_with_the_reason() -> None:
    optuna = pytest.importorskip("optuna")
    with pytest.raises(UsageError, match="wants to maximize its value, and of the task's metric a lower"):
        known_trials(prior("maximize"), [], higher_is_better=False)
    with pytest.raises(UsageError, match=r"its 0 trials have the parameters none"):
        known_trials(optuna.create_study(), [], higher_is_better=False)
    with pytest.raises(UsageError, match="several objectives"):
        known_trials(optuna.create_study(directions=["minimize", "minimize"]), [], higher_is_better=False)
    with pytest.raises(UsageError, match="random learns from no results"):
        tune("digits-mlp", strategy="random", study=optuna.create_study())


def test_a_search_learns_from_a_study_and_its_own_becomes_one(tiny: Make, tmp_path: Path) -> None:
    result = tune(tiny, "adamw", "trials=12", study=prior(), out=tmp_path / "with", **OPTIONS)
    with Record(tmp_path / "with") as record:
        assert len(record.get("plan")["known"]) == 7
        ended = [one for one in record.all_ended() if one[0].phase == SEARCH]
    study = result.optuna_study("adamw")
    assert len(study.trials) == len(ended) == 12
    for trial, (key, status, final) in zip(study.trials, ended, strict=True):
        assert trial.params == {"lr": key.rate, **key.values}
        assert trial.state.name == ("COMPLETE" if status == TRAINED else "FAIL")
        assert trial.value == (final if status == TRAINED else None)
    assert study.best_value == min(final for _, status, final in ended if status == TRAINED and final is not None)
    with pytest.raises(WorkbenchError, match="with 7 results of an Optuna study, not these 0"):
        tune(tiny, "adamw", "trials=12", out=tmp_path / "with", **OPTIONS)


@pytest.mark.parametrize("strategy", ["tpe", "random", "grid"])
def test_another_strategy_goes_on_with_the_same_points(strategy: str, tiny: Make, tmp_path: Path) -> None:
    if strategy == "tpe":
        pytest.importorskip("optuna")
    result = tune(tiny, "adamw", "trials=10", strategy=strategy, out=tmp_path / "study", **OPTIONS)
    assert result.numbers.tuning == []
    with Record(tmp_path / "study", write=True) as record:
        whole = list(record.all_ended())
        record.connection.execute("DELETE FROM runs WHERE id > 9")
        record.set(finished=False)
    tune(tiny, "adamw", "trials=10", strategy=strategy, out=tmp_path / "study", **OPTIONS)
    with Record(tmp_path / "study") as record:
        assert list(record.all_ended()) == whole


def test_without_optuna_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(optuna_tpe.importlib, "import_module", missing)
    with pytest.raises(WorkbenchError, match=r"pip install 'steepest\[tune\]'"):
        tune("digits-mlp", strategy="tpe")
