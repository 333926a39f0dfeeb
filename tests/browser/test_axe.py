"""axe-core finds nothing serious in light, dark and forced colours."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.lab import require
from support.pages import serve
from unit.render.drawn_traces import agent_trace, later_agent_trace

from spantree.render import COMPLETE, MIME, build_output
from spantree.render.diff import TraceDiff
from spantree.render.diff_bundle import diff_bundle

REPOSITORY = Path(__file__).parents[2]
AXE = REPOSITORY / "js" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = REPOSITORY / "out" / "pictures"
THEMES = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "forced-colors": {"color_scheme": "dark", "forced_colors": "active"},
}
RUN = """async () => {
  const result = await axe.run('.st-root', { resultTypes: ['violations'] });
  return result.violations
    .filter((one) => ['serious', 'critical'].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' | ')}`);
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    require(AXE.exists(), "axe-core is not installed: npm ci in js/")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with serve(tmp_path_factory.mktemp("axe")) as site:
        yield site


OUTPUTS = {
    "trace": lambda: build_output([agent_trace()], key="a" * 16, budget=COMPLETE),
    "comparison": lambda: diff_bundle(TraceDiff(agent_trace(), later_agent_trace()))[
        MIME
    ],
}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("what", OUTPUTS)
def test_nothing_serious(site, browser, what, theme):
    output = OUTPUTS[what]()
    context = browser.new_context(
        viewport={"width": 1100, "height": 800}, **THEMES[theme]
    )
    page = context.new_page()
    body = "vscode-dark" if theme != "light" else "vscode-light"
    page.goto(site.add(f"{what}-{theme}", output, body))
    page.wait_for_selector(".st-row")
    page.evaluate(AXE.read_text(encoding="utf-8"))

    found = page.evaluate(RUN)
    page.locator(".st-row:has(.st-model)").first.click()
    page.locator(".st-detail").wait_for()
    tabs = page.locator("[role=tab]").count()
    for tab in range(tabs):
        page.locator("[role=tab]").nth(tab).click()
        found += page.evaluate(RUN)
    page.locator(".st-tree").press("/")
    found += page.evaluate(RUN)
    page.locator(".st-root").screenshot(path=PICTURES / f"page-{what}-{theme}.png")
    context.close()

    assert tabs >= 3
    assert sorted(set(found)) == []
