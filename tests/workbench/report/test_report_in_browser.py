"""The report in a real browser: opened from a file, everything drawn, everything that can be clicked clicked."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from steepest.workbench import Comparison
from support import hostile
from support.browser import Chrome, chromium, needs_browser, wait

pytest.importorskip("selenium", reason="needs selenium: pip install 'steepest[dev]'")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

NAMES = ["sgd", *hostile.NAMES]

pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def page(browser: Chrome, recorded: Comparison) -> Chrome:
    """The report, freshly opened without a network, with all figures drawn."""
    browser.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    browser.get((recorded.folder / "report.html").as_uri())
    wait(browser, "return document.body.dataset.drawn === 'yes'")
    return browser


def click(browser: Chrome, selector: str, position: int = 0) -> None:
    browser.execute_script("document.querySelectorAll(arguments[0])[arguments[1]].click()", selector, position)
    browser.execute_async_script("setTimeout(arguments[0], 300)")


def marks(browser: Chrome, figure: str) -> int:
    """How many dots and lines a figure shows."""
    selector = f"#{figure} .mark-symbol path, #{figure} .mark-line path"
    return browser.execute_script("return document.querySelectorAll(arguments[0]).length", selector)


def line(browser: Chrome) -> str:
    """The path of the first loss curve."""
    return browser.execute_script("return document.querySelector('#curves .mark-line path').getAttribute('d')")


def titles(browser: Chrome) -> list[str]:
    """The titles of the axes of the curves."""
    script = "return [...document.querySelectorAll('#curves .mark-text.role-mark text')].map(text => text.textContent)"
    return browser.execute_script(script)


def axis(browser: Chrome) -> list[str]:
    """The labels of the loss curves' x axis."""
    group = "#curves .role-axis[aria-label^='X-axis'] .role-axis-label text"
    script = "return [...document.querySelectorAll(arguments[0])].map(text => text.textContent)"
    return browser.execute_script(script, group)


@pytest.mark.parametrize("figure", ["sensitivity", "curves", "finalists", "trials", "rates", "updates"])
def test_every_figure_draws(page: Chrome, figure: str) -> None:
    assert page.execute_script(f"return !!document.querySelector('#{figure} svg')")
    assert marks(page, figure) > 3


def test_each_step_can_be_looked_at_for_each_optimizer(page: Chrome) -> None:
    def drawn() -> str:
        return page.execute_script("return document.querySelector('#gradients .mark-line path').getAttribute('d')")

    first = drawn()
    click(page, ".legend .one", 1)
    assert drawn() != first
    click(page, ".legend .one", 0)
    assert drawn() == first


@pytest.mark.parametrize("figure", ["sensitivity", "curves", "finalists", "trials", "updates"])
def test_every_figure_can_be_downloaded(page: Chrome, figure: str, tmp_path: Path) -> None:
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    for kind in ("csv", "svg"):
        click(page, f'.downloads[data-figure="{figure}"] [data-as="{kind}"]')
        WebDriverWait(page, 15).until(lambda _, kind=kind: (tmp_path / f"{figure}.{kind}").exists())
    with (tmp_path / f"{figure}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["optimizer"] for row in rows} >= {"sgd", NAMES[1]}
    drawn = (tmp_path / f"{figure}.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    assert "currentColor" not in drawn


def test_nothing_is_reported_to_the_console(page: Chrome) -> None:
    assert page.get_log("browser") == []


def test_failed_runs_are_marked_along_the_top(page: Chrome) -> None:
    script = "return [...document.querySelectorAll('#sensitivity .mark-text text')].map(t => t.textContent)"
    assert "failed" in page.execute_script(script)


def test_the_legend_hides_an_optimizer_in_every_figure_and_shows_it_again(page: Chrome) -> None:
    names = ("sensitivity", "curves", "finalists")
    before = [marks(page, name) for name in names]
    click(page, ".legend button", 1)
    hidden = [marks(page, name) for name in names]
    assert all(fewer < all_of_them for fewer, all_of_them in zip(hidden, before, strict=True))
    pressed = (
        "return [...document.querySelectorAll('.legend [data-optimizer]')].map(b => b.getAttribute('aria-pressed'))"
    )
    assert page.execute_script(pressed).count("false") == 3  # the same optimizer in each legend
    click(page, ".legend button", 1)
    assert [marks(page, name) for name in names] == before


def test_the_switches_change_axis_and_quantity(page: Chrome) -> None:
    steps, metric = axis(page), line(page)
    assert steps[-1] == "40"
    assert titles(page) == ["step", hostile.METRIC]
    click(page, '[data-value="seconds"]')
    assert titles(page) == ["seconds of training", hostile.METRIC]
    assert axis(page) != steps
    assert all(float(label) < 20 for label in axis(page))
    click(page, '[data-value="steps"]')
    assert (axis(page), line(page)) == (steps, metric)
    click(page, '[data-value="loss"]')
    assert line(page) != metric
    assert titles(page) == ["step", "training loss"]
    click(page, '[data-value="metric"]')
    assert line(page) == metric


def test_hovering_shows_the_values(page: Chrome) -> None:
    dot = page.find_elements(By.CSS_SELECTOR, "#sensitivity .mark-symbol path")[0]
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", dot)
    ActionChains(page).move_to_element(dot).perform()
    wait(page, "return !!document.querySelector('#vg-tooltip-element.visible')")
    tooltip = page.execute_script("return document.querySelector('#vg-tooltip-element').textContent")
    assert "rate" in tooltip
    assert "seed" in tooltip


def test_hostile_names_are_shown_as_text(page: Chrome) -> None:
    shown = page.execute_script("return [...document.querySelectorAll('.legend button')].map(b => b.textContent)")
    assert shown[: len(NAMES)] == NAMES
    assert page.execute_script("return document.querySelectorAll('script').length") == 3


@pytest.mark.parametrize("width", [420, 800, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_wide_and_narrow(page: Chrome, scheme: str, width: int) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.refresh()
    wait(page, "return document.body.dataset.drawn === 'yes'")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    main = page.execute_script("return document.querySelector('main').getBoundingClientRect().width")
    room = page.execute_script("return document.documentElement.clientWidth")  # without the scroll bar
    assert main >= min(room, 1300)  # the text uses the width
    assert_tables_can_be_read(page, width)
    ink = "return getComputedStyle(document.querySelector('#curves .role-axis-label text')).fill"
    ground = "return getComputedStyle(document.body).backgroundColor"
    brightness = [sum(int(part) for part in rgb(page.execute_script(script))) for script in (ink, ground)]
    assert (brightness[0] > brightness[1]) == (scheme == "dark")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def assert_tables_can_be_read(page: Chrome, width: int) -> None:
    """Name, setting and metric of each row are on the screen; a wider table scrolls, and a shadow says so."""
    third = "[...document.querySelectorAll('table.results tr td:nth-child(3)')]"
    ends = page.execute_script(f"return {third}.map(cell => cell.getBoundingClientRect().right)")
    assert ends
    assert max(ends) <= width
    for table in page.find_elements(By.CSS_SELECTOR, ".scroll"):
        wider = page.execute_script("return arguments[0].scrollWidth > arguments[0].clientWidth", table)
        shadow = page.execute_script("return getComputedStyle(arguments[0]).backgroundAttachment", table)
        assert not wider or "local" in shadow


def rgb(colour: str) -> list[str]:
    return colour[colour.index("(") + 1 : -1].split(",")[:3]
