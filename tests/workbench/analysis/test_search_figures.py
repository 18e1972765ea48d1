"""What the figures of a search draw, by hand: the best so far, lines through all settings, runs without a result."""

from pathlib import Path

import numpy as np
import pytest

from steepest.workbench.analysis import search_figures
from steepest.workbench.analysis.dimensions import dimensions
from steepest.workbench.analysis.figure_data import figure_data
from steepest.workbench.analysis.results import Results
from steepest.workbench.analysis.search_figures import ENDED_EARLY, FAILED, TRAINED
from steepest.workbench.analysis.study_data import data_of
from steepest.workbench.analysis.summarize import summarize
from steepest.workbench.model.key import SEARCH, Key
from steepest.workbench.report import figures, search_sentences, warning_sentences
from steepest.workbench.report.page import page
from steepest.workbench.store.record import Record
from support.by_hand import results_by_hand
from support.searched import SPACE, candidate, record_by_hand


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Forty trials in eight dimensions, of which every tenth was ended early at step 30 of 100."""
    with Record(record_by_hand(tmp_path_factory.mktemp("pruned"), prune="median")) as record:
        return summarize(data_of(record))


def test_the_history_has_every_trial_and_the_best_so_far(tmp_path: Path) -> None:
    search = {"sgd": {0.01: [2.0], 0.1: [1.0], 1.0: [None], 2.0: [1.5]}}
    found = search_figures.history(results_by_hand(tmp_path, search, {"sgd": {0.1: [1.0, 1.0, 1.0]}}))
    assert found is not None
    assert [(one.trial, one.value, one.how) for one in found.trials] == [
        (1, 2.0, TRAINED),
        (2, 1.0, TRAINED),
        (3, None, FAILED),
        (4, 1.5, TRAINED),
    ]
    assert [(one.trial, one.value) for one in found.bests] == [(1, 2.0), (2, 1.0), (3, 1.0), (4, 1.0)]
    assert search_figures.history(results_by_hand(tmp_path / "two", {"sgd": {0.1: [1.0]}}, {})) is None
    said = search_sentences.history(found, "sgd")
    assert said == "sgd: the best is trial 2 of 4; none of the 2 trials after it was better."


def test_lines_go_through_all_settings_to_the_result(pruned: Results) -> None:
    (found,) = search_figures.parallel(pruned)
    names = ["learning rate", "weight_decay", "beta1", "eps", "beta2", "dropout", "width", "layers"]
    assert found.axes == [*names, "noise_of_the_labels", "val_loss"]
    how = [line.how for line in found.lines]
    assert (how.count(ENDED_EARLY), how.count(FAILED), len(how)) == (4, 4, 40)
    best, worst = found.lines[-1], next(line for line in found.lines if line.rank == 1)
    assert (best.rank, best.places[-1], worst.places[-1]) == (0, 1, 0)
    assert all(line.rank is None for line in found.lines[:8])  # below the others
    assert all(-0.2 <= place <= 1.2 for line in found.lines for place in line.places)


def test_of_very_many_trials_the_best_are_drawn_and_the_report_says_so(tmp_path: Path) -> None:
    with Record(record_by_hand(tmp_path, (candidate(space=SPACE[:2]),), 450)) as record:
        results = summarize(data_of(record))
    (found,) = search_figures.parallel(results)
    assert (found.trials, len(found.lines) <= search_figures.MOST_LINES) == (450, True)
    ranks = sorted(line.rank for line in found.lines if line.rank is not None)
    assert ranks[:20] == pytest.approx([place / (_trained(results) - 1) for place in range(20)])
    assert f"{len(found.lines)} of 450 trials are drawn" in page(results)


def _trained(results: Results) -> int:
    return results.rows[0].searched_trained


def test_a_run_that_was_ended_early_is_no_failure(pruned: Results) -> None:
    (row,) = pruned.rows
    assert (row.searched, row.searched_trained, row.searched_pruned, row.searched_failed) == (40, 32, 4, 4)
    assert (pruned.failed, [one.failed for one in pruned.failures]) == (4, [4])
    assert pruned.pruning.ended == 4
    assert pruned.pruning.saved == pytest.approx(4 * 70 / (40 * 100))
    assert len(pruned.pruning.possible) == 4
    content = page(pruned)
    assert "32 of 40, 4 ended early" in content
    assert "The median rule ended 4 of 40 trials early and saved 7 %" in content
    assert "rings mark 4 that were ended early" in content


def test_a_decay_of_an_average_is_drawn_by_its_distance_from_one(pruned: Results) -> None:
    data = {one.name: one for one in dimensions(pruned)}
    assert {one.name for one in data.values() if one.from_one} == {"beta1", "beta2"}
    chart = figures.for_page(figure_data(pruned))["searched-2"]
    (x,) = {str(layer["encoding"]["x"]["scale"]["reverse"]) for layer in chart["layer"][:1]}
    assert x == "True"
    rows = chart["datasets"]["trials"]
    assert all(row["place"] == pytest.approx(1 - row["value"]) for row in rows)


def test_checks_that_were_wrong_are_said(tmp_path: Path) -> None:
    def result(point: np.ndarray) -> float:
        return 1 + float(point[0])

    folder = record_by_hand(tmp_path, (candidate(space=()),), 20, result, prune="median")
    with Record(folder, write=True) as record:
        ended = sorted(record.ended(SEARCH, "adamw"), key=lambda run: run[2] or 9)
        trained = [key for key, status, _ in ended if status == "trained"]
        record.set(pruning={"checked": [[*trained[0], 20], [*trained[9], 20]], "under_way": []})
        results = summarize(data_of(record))
    found = results.pruning
    assert (found.checked, found.wrong) == (2, 1)
    assert any(text.startswith("The median rule was wrong: 1 of 2") for text in warning_sentences.warnings(results))
    assert "1 of them came among the best two" in search_sentences.pruning(results)


def test_a_study_without_pruning_says_what_it_would_have_saved(tmp_path: Path) -> None:
    """Runs are straight lines from 3, so their order never changes.  By hand: a run is ended at its first evaluation
    where more than half of those before were better, once four came to their end."""
    values = [1.0, 1.1, 1.2, 1.3, 1.25, 1.4, 0.9, 1.5]
    folder = record_by_hand(tmp_path, (candidate(space=()),), 8, lambda point: values.pop(0))
    with Record(folder) as record:
        results = summarize(data_of(record))
    found = results.pruning
    assert (found.used, found.ended, found.wrong) == (False, 3, 0)  # 1.25, 1.4 and 1.5
    assert found.saved == pytest.approx(3 * 90 / 800)
    said = search_sentences.pruning(results)
    assert said.startswith("The median rule (--prune median) would have ended 3 of these 8 trials and saved 34 %")


def test_schedules_that_decide_at_their_end_are_named(tmp_path: Path) -> None:
    from dataclasses import replace

    falling = replace(candidate("adamw-cosine", ()), schedule="cosine(RATE, 100)")
    with Record(record_by_hand(tmp_path, (falling,), 12, lambda point: 1.0 + point[0], prune="median")) as record:
        results = summarize(data_of(record))
    assert any("No run of adamw-cosine was ended early" in text for text in warning_sentences.warnings(results))
    assert Key(SEARCH, "adamw-cosine", 1.0, 0) not in results.pruning.possible


@pytest.mark.parametrize(
    ("judged_by", "said", "not_said"),
    [("last", "Final val_loss", "Best val_loss"), ("lowest", "Best val_loss", "Final")],
)
def test_a_task_that_is_judged_by_the_best_of_a_run_is_reported_so(
    tmp_path: Path, judged_by: str, said: str, not_said: str
) -> None:
    with Record(record_by_hand(tmp_path, (candidate(space=()),), 8, judged_by=judged_by)) as record:
        results = summarize(data_of(record))
    content = page(results).partition('id="charts"')[0]
    assert said in content
    assert not_said not in content
    assert ("There its val_loss reaches" in content) == (judged_by == "lowest")
