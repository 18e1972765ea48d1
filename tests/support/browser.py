"""A real browser, without a window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("selenium", reason="needs selenium: pip install 'steepest[dev]'")

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.support.wait import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PATIENCE = 60
"""Seconds: fifteen were too few on a machine with load 24 on two cores."""

needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="needs a browser: apt-get install chromium chromium-driver (Debian)"
)


@contextmanager
def chromium() -> Iterator[Chrome]:
    """A browser that keeps what is reported to its console."""
    options = ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1100,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(DRIVER))
    yield driver
    driver.quit()


def wait(browser: Chrome, condition: str) -> None:
    """Until the script returns true."""
    WebDriverWait(browser, PATIENCE).until(lambda driver: driver.execute_script(condition))
