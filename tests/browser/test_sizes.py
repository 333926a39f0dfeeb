"""Narrow places, fingers instead of a mouse, and viewers that nobody sees."""

from __future__ import annotations

import time

import pytest
from support.pages import serve
from unit.render.drawn_traces import agent_trace, span, trace

from spantree.entities import TraceState
from spantree.render import COMPLETE, build_output

ROWS = ".st-root .st-row"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("sizes")) as site:
        yield site


@pytest.fixture(scope="module")
def agent(site):
    return site.add("agent", build_output([agent_trace()], key="a" * 16))


def test_rows_are_high_enough_for_a_finger(browser, agent):
    context = browser.new_context(has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(agent)
    rows = page.locator(ROWS)
    rows.first.wait_for()

    tops = [rows.nth(at).bounding_box()["y"] for at in range(3)]
    heights = {rows.nth(at).bounding_box()["height"] for at in range(3)}
    bar, row = (
        page.locator(selector).first.bounding_box() for selector in (".st-bar", ROWS)
    )
    rows.nth(3).locator(".st-chevron").tap()

    assert heights == {36}
    assert [tops[1] - tops[0], tops[2] - tops[1]] == [36, 36]
    assert bar["y"] - row["y"] == pytest.approx(12, abs=1)
    assert rows.nth(3).get_attribute("aria-expanded") == "true"
    context.close()


@pytest.mark.parametrize("width", [340, 400, 620, 984])
def test_all_of_the_strip_has_room(page, agent, width):
    page.set_viewport_size({"width": width, "height": 600})
    page.goto(agent)
    page.locator(ROWS).first.wait_for()

    page.wait_for_function(
        "document.querySelector('.st-strip').scrollWidth <="
        " document.querySelector('.st-root').clientWidth"
    )
    title = page.locator(".st-strip .st-title").bounding_box()
    assert title["width"] >= 40


def running_trace():
    root = span(1, None, "work", "AGENT", 0, None)
    return trace([root, span(2, 1, "step", "TOOL", 10, 5)], TraceState.IN_PROGRESS)


COUNT_DRAWINGS = """() => {
  window.drawings = 0;
  new MutationObserver(() => { window.drawings++; }).observe(
    document.querySelector('.st-root'),
    { subtree: true, childList: true, attributes: true, characterData: true });
}"""


def test_what_runs_out_of_sight_is_not_drawn_until_it_is_seen(page, site):
    output = build_output([running_trace()], key="b" * 16, live=True, budget=COMPLETE)
    page.goto(site.add("running", output))
    page.locator(ROWS).first.wait_for()
    page.evaluate(COUNT_DRAWINGS)
    page.wait_for_function("window.drawings > 2")

    page.evaluate("document.body.style.paddingTop = '4000px'")
    page.wait_for_timeout(400)
    page.evaluate("window.drawings = 0")
    page.wait_for_timeout(1_000)
    unseen = page.evaluate("window.drawings")
    page.evaluate("document.body.style.paddingTop = '0'")

    page.wait_for_function("window.drawings > 2")
    assert unseen == 0


def test_a_screen_reader_hears_of_a_running_trace_every_five_seconds(page, site):
    output = build_output([running_trace()], key="c" * 16, live=True, budget=COMPLETE)
    page.clock.install(time=time.time())
    page.goto(site.add("spoken", {"v": 1}))
    page.evaluate(
        "output => { document.querySelector('.st-root').remove(); window.view ="
        " spantree.mount(document.getElementById('spantree-root'), output) }",
        output,
    )
    said = page.locator(".st-strip [role=status]")
    grown, ended = (
        build_output(
            [
                trace(
                    [*running_trace().data.spans, span(3, 1, "next", "TOOL", 20, 5)],
                    state,
                )
            ],
            key="c" * 16,
            rev=rev,
            live=live,
            budget=COMPLETE,
        )
        for rev, live, state in (
            (1, True, TraceState.IN_PROGRESS),
            (2, False, TraceState.OK),
        )
    )

    assert said.inner_text() == "running, 2 spans"
    page.evaluate("output => window.view.update(output)", grown)
    page.clock.run_for(1_000)
    assert page.locator(ROWS).count() == 3
    assert said.inner_text() == "running, 2 spans"
    page.clock.run_for(5_000)
    assert said.inner_text() == "running, 3 spans"
    page.evaluate("output => window.view.update(output)", ended)
    assert said.inner_text() == "ended, 3 spans"
