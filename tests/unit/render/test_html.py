"""A trace as HTML without script."""

from __future__ import annotations

from pathlib import Path

import bleach
import pytest
from unit.render.drawn_traces import agent_trace, span, trace, wide_trace
from unit.render.sanitizer import ALLOWED, Checked

from spantree.entities import TraceState
from spantree.render import render_html
from spantree.render.budget import text_bytes

GOLDEN = Path(__file__).with_name("agent.html")


def test_an_agent_trace_is_nested_details():
    assert render_html([agent_trace()]) == GOLDEN.read_text(encoding="utf-8").rstrip(
        "\n"
    )


def test_html_passes_the_sanitizer_unchanged():
    html = render_html([agent_trace(), wide_trace(300)])

    assert Checked(html).problems == []


def test_a_second_sanitizer_keeps_every_node_and_attribute():
    html = render_html([agent_trace()])

    cleaned = bleach.clean(
        html, tags=set(ALLOWED), attributes={"div": ["class"], "details": ["open"]}
    )

    assert Checked(cleaned).count == Checked(html).count
    assert Checked(cleaned).text == Checked(html).text


HOSTILE = [
    "<script>alert(1)</script>",
    "</code></details><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "`${alert(1)}`",
    "<!--",
    "]]><![CDATA[",
    "<svg/onload=alert(1)>",
    "&lt;script&gt;",
    "&#x3c;script&#x3e;",
    "javascript:alert(1)",
    '<a data-commandlinker-command="x">',
    "__proto__",
    "\x00\x1b[31m\r\u202e\u2066\u200b\ufeff\u2028",
    "{{constructor.constructor('alert(1)')()}}",
    "<style>*{display:none}</style>",
    "\ud800",
    "+ADw-script+AD4-",
]


def hostile_trace(text):
    root = (
        span(
            1,
            None,
            text,
            text,
            ms=10,
            error=(text, text),
            model=text,
            inputs={text: text},
            outputs=text,
            attributes={text: text},
        )
        if text.isprintable()
        else span(
            1, None, text, text, ms=10, error=(text, text), model=text, outputs=text
        )
    )
    child = span(2, 1, text, text, 1, 2, inputs=text)
    lost = span(3, 77, text, start_ms=4)
    metadata = {"spantree.lost": "2", "spantree.lost.why": text}
    return trace([root, child, lost], tags={text: text, "mlflow.traceName": text},
                 trace_metadata=metadata, request_preview=text, response_preview=text)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_every_position_and_mode(text):
    for mode in ("tree", "rows", "compact", "table"):
        html = render_html([hostile_trace(text)], mode=mode)

        assert Checked(html).problems == []
        assert all(c.isprintable() or c == "\n" for c in html)


@pytest.mark.parametrize("count", [1, 20, 200, 1000])
def test_html_stays_within_its_bytes_and_200_spans(count):
    html = render_html([wide_trace(count)])

    checked = Checked(html)
    assert text_bytes(html) <= 40_000
    assert checked.count["b"] - 1 <= 200


@pytest.mark.parametrize("limit", [0, 500, 1000, 3000, 9000])
def test_small_limits_hold_too(limit):
    html = render_html([wide_trace(500)], max_bytes=limit)

    assert Checked(html).problems == []
    assert text_bytes(html) <= max(limit, 250)


def test_what_is_left_out_is_said_with_the_call_that_fetches_it():
    checked = Checked(render_html([wide_trace(1000)]))

    shown = checked.count["b"] - 1
    assert f"… {1000 - shown} more spans: spantree.get_trace('tr-0af7" in checked.text


def test_only_the_root_and_the_way_to_the_first_error_are_open():
    html = render_html([agent_trace()])

    opened = [line for line in html.split("\n") if line.startswith("<details open>")]
    assert ["research" in opened[1], "lookup_city" in opened[2], len(opened)] == [
        True,
        True,
        3,
    ]


def test_nesting_stops_at_twelve_levels():
    spans = [
        span(at, at - 1 or None, f"s{at}", ms=1300 - at, inputs="x")
        for at in range(1, 1201)
    ]

    checked = Checked(render_html([trace(spans)]))

    assert checked.problems == []
    assert checked.deepest == 13
    assert "⋯13 s13" in checked.text


def test_states_are_said_in_words():
    spans = [
        span(1, None, "root", ms=None),
        span(2, 1, "a", "LLM", attributes={"spantree.stream.end": "closed"}),
        span(3, 0xABCD << 48, "b"),
        span(4, 1, "c", error=("KeyError", "'city'")),
        span(5, 1, "d", ms=None),
    ]

    running = Checked(render_html([trace(spans, TraceState.IN_PROGRESS)])).text
    ended = Checked(render_html([trace(spans, TraceState.INTERRUPTED)])).text

    assert "d running" in running
    assert "a LLM stopped early" in running
    assert "parent abcd… not received" in running
    assert "c ERROR KeyError: 'city'" in running
    assert "d no end recorded" in ended
    assert "interrupted (no end recorded)" in ended


def test_several_traces_are_closed_one_by_one():
    html = render_html([agent_trace()] * 6, mode="rows")

    checked = Checked(html)
    assert checked.problems == []
    assert (
        html.count(
            "\n<details><summary><b>answer_question</b> <code>AGENT</code> ERROR · "
        )
        == 6
    )


def test_many_traces_say_how_many_are_not_shown():
    checked = Checked(render_html([agent_trace()] * 400, mode="rows", total=500))

    assert checked.problems == []
    assert "more traces: %traces --last-cell" in checked.text


def test_table_mode_names_groups_slowest_and_failed():
    traces = [trace([span(1, None, f"name_{at % 30}", ms=at + 1)]) for at in range(300)]

    html = render_html([*traces, agent_trace()], mode="table")

    checked = Checked(html)
    assert checked.problems == []
    assert "301 traces" in checked.text
    assert "failed" in checked.text


def test_small_tables_close_their_tags():
    traces = [trace([span(1, None, f"name_{at}", ms=at + 1)]) for at in range(300)]

    for limit in range(200, 3000, 100):
        assert (
            Checked(render_html(traces, mode="table", max_bytes=limit)).problems == []
        )


def test_no_traces_says_what_to_do():
    assert "Decorate a function" in render_html([])
