"""What a report says of a best value at the end of what was searched, and what to type to search beyond."""

from types import SimpleNamespace
from typing import Any

import pytest

from steepest.workbench.analysis.ends import ends_of
from steepest.workbench.model.dimension import LOG, Dimension
from steepest.workbench.model.key import Setting, settings_text
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.stage_gain import Edge
from steepest.workbench.report.search_sentences import at_the_ends
from steepest.workbench.scripts.candidate import script_candidate
from steepest.workbench.scripts.command import ScriptCommand

ADAM = KNOWN["adam"]


def said(edge: Edge, rate_name: str = "rate", **of_study: Any) -> str:
    results: Any = SimpleNamespace(**{"budget": "trials=16", "manifest": {}, "script": None} | of_study)
    row: Any = SimpleNamespace(ends=[edge], rate_name=rate_name)
    (sentence,) = at_the_ends(row, results)
    return sentence


def test_an_end_of_ours_asks_for_more_trials() -> None:
    assert said(Edge("rate", 3.0, "upper")) == (
        "the best rate, 3, is the highest that was tried, so a larger one may be better than anything in this report; "
        "with more trials the search goes on past it (--budget trials=32)."
    )
    assert said(Edge("beta1", 0.5, "lower"), budget="time=1h").startswith(
        "beta1 0.5 is at the lower end of what was searched, so a smaller one"
    )
    assert "--budget" not in said(Edge("beta1", 0.5, "lower"), budget="time=1h")
    assert "--budget trials=16" in said(Edge("rate", 3.0, "upper"), budget="trials=4")


@pytest.mark.parametrize(
    ("edge", "of_study", "line"),
    [
        (Edge("dropout", 0.49, "upper", "dropout=0..0.75"), {}, "type --search dropout=0..0.75"),
        (Edge("rate", 0.1, "upper", "0.001:1:9"), {"manifest": {"rates": [0.1]}}, "type --rates 0.001:1:9"),
        (Edge("lr", 0.1, "upper", "{lr}=0.0001..1:log"), {"script": {"rate": "lr"}}, "write {lr:0.0001..1:log}"),
        (
            Edge("AdamW.eps", 1e-4, "upper", "AdamW.eps=1e-10..0.001:log"),
            {"script": {}},
            "--set AdamW.eps=1e-10..0.001",
        ),
    ],
)
def test_an_end_that_the_user_gave_says_what_to_type(edge: Edge, of_study: dict[str, Any], line: str) -> None:
    sentence = said(edge, **of_study)
    assert line in sentence
    assert "given" in sentence


def test_which_values_are_at_an_end_by_hand() -> None:
    given = Dimension("weight_decay", 1e-4, 1e-2, scale=LOG)
    described = ADAM.described() | {"space": [given.stored(), ADAM.space[1].stored()]}

    def setting(rate: float, decay: float, beta1: float) -> Setting:
        return Setting(rate, settings_text({"weight_decay": decay, "beta1": beta1}))

    tried = [setting(0.01, 9.9e-3, 0.9), setting(0.1, 1e-3, 0.8), setting(0.001, 1e-3, 0.95)]
    assert ends_of(described, (), tried[0], tried) == [
        Edge("weight_decay", 9.9e-3, "upper", "weight_decay=0.0001..0.1:log")
    ]
    assert ends_of(described, (), setting(0.1, 1e-3, 0.985), tried) == [
        Edge("rate", 0.1, "upper"),
        Edge("beta1", 0.985, "upper"),
    ]
    rates = (0.001, 0.01, 0.1)
    assert ends_of(ADAM.described(), rates, Setting(0.001), map(Setting, rates)) == [
        Edge("rate", 0.001, "lower", "0.0001:0.1:7")
    ]
    assert ends_of(ADAM.described(), (), Setting(0.1), [Setting(0.1)]) == [], "of one rate nothing is said"


def test_a_script_keeps_the_range_of_its_command() -> None:
    script = script_candidate(ScriptCommand("train.py", ("--lr", "{lr:1e-4..1e-1:log}", "--wd", "{wd:0..0.1}")), {})
    tried = [Setting(rate, settings_text({"wd": 0.05})) for rate in (0.099, 0.01, 0.001)]
    assert ends_of(script.described(), (), tried[0], tried) == [Edge("lr", 0.099, "upper", "{lr}=0.0001..1:log")]
    assert script.first_reach == (0.0, 1.0)
