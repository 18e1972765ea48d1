"""Candidates: the call to paste, and what is refused."""

from dataclasses import replace

import pytest

from steepest.workbench.errors import UsageError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.optimizers import KNOWN


def test_the_call_to_paste_says_every_setting() -> None:
    adam = KNOWN["adam"]
    assert adam.call({"beta1": 0.85}) == "steepest.Adam(model.parameters(), lr=RATE, betas=(0.85, 0.999))"
    assert adam.options_with({"beta1": 0.85, "beta2": 0.99, "eps": 1e-6}) == {"betas": (0.85, 0.99), "eps": 1e-6}
    momentum = KNOWN["momentum"]
    assert momentum.call({"momentum": 0.95}) == "steepest.SGD(model.parameters(), lr=RATE, momentum=0.95)"
    assert momentum.call() == "steepest.SGD(model.parameters(), lr=RATE, momentum=0.9)"


def test_a_wrong_candidate_is_refused() -> None:
    with pytest.raises(UsageError, match="positive number"):
        Candidate("mine", "SGD", -1.0, "")


def test_the_call_to_paste_names_the_groups_of_a_task() -> None:
    grouped = replace(KNOWN["adam"], parameters="groups(model)")
    assert grouped.call() == "steepest.Adam(groups(model), lr=RATE)"
    assert "parameters" not in KNOWN["adam"].described()  # as the record of an older study has it
