"""Chromium, and a page in it."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import sync_playwright
from support.lab import CHROMIUM, CHROMIUM_ARGUMENTS


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        # In CI a missing browser must not look like success.
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed: apt-get install chromium")
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    page = context.new_page()
    yield page
    context.close()
