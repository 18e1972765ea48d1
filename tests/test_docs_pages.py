"""The pages of the optimizers, as mkdocs builds them: what they say is held to hand calculations and to the optimizers.

Nothing of the generator is imported: these are the words and numbers that a reader sees.
"""

import inspect
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import torch

import steepest
from steepest import rules, schedules
from support.lion import Lion
from support.page import Page

pytestmark = pytest.mark.timeout(900)  # the first test builds the site, a minute on an idle machine

NAMES = [*sorted(name for name in steepest.__all__ if hasattr(getattr(steepest, name), "rule")), "LBFGS"]
SHARED = {"params", "maximize", "foreach", "fused", "capturable", "differentiable"}
THEIRS = {name: getattr(torch.optim, name) for name in NAMES if hasattr(torch.optim, name)} | {"Lion": Lion}
"""What an optimizer is compared with, where there is something."""

# For a float32 parameter.  Moved: 4 bytes each for reading p, g and every state and for writing p and every state.
BYTES = {
    "SGD": {"the defaults": (0, 12), "momentum": (4, 20)},
    "Adagrad": {"the defaults": (4, 20)},
    "RMSprop": {
        "the defaults": (4, 20),
        "momentum": (8, 28),
        "centered": (8, 28),
        "momentum and centered": (12, 36),
    },
    "Adadelta": {"the defaults": (8, 28)},
    "Adam": {"the defaults": (8, 28), "amsgrad": (12, 36)},
    "AdamW": {"the defaults": (8, 28), "amsgrad": (12, 36)},
    "Adamax": {"the defaults": (8, 28)},
    "NAdam": {"the defaults": (8, 28)},
    "RAdam": {"the defaults": (8, 28)},
    "SparseAdam": {"the defaults": (8, 28)},
    "ASGD": {"the defaults": (4, 20)},
    "Rprop": {"the defaults": (8, 28)},
    "Lion": {"the defaults": (4, 20)},
}
SPARSE = {"SGD", "Adagrad", "SparseAdam", "LBFGS"}
REAL_ONLY = {"SparseAdam", "Adafactor", "Muon"}


def html(site: Path, name: str) -> str:
    """The page of an optimizer as it was written."""
    return (site / "optimizers" / name.lower() / "index.html").read_text(encoding="utf-8")


def test_every_rule_has_a_page_and_every_page_is_in_the_overview(site: Path) -> None:
    assert len(NAMES) == len(rules.__all__) + 1  # LBFGS is no rule
    rows = Page((site / "optimizers" / "index.html").read_text(encoding="utf-8")).tables["optimizers"][1:]
    assert sorted(row[0] for row in rows) == sorted(NAMES)
    for name, _, _, sparse, complex_, sentence in rows:
        assert (site / "optimizers" / name.lower() / "index.html").is_file()
        assert (sparse == "yes", complex_ == "yes") == (name in SPARSE, name not in REAL_ONLY)
        assert sentence.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_the_arguments_are_those_of_the_signature(site: Path, name: str) -> None:
    rows = Page(html(site, name)).tables["arguments"][1:]
    parameters = inspect.signature(getattr(steepest, name)).parameters
    own = [parameter for parameter in parameters.values() if parameter.name not in SHARED]
    assert [row[0].split()[0] for row in rows] == [parameter.name for parameter in own]
    for (_, default, allowed, meaning), parameter in zip(rows, own, strict=True):
        assert eval(default) == parameter.default
        assert allowed
        assert meaning.endswith("."), parameter.name


@pytest.mark.parametrize("name", BYTES)
def test_bytes_of_state_and_traffic_are_those_worked_out_by_hand(site: Path, name: str) -> None:
    rows = Page(html(site, name)).tables["bytes-moved"][1:]
    assert {row[0]: (int(row[1]), int(row[2])) for row in rows} == BYTES[name]


def test_the_overview_has_the_least_and_the_most_bytes(site: Path) -> None:
    rows = Page((site / "optimizers" / "index.html").read_text(encoding="utf-8")).tables["optimizers"][1:]
    found = {name: (state, moved) for name, state, moved, *_ in rows}
    assert found["Adam"] == ("8–12", "28–36")
    assert found["RMSprop"] == ("4–12", "20–36")
    assert found["Lion"] == ("4", "20")
    assert found["Adafactor"] == ("≈ 0", "—")
    assert found["LBFGS"] == ("808", "—")  # 100 pairs of vectors, and two


@pytest.mark.parametrize("name", [name for name in THEIRS if name != "LBFGS"])
def test_the_states_are_those_that_torch_keeps(site: Path, name: str) -> None:
    rows = Page(html(site, name)).tables.get("state", [[]])[1:]
    always = {row[0].split()[0] for row in rows if row[-1] == "always" or len(row) == 4}
    kept: set[str] = set()
    for shape in ((6, 4), (6,)):
        if name == "Muon" and len(shape) == 1:
            continue
        p = torch.ones(shape)
        p.grad = p.to_sparse(1) if name == "SparseAdam" else p.clone()
        optimizer = THEIRS[name]([p])
        optimizer.step()
        kept |= {key for key, value in optimizer.state[p].items() if value is not None}
    assert always == kept


def test_what_lbfgs_keeps_is_counted(site: Path) -> None:
    p = torch.randn(1000)
    optimizer = steepest.LBFGS([p], history_size=3, tolerance_change=0, tolerance_grad=0)

    def closure() -> float:
        p.grad = torch.linspace(1, 50, 1000) * p
        return float(p @ p.grad) / 2

    optimizer.step(closure)
    state = optimizer.state[p]
    vectors = [value for values in state.values() for value in (values if isinstance(values, list) else [values])]
    large = [value for value in vectors if isinstance(value, torch.Tensor) and value.numel() == 1000]
    assert sum(value.element_size() for value in large) == 8 * 3 + 8
    page = Page(html(site, "LBFGS"))
    assert "8 · history_size + 8 bytes" in page.text["bytes-moved"]
    assert {row[0].split()[0] for row in page.tables["state"][1:]} == set(state)


def test_adams_formula(site: Path) -> None:
    assert Page(html(site, "Adam")).lines == [
        "if decoupled_weight_decay",
        "p←p(1−ηλ)",
        "otherwise",
        "if λ≠0",
        "g←g+λp",
        "m←β1m+(1−β1)g",
        "v←β2v+(1−β2)g2",
        "w←v",
        "if amsgrad",
        "vmax←max(vmax,v)",
        "w←vmax",
        "c1←1−β1t",
        "c2←1−β2t",  # under a root
        "p←p−ηc2c1mw+εc2",  # two fractions
    ]


def test_the_formula_of_adamw_is_adams_with_its_switch_set(site: Path) -> None:
    adam, adamw = (Page(html(site, name)).lines for name in ("Adam", "AdamW"))
    assert adamw == [adam[1], *adam[5:]]


@pytest.mark.parametrize("name", NAMES)
def test_a_formula_says_what_becomes_of_the_parameter(site: Path, name: str) -> None:
    lines = Page(html(site, name)).lines
    assert any(line.startswith("p←") for line in lines)
    assert "<code>" not in re.search(r'<section class="formula".*?</section>', html(site, name), re.S)[0]  # type: ignore[index]


@pytest.mark.parametrize("rule", rules.__all__)
def test_the_rule_itself_is_on_its_page(site: Path, rule: str) -> None:
    name = next(name for name in NAMES if name.lower() == rule.replace("_", ""))
    shown = Page(html(site, name)).text["the-rule-itself"]
    for line in inspect.getsource(getattr(rules, rule)).splitlines():
        assert line.replace("  # fmt: skip", "") in shown


PATH = re.compile(r'class="path-\d" data-lr="(\S+)" data-steps="(\d+)" data-end="(\S+) (\S+)"')


@pytest.mark.parametrize("name", NAMES)
def test_a_path_ends_where_the_optimizer_does(site: Path, name: str) -> None:
    paths = PATH.findall(html(site, name))
    assert len(paths) == (2 if name == "SGD" else 1)
    for (lr, steps, *end), options in zip(paths, ({}, {"momentum": 0.9}), strict=False):
        assert int(steps) == (40 if name == "LBFGS" else 300)
        wanted = pytest.approx([float(value) for value in end], rel=1e-9)
        assert walk(getattr(steepest, name), name, float(lr), int(steps), options) == wanted


@pytest.mark.parametrize("name", [name for name in THEIRS if name != "Adafactor"])
def test_a_path_ends_where_torchs_optimizer_does(site: Path, name: str) -> None:
    """Adafactor's last steps at this rate multiply the smallest difference; the others' forget it."""
    lr, steps, *end = PATH.findall(html(site, name))[0]
    wanted = pytest.approx([float(value) for value in end], rel=1e-5, abs=1e-8)
    assert walk(THEIRS[name], name, float(lr), int(steps), {}) == wanted


SHAPES = {"SparseAdam": (2, 1), "Muon": (1, 2)}


def walk(optimizer: Any, name: str, lr: float, steps: int, options: dict[str, Any]) -> list[float]:
    """Where so many steps along Rosenbrock's valley lead."""
    p = torch.tensor([-1.5, 1.5], dtype=torch.float64).reshape(SHAPES.get(name, (2,)))
    more = {"max_iter": 1, "max_eval": 25, "line_search_fn": "strong_wolfe"} if name == "LBFGS" else {}
    stepper = optimizer([p], lr=lr, **options, **more)

    def closure() -> float:
        x, y = p.flatten().tolist()
        slope = [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)]
        g = torch.tensor(slope, dtype=torch.float64).reshape(p.shape)
        p.grad = g.to_sparse(1) if name == "SparseAdam" else g
        return (1 - x) ** 2 + 100 * (y - x * x) ** 2

    for _ in range(steps):
        stepper.step(closure)
    return p.flatten().tolist()


def test_the_contour_lines_are_those_of_the_function(site: Path) -> None:
    drawn = re.findall(r'<path d="M([^"]*)Z" class="contour">', html(site, "Adam"))
    levels = (1000, 300, 100, 30, 10, 3, 1, 0.3, 0.1)
    assert len(drawn) == len(levels)
    for line, level in zip(drawn, levels, strict=True):
        for place in line.split("L"):
            right, down = map(float, place.split())
            x, y = right / 480 * 4 - 2, 3 - down / 330 * 4
            across = 0.05 * 4 / 330 + abs(2 * x) * 0.05 * 4 / 480  # how far y - x² is off, places having one decimal
            off = 2 * 100 * abs(y - x * x) * across + 100 * across**2 + 0.01 * (1 + abs(1 - x))
            assert abs((1 - x) ** 2 + 100 * (y - x * x) ** 2 - level) < off


@pytest.mark.parametrize("name", ["index", "common", *NAMES])
def test_links_lead_somewhere_and_nothing_comes_from_elsewhere(site: Path, name: str) -> None:
    page = site / "optimizers" / ("index.html" if name == "index" else f"{name.lower()}/index.html")
    text = page.read_text(encoding="utf-8")
    for link in Page(text).links:
        if not link.startswith("https:"):
            target, _, anchor = link.partition("#")
            there = page if not target else (page.parent / target).resolve()
            there = there / "index.html" if there.is_dir() else there
            assert there.is_file(), link
            assert not anchor or f'id="{anchor}"' in there.read_text(encoding="utf-8"), link
    assert not re.search(r'<(?:script|img|link)[^>]* src="http', text)


def test_what_differs_is_said_of_those_that_differ(site: Path) -> None:
    differ = {"SGD", "Adagrad", "RMSprop", "NAdam", "ASGD", "Muon"}
    differ |= {name for name in NAMES if not hasattr(torch.optim, name)}
    for name in NAMES:
        said = Page(html(site, name)).text["what-differs-from-torchoptim"]
        assert ("Nothing but what differs for all of them." in said) == (name not in differ)


# --- schedules --------------------------------------------------------------------------------------------------------


def test_every_schedule_is_drawn_from_its_own_text(site: Path) -> None:
    page = (site / "schedules" / "index.html").read_text(encoding="utf-8")
    drawn = re.findall(r'<figure><svg.*?class="way".*?</svg><figcaption><code>(.*?)</code>', page, re.DOTALL)
    texts = [unescape(text) for text in drawn]
    assert {*schedules.__all__} - {"Schedule", "parse", "product", "sequence"} <= {
        name for text in texts for name in re.findall(r"[a-z_]+(?=\()", text)
    }
    assert all(schedules.parse(text)(0) >= 0 for text in texts)


def test_a_curve_goes_where_its_schedule_does(site: Path) -> None:
    page = (site / "schedules" / "index.html").read_text(encoding="utf-8")
    path = re.search(
        r'<path d="M([^"]*)" class="way"></path>(?:(?!<path).)*<code>linear\(1.0, 0.1, 100\)', page, re.DOTALL
    )
    assert path is not None
    points = [tuple(map(float, point.split())) for point in path[1].split("L")]
    assert points[0] == (0.0, 0.0)  # the top left, where it is 1
    assert points[200] == (round(50 / 105 * 220, 1), round(90 * 0.45, 1))  # step 50, where it is 0.55
    assert points[-1] == (220.0, 81.0)  # a tenth above the bottom, 90
