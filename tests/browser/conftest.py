"""One Chromium and one JupyterLab for all tests, and two pages of it that stay open.

To load JupyterLab takes 5 s of CPU, to open a file in it 0.7 s. So tests open files in
`desk`, and beside a notebook that their module shares in `second_desk`; each opening
closes what was there. A test that needs a page as it is when loaded takes `page`.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import sync_playwright
from support.lab import (
    CHROMIUM,
    CHROMIUM_ARGUMENTS,
    close_all,
    jupyter,
    open_lab,
    require,
)

# For what a page does at once; waiting for servers and kernels has longer times.
PATIENCE = 15_000
SIZE = {"width": 1280, "height": 1400}


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
    context = browser.new_context(viewport=SIZE)
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


def _loaded(browser, lab):
    context = browser.new_context(viewport=SIZE)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    open_lab(page, lab.url)
    return page


@pytest.fixture(scope="session")
def _first_page(browser, lab):
    return _loaded(browser, lab)


@pytest.fixture(scope="session")
def _second_page(browser, lab):
    return _loaded(browser, lab)


@pytest.fixture(scope="module")
def desk(_first_page):
    """JupyterLab with nothing open, for one module at a time."""
    yield from _given(_first_page)


@pytest.fixture
def second_desk(_second_page):
    """The same, for one test at a time."""
    yield from _given(_second_page)


def _given(page):
    page.set_viewport_size(SIZE)
    yield page
    page.unroute_all()
    close_all(page)
    page.evaluate("localStorage.clear()")
