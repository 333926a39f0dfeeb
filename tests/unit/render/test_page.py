"""One HTML file of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from unit.render.drawn_traces import agent_trace, span, trace, wide_trace

from spantree.render import page, to_html

SCRIPT = '(()=>{const a="</script><!-- x";document.title=a})();'


@pytest.fixture
def built_viewer(tmp_path, monkeypatch):
    (tmp_path / "page.js").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.setattr(page, "STATIC", tmp_path)


def payload_of(html):
    found = re.search(
        r'<script type="application/json" id="spantree-payload">(.*?)</script>',
        html,
        re.DOTALL,
    )
    return json.loads(found[1])


def test_the_page_holds_viewer_payload_and_static_tree(built_viewer):
    html = to_html([agent_trace()])

    assert payload_of(html)["traces"][0]["name"] == "answer_question"
    assert '<div id="spantree-root"></div>' in html
    assert (
        "<b>lookup_city</b>"
        in re.search(r"<noscript>(.*?)</noscript>", html, re.DOTALL)[1]
    )
    assert "<title>answer_question</title>" in html


def test_the_policy_allows_the_one_script_by_its_hash(built_viewer):
    html = to_html([agent_trace()])

    script = re.search(r'<script type="module">(.*?)</script>', html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)[
        1
    ]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{digest}'; "
        "style-src 'unsafe-inline'; img-src data:"
    )


def test_the_script_cannot_end_its_element(built_viewer):
    html = to_html([agent_trace()])

    assert '"\\x3c/script>\\x3c!-- x"' in html
    assert html.count("</script>") == 2


def test_the_payload_cannot_end_its_element(built_viewer):
    text = "</script><script>alert(1)</script><!--&\u2028\u2029"

    html = to_html([trace([span(1, None, text, inputs=text)])])

    assert "alert(1)</script>" not in html
    assert payload_of(html)["traces"][0]["cols"]["names"] == [text]


def test_the_title_is_escaped(built_viewer):
    html = to_html([trace([span(1, None, "</title><script>x")])])

    assert "<title>&lt;/title&gt;&lt;script&gt;x</title>" in html


def test_bodies_are_complete(built_viewer):
    html = to_html([wide_trace(30, "x" * 100_000)])

    assert payload_of(html)["traces"][0]["cut"] == {}


def test_a_page_without_viewer_says_so_and_shows_the_static_tree(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "STATIC", tmp_path)

    html = to_html([agent_trace()])

    assert "built without its viewer, so this page shows the static tree only." in html
    assert "<b>lookup_city</b>" in html
    assert "<script" not in html


def test_a_huge_page_is_warned_about(built_viewer, monkeypatch, caplog):
    monkeypatch.setattr(page, "LARGE_BYTES", 1000)

    to_html([agent_trace()])

    assert "browsers may be slow to open it" in caplog.text


def test_the_page_asks_the_network_for_nothing(built_viewer):
    html = to_html([agent_trace()])

    assert re.findall(r"""(?:src|href|url)\s*[=(]""", html.replace("-src", "")) == []
