"""The viewer under a strict Content-Security-Policy: drawn, and nothing refused."""

from __future__ import annotations

import pytest
from support.hostile import OPEN_EVERYTHING, attacks, hostile_output
from support.pages import STRICT, serve
from unit.render.drawn_traces import agent_trace

from spantree.render import COMPLETE, build_output

NOTE_VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`);
});
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("csp"), STRICT) as site:
        yield site


def violations(page, address):
    page.add_init_script(NOTE_VIOLATIONS)
    page.goto(address)
    page.wait_for_selector(".st-row")
    opened = page.evaluate(OPEN_EVERYTHING)
    assert opened["drawn"] > 0
    return page.evaluate("window.violations")


def test_an_agent_s_trace_violates_nothing(site, page):
    output = build_output([agent_trace()], key="c" * 16, budget=COMPLETE)

    assert violations(page, site.add("agent", output)) == []


def test_hostile_values_violate_nothing(site, page):
    output = hostile_output(attacks()[::4], "d" * 16)

    assert violations(page, site.add("hostile", output)) == []
