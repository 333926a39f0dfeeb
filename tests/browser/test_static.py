"""The outputs that need no extension: HTML in an untrusted notebook, and one file."""

from __future__ import annotations

from support.lab import LONG, open_file, write_outputs
from unit.render.drawn_traces import agent_trace

from spantree.render import mime_bundle, to_html

# Every element with its attributes and text, as the browser has it.
OUTLINE = """(root) => [...root.querySelectorAll('*')].map((node) => [
  node.localName,
  [...node.attributes].map((one) => `${one.name}=${one.value}`).sort().join(' '),
  node.childElementCount ? '' : node.textContent,
])"""


def test_the_sanitizer_of_jupyterlab_takes_nothing_out(folder, desk):
    html = mime_bundle([agent_trace()], key="a" * 16)["text/html"]
    write_outputs(folder.path / "static.ipynb", {"text/html": html})

    open_file(desk, folder, "static.ipynb", kernel=False)
    drawn = desk.locator(".jp-RenderedHTML:has(.spantree)")
    drawn.wait_for(timeout=LONG)

    assert desk.locator("[title*='not trusted' i]").count() >= 1
    written = desk.evaluate(
        f"(html) => ({OUTLINE})("
        "new DOMParser().parseFromString(html, 'text/html').body)",
        html,
    )
    assert len(written) > 30
    assert drawn.evaluate(OUTLINE) == written


def test_one_file_is_the_viewer_without_a_server(tmp_path, page):
    file = tmp_path / "trace.html"
    file.write_text(to_html([agent_trace()]), encoding="utf-8")
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(file.as_uri())
    page.locator(".st-row:has-text('openai.chat')").last.click()

    assert "The Vienna office." in page.locator(".st-panel").inner_text()
    assert asked == [file.as_uri()]
    assert complaints == []
