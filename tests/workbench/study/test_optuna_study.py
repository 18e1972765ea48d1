"""Studies of Optuna as results from before, our trials as a study of Optuna, and its TPE as a strategy."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steepest.workbench import Task, tune
from steepest.workbench.errors import UsageError, WorkbenchError
from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import SEARCH, Setting
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import PRUNED, TRAINED
from steepest.workbench.search import optuna_tpe
from steepest.workbench.search.optuna_tpe import OptunaTPE
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.staged import Staged
from steepest.workbench.store.record import Record
from steepest.workbench.study.optuna_prior import known_trials

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


def with_states(direction: str = "minimize") -> Any:
    """Six whole trials of two evaluations; one pruned halfway, one that broke down, one that met NaN, one running."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    states, sign = optuna.trial.TrialState, -1.0 if direction == "maximize" else 1.0
    study = optuna.create_study(direction=direction)

    def ask(rate: float, *reported: float) -> Any:
        study.enqueue_trial({"lr": rate})
        trial = study.ask()
        trial.suggest_float("lr", 1e-4, 1.0, log=True)
        for step, value in enumerate(reported, 1):
            trial.report(sign * value, step)
        return trial

    for number in range(6):
        study.tell(ask(0.01 * (1 + number), 2.0 + number, 1.0 + number / 2), sign * (1.0 + number / 2))
    study.tell(ask(0.5, 8.0), state=states.PRUNED)
    study.tell(ask(0.4, 3.0), state=states.FAIL)
    study.tell(ask(0.9, 3.0, float("nan")), state=states.FAIL)
    ask(0.2, 3.0)
    return study


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_each_state_of_a_trial_tells_what_it_can(direction: str) -> None:
    """All whole trials halve their value from the first step to the second, so the pruned one could have had 4."""
    higher = direction == "maximize"
    sign = -1.0 if higher else 1.0
    found = {rate: sign * value for rate, _, value in known_trials(with_states(direction), [], higher)}
    whole = {round(0.01 * (1 + number), 2): 1.0 + number / 2 for number in range(6)}
    assert {round(rate, 2): value for rate, value in found.items()} == whole | {0.5: 4.0, 0.9: math.inf}


@pytest.mark.parametrize("sampler", [Staged, OptunaTPE])
def test_a_sampler_goes_on_from_every_state(sampler: Any) -> None:
    known = tuple((Setting(rate, others), value) for rate, others, value in known_trials(with_states(), [], False))
    made = sampler(SearchSpace(KNOWN["adamw"], 1e-2, KNOWN["adamw"].space[:1], known), 0, 8)
    for _ in range(8):
        setting = made.ask()
        assert setting is not None
        made.tell(setting, abs(setting.rate - 0.01))


def test_of_a_space_with_branches_each_trial_has_what_it_has() -> None:
    """Another branch has another parameter; what is no number, or no choice of the search, cannot be placed."""
    optuna = pytest.importorskip("optuna")
    kinds, study = optuna.distributions, optuna.create_study()
    rate, decay = kinds.FloatDistribution(1e-4, 1.0, log=True), kinds.FloatDistribution(0, 1)
    words = kinds.CategoricalDistribution((None, "high", 0.1, 3))
    for number, parameters in enumerate(
        (
            {"lr": (0.01, rate), "branch": ("a", kinds.CategoricalDistribution("ab")), "decay": (0.5, decay)},
            {"learning_rate": (0.02, rate), "branch": ("b", kinds.CategoricalDistribution("ab"))},
            {"lr": (0.03, rate), "decay": (None, words)},
            {"lr": ("high", words)},
            {"lr": (0.04, rate), "width": (3, words)},
            {"decay": (0.5, decay)},
            {"lr": (0.1, words), "width": (32, kinds.IntDistribution(1, 64))},
        )
    ):
        values, distributions = ({name: pair[place] for name, pair in parameters.items()} for place in range(2))
        study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=number))
    space = [Dimension("decay", 0.0, 1.0), Dimension("width", choices=(16, 32))]
    found = known_trials(study, space, higher_is_better=False)
    assert found == ((0.01, '{"decay": 0.5}', 0.0), (0.02, "", 1.0), (0.1, '{"width": 32}', 6.0))


def test_a_study_that_cannot_be_used_is_refused_with_the_reason() -> None:
    optuna = pytest.importorskip("optuna")
    with pytest.raises(UsageError, match="wants to maximize its value, and of the task's metric a lower"):
        known_trials(prior("maximize"), [], higher_is_better=False)
    with pytest.raises(UsageError, match=r"its 0 trials have the parameters none\."):
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
        assert trial.user_attrs["status"] == status
        assert trial.value == (final if status == TRAINED else None)
    assert study.best_value == min(final for _, status, final in ended if status == TRAINED and final is not None)
    with pytest.raises(WorkbenchError, match="with 7 results of an Optuna study, not these 0"):
        tune(tiny, "adamw", "trials=12", out=tmp_path / "with", **OPTIONS)


def test_runs_that_ended_early_are_pruned_trials(tiny: Make, tmp_path: Path) -> None:
    """Optuna's own pruner reads our evaluations; read back, they are what our search was told."""
    optuna = pytest.importorskip("optuna")
    result = tune(tiny, "sgd", "trials=24", strategy="random", prune="median", out=tmp_path / "study", **OPTIONS)
    study, states = result.optuna_study("sgd"), optuna.trial.TrialState
    with Record(tmp_path / "study") as record:
        runs = [one for one in record.evaluated("val_loss") if one[0].phase == SEARCH]
    assert PRUNED in {status for _, status, *_ in runs}
    for trial, (_, status, final, evaluations) in zip(study.trials, runs, strict=True):
        assert (trial.state == states.PRUNED) == (status == PRUNED)
        assert [*trial.intermediate_values] == [step for step, _ in evaluations]
        assert trial.intermediate_values == pytest.approx(dict(evaluations), nan_ok=True)
        if trial.state == states.PRUNED:
            assert trial.value == trial.intermediate_values[trial.last_step] == final
    middle, steps = study.trials[0].last_step // 2, [step for step, _ in runs[0][3]]
    assert middle in steps
    study.pruner = optuna.pruners.MedianPruner()
    for value, is_worse in ((1e6, True), (0.0, False)):
        trial = study.ask()
        trial.report(value, middle)
        assert trial.should_prune() == is_worse
    known = known_trials(result.optuna_study("sgd"), [], higher_is_better=False)
    assert len(known) == 24
    assert {rate for rate, _, value in known if math.isfinite(value)} == {
        key.rate for key, status, *_ in runs if status in (TRAINED, PRUNED)
    }


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
