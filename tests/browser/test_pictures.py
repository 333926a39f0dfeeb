"""Each state of the viewer, light and dark, looks as it did when a person looked at it."""

from __future__ import annotations

import pytest
from support.pages import serve
from support.pictures import assert_looks_the_same
from unit.render.drawn_traces import T0, agent_trace, later_agent_trace, span, trace

from spantree.entities import TraceState
from spantree.render import COMPLETE, MIME, build_output
from spantree.render.diff import TraceDiff
from spantree.render.diff_bundle import diff_bundle

# JupyterLab's own families differ between machines; these come with Debian's Chromium.
FONTS = """
:root { --jp-ui-font-family: "DejaVu Sans"; --jp-code-font-family: "DejaVu Sans Mono"; }
body { margin: 12px; background: light-dark(#fff, #111); }
"""
TWO_FRAMES = """new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(() => done()));
})"""
THEMES = {"light": "vscode-light", "dark": "vscode-dark"}


def tree(page):
    """At rest, as under a cell."""


def chat(page):
    page.locator(".st-row:has-text('openai.chat')").last.click()
    page.locator("[role=tab]:text-is('Chat')").click()


def error(page):
    page.locator(".st-row:has-text('lookup_city')").click()
    page.locator("[role=tab]:text-is('Error')").click()


def find(page):
    page.locator(".st-tree").press("/")
    page.locator(".st-search input").fill("chat")
    page.locator(".st-search input").press("Enter")


def documents(page):
    page.locator(".st-row:has-text('search_docs')").click()
    page.locator("[role=tab]:text-is('Documents')").click()


def code(page):
    page.locator(".st-row:has-text('search_docs')").click()
    page.locator("[role=tab]:text-is('Code')").click()


def keys(page):
    page.locator(".st-tree").press("?")


def changes(page):
    page.locator(".st-more").click()
    page.locator(".st-row:has-text('openai.chat')").last.click()
    page.locator("[role=tab]:text-is('Changes')").click()


def document(number, title, text):
    metadata = {"title": title, "source": f"offices/{number}.md"}
    return {"page_content": text, "metadata": metadata, "score": 0.92 - number * 0.11}


def retrieval():
    found = [
        document(0, "Vienna", "The Vienna office is at Praterstern 3. " * 5),
        document(1, "Ljubljana", "Our office in Ljubljana opened in 2021."),
        document(2, "Zagreb", "The Zagreb office answers customers in Croatia."),
    ]
    asked = {"query": "office near Graz", "k": 3}
    return trace(
        [
            span(1, None, "answer", "CHAIN", 0, 480),
            span(
                2, 1, "search_docs", "RETRIEVER", 20, 200, inputs=asked, outputs=found
            ),
            span(3, 1, "openai.chat", "CHAT_MODEL", 230, 240, model="gpt-4o-mini"),
        ]
    )


def running():
    return trace(
        [
            span(1, None, "answer_question", "AGENT", 0, None),
            span(2, 1, "plan", "CHAIN", 10, 400),
            span(3, 1, "retrieve", "RETRIEVER", 420, 600),
            span(4, 1, "openai.chat", "CHAT_MODEL", 1040, None, model="gpt-4o"),
        ],
        TraceState.IN_PROGRESS,
    )


STATES = {
    "tree": (agent_trace, {}, tree),
    "chat": (agent_trace, {}, chat),
    "error": (agent_trace, {}, error),
    "find": (agent_trace, {}, find),
    "keys": (agent_trace, {}, keys),
    "documents": (retrieval, {}, documents),
    "code": (retrieval, {}, code),
    "live": (running, {"live": True}, tree),
    "compact": (agent_trace, {"mode": "compact"}, tree),
    "rows": (agent_trace, {"mode": "rows"}, tree),
    "compare": (agent_trace, {"mode": "compare"}, tree),
    "changes": (agent_trace, {"mode": "compare"}, changes),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("pictures")) as site:
        yield site


@pytest.fixture(scope="module", params=THEMES)
def themed(browser, request):
    """A theme and the page that all its pictures are taken of."""
    context = browser.new_context(
        viewport={"width": 984, "height": 700}, color_scheme=request.param
    )
    page = context.new_page()
    # A trace that runs is drawn up to now: 2.4 s after it began.
    page.clock.set_fixed_time(T0 / 1e9 + 2.4)
    yield request.param, page
    context.close()


@pytest.mark.parametrize("state", STATES)
def test_it_looks_as_kept(site, themed, state):
    theme, page = themed
    make, options, act = STATES[state]
    if options.get("mode") == "compare":
        output = diff_bundle(TraceDiff(make(), later_agent_trace()))[MIME]
    else:
        traces = [make()] if state != "rows" else [make(), retrieval()]
        output = build_output(traces, key="a" * 16, budget=COMPLETE, **options)
    page.goto(site.add(f"{state}-{theme}", output, THEMES[theme]))
    page.add_style_tag(content=FONTS)
    page.locator(".st-root :is(.st-row, .st-line)").first.wait_for()

    act(page)

    page.evaluate(TWO_FRAMES)
    assert_looks_the_same(page, ".st-root", f"{state}-{theme}")
