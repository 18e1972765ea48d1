"""The live page in a real browser: it grows under the reader, and what the reader has done to it stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steepest.workbench import Comparison
from support.browser import Chrome, chromium, needs_browser, wait

pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'steepest[live]'")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from steepest.workbench.live import growing_report, server
from steepest.workbench.live.server import LivePage
from support.growing import Growing

pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def growing(recorded: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Growing:
    monkeypatch.setattr(growing_report, "LONGEST_PAUSE", 0)
    monkeypatch.setattr(server, "LINGER", 0.2)
    return Growing(recorded.folder, tmp_path / "growing")


def open_at(browser: Chrome, page: LivePage) -> None:
    """With all that has happened."""
    browser.get_log("browser")
    browser.get(page.address)
    wait_for_newest(browser, page)


def wait_for_newest(browser: Chrome, page: LivePage) -> None:
    newest = f"document.getElementById('live').dataset.report === '{page.progress.changes}'"
    wait(browser, f"return document.body.dataset.drawn === 'yes' && {newest}")


def press(browser: Chrome, selector: str) -> None:
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)
    browser.execute_async_script("setTimeout(arguments[0], 300)")


def count(browser: Chrome, selector: str) -> int:
    return browser.execute_script("return document.querySelectorAll(arguments[0]).length", selector)


def top(browser: Chrome, heading: str) -> float:
    script = "return [...document.querySelectorAll('h2')].find(one => one.textContent === arguments[0])"
    return browser.execute_script(f"{script}.getBoundingClientRect().top", heading)


DOTS = "#sensitivity .mark-symbol path"


def first_with(growing: Growing, phase: str) -> int:
    """The runs until the first of a phase has ended."""
    return [key.phase for key in growing.keys].index(phase) + 1


def test_the_report_appears_and_its_figures_grow(browser: Chrome, growing: Growing) -> None:
    with growing.page(0) as page:
        open_at(browser, page)
        assert "begins here" in browser.find_element(By.TAG_NAME, "h1").text
        growing.grow(page, first_with(growing, "search") + 3)
        wait_for_newest(browser, page)
        dots = count(browser, DOTS)
        assert dots > 0
        assert browser.title.startswith(f"{page.progress.done}/{len(growing.keys)} ")
        growing.grow(page, len(growing.keys))
        wait_for_newest(browser, page)
        assert count(browser, DOTS) > dots
        drawn = browser.execute_script(
            "return [...document.querySelectorAll('.plot')].every(p => p.querySelector('svg'))"
        )
        assert drawn
        assert count(browser, ".staged") == 0
        assert browser.get_log("browser") == []


def test_what_the_reader_did_stays(browser: Chrome, growing: Growing) -> None:
    fewer = len(growing.keys) - 3
    with growing.page(fewer) as page:
        open_at(browser, page)
        press(browser, ".legend [data-optimizer]")
        press(browser, '[data-value="seconds"]')
        press(browser, '[data-value="loss"]')
        browser.execute_script(
            "const details = document.createElement('details'); details.innerHTML = '<summary>more</summary>x';"
            "document.querySelector('main').lastElementChild.append(details); details.open = true;"
            "getSelection().selectAllChildren(document.querySelector('dl.card dd'));"
            "window.marked = document.querySelector('dl.card')"
        )
        shown = [count(browser, "#curves .mark-line path"), count(browser, DOTS)]
        buttons = "main figure:not(:has(#gradients)) [aria-pressed]"  # a diagnosis that ends adds one to that figure
        chosen = f"return [...document.querySelectorAll('{buttons}')].map(b => b.textContent + b.ariaPressed)"
        pressed, selected = browser.execute_script(chosen), browser.execute_script("return String(getSelection())")
        assert any(one.endswith("false") for one in pressed)
        axis = "return document.querySelector('#curves .role-axis-title, #curves .mark-text text').textContent"
        before = browser.execute_script(axis)
        growing.grow(page, fewer + 1)
        wait_for_newest(browser, page)
        assert browser.execute_script(chosen) == pressed
        assert browser.execute_script("return String(getSelection())") == selected != ""
        assert browser.execute_script("return document.querySelector('dl.card') === window.marked")  # the same node
        assert browser.execute_script("return document.querySelector('details').open")
        assert browser.execute_script(axis) == before
        assert count(browser, "#curves .mark-line path") == shown[0]
        assert count(browser, DOTS) <= shown[1] + 1
        browser.execute_script("document.querySelector('details').remove()")


def test_what_is_read_stays_in_its_place(browser: Chrome, growing: Growing) -> None:
    heading = "Learning at the best setting"
    some = first_with(growing, "search") + 4
    with growing.page(some) as page:
        open_at(browser, page)
        browser.execute_script(
            "[...document.querySelectorAll('h2')].find(one => one.textContent === arguments[0]).scrollIntoView()",
            heading,
        )
        browser.execute_script("document.querySelector('.scroll').scrollLeft = 30")
        left = browser.execute_script("return document.querySelector('.scroll').scrollLeft")
        place = top(browser, heading)
        growing.grow(page, first_with(growing, "finalists") + 3)  # warnings, rows and lines come above it
        wait_for_newest(browser, page)
        assert top(browser, heading) == pytest.approx(place, abs=2)
        assert browser.execute_script("return document.querySelector('.scroll').scrollLeft") == left


def test_a_figure_under_the_pointer_waits(browser: Chrome, growing: Growing) -> None:
    some = first_with(growing, "search") + 4
    with growing.page(some) as page:
        open_at(browser, page)
        dots = count(browser, DOTS)
        place = browser.find_element(By.ID, "sensitivity")
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", place)
        ActionChains(browser).move_to_element(place).perform()
        growing.grow(page, some + 8)
        wait_for_newest(browser, page)
        assert count(browser, DOTS) == dots
        ActionChains(browser).move_to_element(browser.find_element(By.CSS_SELECTOR, "#live .status")).perform()
        wait(browser, f"return document.querySelectorAll('{DOTS}').length > {dots}")


def test_a_closed_page_loses_nothing_and_a_page_whose_study_ends_keeps_all(browser: Chrome, growing: Growing) -> None:
    with growing.page(5) as page:
        open_at(browser, page)
        browser.get("about:blank")
        growing.grow(page, len(growing.keys))
        open_at(browser, page)
        assert browser.execute_script("return document.getElementById('live').dataset.status") == "running"
        svgs = count(browser, ".plot svg")
        assert svgs >= 6
    wait(browser, "return ['gone', 'stopped'].includes(document.getElementById('live').dataset.status)")
    wait(browser, "return document.getElementById('live').dataset.status === 'gone'")
    assert count(browser, ".plot svg") == svgs
    with growing.page(len(growing.keys)) as again:  # the study goes on at the same address
        assert again.address == page.address
        wait(browser, "return document.getElementById('live').dataset.status === 'running'")
        again.progress.end("finished")
        wait(browser, "return document.getElementById('live').dataset.status === 'finished'")
        wait_for_newest(browser, again)


@pytest.mark.parametrize("width", [420, 1400])
def test_it_fits_and_names_are_text(browser: Chrome, growing: Growing, width: int) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    with growing.page(len(growing.keys)) as page:
        for place, key in enumerate(growing.keys[-8:]):
            page.started(key, 40, place // 3)  # three at once
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        open_at(browser, page)
        wait(browser, "return document.querySelectorAll('#live .now p').length === 8")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.execute_script("return document.getElementById('live').offsetHeight") < 170
        lines = browser.execute_script("return [...document.querySelectorAll('#live .now p')].map(p => p.textContent)")
        assert all(str(key) in line for key, line in zip(growing.keys[-8:], lines, strict=True))
        assert count(browser, "#live img, #live script") == 0
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
