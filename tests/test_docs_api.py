"""The API reference, as mkdocs builds it: every public name has an entry."""

import importlib
from pathlib import Path

import pytest

import steepest
from support.page import Page

pytestmark = pytest.mark.timeout(900)  # the first test builds the site, a minute on an idle machine

LISTED = (
    "keras", "lr_scheduler", "ops", "optax", "schedules", "swa_utils", "tensor_ops", "testing", "workbench",
)  # fmt: skip
OPTIMIZERS = {name for name in steepest.__all__ if hasattr(getattr(steepest, name), "rule")} | {"LBFGS"}


def page_of_module(site: Path, module: str) -> str:
    return (site / "api" / module.replace(".", "-") / "index.html").read_text(encoding="utf-8")


def has_entry(page: str, name: str) -> bool:
    return f'id="{name}" class="doc doc-heading"' in page


@pytest.mark.parametrize("module", LISTED)
def test_every_public_name_has_an_entry(site: Path, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    page = page_of_module(site, module)
    names = importlib.import_module(f"steepest.{module}").__all__
    assert [name for name in names if not has_entry(page, f"steepest.{module}.{name}")] == []


def test_every_name_of_the_package_has_an_entry_or_a_page(site: Path) -> None:
    page = page_of_module(site, "steepest")
    assert [
        name for name in {*steepest.__all__} - OPTIMIZERS - {*LISTED} if not has_entry(page, f"steepest.{name}")
    ] == []


@pytest.mark.parametrize("library", ["keras", "optax"])
def test_every_rule_of_a_dialect_has_an_entry(site: Path, library: str) -> None:
    page, module = page_of_module(site, f"dialects.{library}"), importlib.import_module(f"steepest.dialects.{library}")
    own = {name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    rules_there = [name for name in own if not name.startswith("_")]
    assert len(rules_there) >= 9
    assert [name for name in rules_there if not has_entry(page, f"{module.__name__}.{name}")] == []


def test_every_public_module_is_on_the_page_of_all(site: Path) -> None:
    page = (site / "api" / "index.html").read_text(encoding="utf-8")
    assert [module for module in LISTED if f'id="steepest{module}"' not in page.replace(".", "")] == []


def test_an_entry_has_signature_arguments_and_source(site: Path) -> None:
    page = Page(page_of_module(site, "schedules"))
    rows = page.tables["steepest.schedules.cosine"][:5]  # below them is the source, in a table too
    assert [row[0] for row in rows] == ["Name", "peak", "steps", "end", "warmup_steps"]
    assert [row[3] for row in rows] == ["Default", "required", "required", "0.0", "0"]
    text = page.text["steepest.schedules.cosine"]
    assert "cosine(" in text
    assert "checks.within" in text  # of its source


def test_a_class_that_is_made_when_its_module_is_imported_has_a_signature(site: Path) -> None:
    text = Page(page_of_module(site, "keras")).text["steepest.keras.Adam"]
    assert "beta_1=0.9" in text.replace(" ", "")
    assert "velocity" in text
