"""One Chromium and one JupyterLab for all tests; each has pages of its own."""

from __future__ import annotations

import pytest
from playwright.sync_api import sync_playwright
from support.lab import CHROMIUM, CHROMIUM_ARGUMENTS, jupyter, require

# For what a page does at once; waiting for servers and kernels has longer times.
PATIENCE = 15_000


@pytest.fixture(scope="session")
def browser():
    require(CHROMIUM is not None, "chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    yield page
    context.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    with jupyter(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture(scope="module")
def folder(lab, request):
    """A folder of the module's own in JupyterLab; its kernels end with the module."""
    with lab.folder(request.module.__name__.rpartition(".")[2]) as folder:
        yield folder
