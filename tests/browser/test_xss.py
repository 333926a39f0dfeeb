"""Every attack of the corpus, in every position: text, in a page and in JupyterLab."""

from __future__ import annotations

import json

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from support.hostile import (
    FINDINGS,
    OPEN_EVERYTHING,
    attacks,
    hostile_comparison,
    hostile_list,
    hostile_output,
)
from support.lab import (
    LONG,
    ROOT,
    kernel_is_idle,
    open_file,
    run_all,
    write_notebook,
    write_outputs,
)
from support.pages import serve

MIME = "application/vnd.spantree.trace.v1+json"
PARTS = 4
CLASSES = 13


def outputs():
    """The corpus in a few traces, each attack in every position of its span."""
    texts = attacks()
    size = -(-len(texts) // PARTS)
    return [
        hostile_output(texts[at : at + size], f"{number:016x}")
        for number, at in enumerate(range(0, len(texts), size))
    ]


def watch(page):
    """Keep the addresses a page asks for, and answer none outside the loopback."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (asked.append("dialog"), dialog.dismiss()))
    return asked


def foreign(asked, origin):
    allowed = (origin, "data:", "blob:", origin.replace("http", "ws"))
    return [url for url in asked if not url.startswith(allowed)]


def assert_harmless(page, origin, asked, opened, spans):
    assert opened["rows"] >= spans
    assert opened["drawn"] > 5 * spans
    assert_nothing_found(page, origin, asked)


def assert_nothing_found(page, origin, asked):
    found = page.evaluate(FINDINGS)
    assert found["pwned"] is None
    assert found["polluted"] is None
    assert found["elements"] == []
    assert set(found["links"]) <= {"http:", "https:", "mailto:"}
    assert all(
        src.startswith(("data:image/png;", "data:image/jpeg;", "data:image/gif;"))
        for src in found["images"]
    )
    assert foreign(asked, origin) == []


def test_the_corpus_has_a_hundred_attacks_of_all_classes():
    texts = attacks()

    assert len(texts) >= 100
    assert len(set(texts)) == len(texts)
    assert len(outputs()) == PARTS


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_runs_in_a_page(site, page, part):
    output = outputs()[part]
    asked = watch(page)
    page.goto(site.add(f"part{part}", output))
    page.wait_for_selector(".st-row")

    opened = page.evaluate(OPEN_EVERYTHING)

    spans = output["traces"][0]["n"]
    assert_harmless(page, site.url, asked, opened, spans)


@pytest.mark.parametrize("mode", ["rows", "compact", "table"])
def test_nothing_runs_in_lists_of_traces(site, page, mode):
    output = hostile_list(attacks(), mode)
    asked = watch(page)
    page.goto(site.add(mode, output))
    page.wait_for_selector(".st-line, .st-summary")

    if mode == "compact":
        page.locator(".st-line").first.click()
    for line in page.locator(".st-line-box > .st-line").all()[:3]:
        line.click()
    page.locator(".st-row").first.wait_for()

    assert_nothing_found(page, site.url, asked)


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_runs_in_a_comparison(site, page, part):
    output = hostile_comparison(attacks()[part::PARTS])
    asked = watch(page)
    page.goto(site.add(f"compared{part}", output))
    page.wait_for_selector(".st-row")

    opened = page.evaluate(OPEN_EVERYTHING)

    spans = output["traces"][1]["n"] + 10
    assert_harmless(page, site.url, asked, opened, spans)


def test_nothing_runs_in_the_line_of_a_comparison(site, page):
    asked = watch(page)
    for number, text in enumerate(attacks()[::7]):
        output = {**hostile_comparison([text] * 40), "closed": True}
        page.goto(site.add(f"closed{number}", output))
        page.locator(".st-line").click()
        page.wait_for_selector(".st-row")
        assert_nothing_found(page, site.url, asked)


@pytest.fixture(scope="module")
def hostile(folder):
    """The module's folder, with the corpus in a trusted and an untrusted notebook."""
    root = folder.path
    bundle = {MIME: whole_corpus(), "text/plain": "a trace"}
    write_outputs(root / "untrusted.ipynb", bundle)
    # Trust is by a signature of the content.
    notebook = nbformat.read(root / "untrusted.ipynb", as_version=4)
    notebook.metadata["trusted"] = str(root)
    nbformat.write(notebook, root / "trusted.ipynb")
    NotebookNotary().sign(nbformat.read(root / "trusted.ipynb", as_version=4))
    return folder


def whole_corpus():
    return hostile_output(attacks(), "f" * 16)


RECORDED = """
%env SPANTREE_DATA_DIR hostile-data
%load_ext spantree
import json, pathlib, spantree

for text in json.loads(pathlib.Path("texts.json").read_text()):
    try:
        with spantree.start_span(text, span_type=text) as span:
            span.set_inputs({text: text})
            spantree.update_current_trace(tags={"attack": text}, request_preview=text)
            raise ValueError(text)
    except ValueError:
        pass
"""
PANEL = "#spantree-traces"


def test_nothing_runs_in_the_traces_panel(folder, desk):
    page = desk
    texts = attacks()
    (folder.path / "texts.json").write_text(json.dumps(texts))
    write_notebook(folder.path / "recorded.ipynb", RECORDED)
    asked = watch(page)
    open_file(page, folder, "recorded.ipynb")
    run_all(page)
    page.wait_for_selector(f".jp-CodeCell {ROOT}", timeout=LONG)
    kernel_is_idle(page)
    page.keyboard.press("Control+Shift+c")
    page.locator(".lm-CommandPalette-input").fill("Show Traces")
    page.locator(".lm-CommandPalette-item >> text=Show Traces").first.click()
    lines = page.locator(f"{PANEL} .st-side-line")
    lines.nth(90).wait_for(timeout=LONG)
    names = lines.locator(".st-title").all_inner_texts()
    assert sum("__pwned" in name for name in names) > 30
    assert_nothing_found(page, folder.server.url, asked)

    for at in (0, 20, 40, 60, 80):
        lines.nth(at).locator(".st-line").click()
        page.locator(f"{PANEL} .st-row").first.click()
        page.locator(f"{PANEL} .st-detail").wait_for()
        assert_nothing_found(page, folder.server.url, asked)
        page.locator(f"{PANEL} >> text=all traces").click()
        lines.first.wait_for()

    problem = page.locator(f"{PANEL} .st-problem")
    for text in texts[::4]:
        page.locator(f"{PANEL} input").fill(f"name = {text}")
        page.locator(f"{PANEL} input").press("Enter")
        problem.wait_for()
        page.locator(f"{PANEL} input").fill("")
        page.locator(f"{PANEL} input").press("Enter")
        problem.wait_for(state="detached")
    assert_nothing_found(page, folder.server.url, asked)


@pytest.mark.parametrize("trust", ["untrusted", "trusted"])
def test_nothing_runs_in_jupyterlab(hostile, second_desk, trust):
    page = second_desk
    asked = watch(page)
    open_file(page, hostile, f"{trust}.ipynb", kernel=False)
    page.wait_for_selector(f"{ROOT} .st-row", timeout=LONG)

    opened = page.evaluate(OPEN_EVERYTHING)

    marks = page.locator("[title*='not trusted' i]").count()
    assert (marks > 0) == (trust == "untrusted")
    assert_harmless(page, hostile.server.url, asked, opened, len(attacks()))

    page.locator(f"{ROOT} [aria-label='Open larger (o)']").first.click()
    page.locator(".st-tab .st-row").first.wait_for(timeout=LONG)
    assert_nothing_found(page, hostile.server.url, asked)
