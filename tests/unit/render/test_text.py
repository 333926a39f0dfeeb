"""A trace as plain text."""

from __future__ import annotations

import time

import pytest
from unit.render.drawn_traces import agent_trace, span, trace, wide_trace

from spantree.entities import TraceState
from spantree.render import render_text
from spantree.render.escape import cell_width

AGENT = """\
answer_question  ERROR  3.42s  16 spans  2 errors  12.3k tok  $0.021
answer_question [AGENT] ERROR KeyError: 'city'                           3.42s  ████████████████████
├─ plan [CHAIN]                                                          310ms  █▉··················
│  └─ openai.chat [CHAT_MODEL] gpt-4o-mini 412 tok                       290ms  █▊··················
├─ retrieve [RETRIEVER] ×6                                               234ms  ·█▍·················
├─ rerank [RERANKER]                                                    95.0ms  ···▌················
├─ research [AGENT]                                                      1.61s  ···█████████▍·······
│  ├─ openai.chat [CHAT_MODEL] gpt-4o-mini 1,204 tok                     720ms  ···████▎············
│  ├─ lookup_city [TOOL] ERROR KeyError: 'city'                         31.0ms  ········▏···········
│  └─ openai.chat [CHAT_MODEL] gpt-4o-mini 1,311 tok                     835ms  ········████▉·······
├─ openai.chat [CHAT_MODEL] gpt-4o 9,403 tok                             1.12s  ·············██████▌
└─ parse_answer [PARSER]                                                14.0ms  ···················▏"""


def test_an_agent_trace_is_a_tree_with_bars():
    assert render_text([agent_trace()]) == AGENT


def test_many_traces_are_one_line_when_compact():
    many = [agent_trace(), *(wide_trace(2) for _ in range(4))]

    assert render_text(many, mode="compact") == (
        "5 traces  1 error  p50 10.0s  p95 10.0s  12.3k tok  $0.021"
    )
    assert render_text(many, mode="compact", total=500) == (
        "500 traces; the first 5 are summed up  1 error  p50 10.0s  p95 10.0s"
        "  12.3k tok  $0.021"
    )
    assert render_text(many[:1], mode="compact") == AGENT.splitlines()[0]


def test_ascii_mode_draws_with_ascii_alone(monkeypatch):
    monkeypatch.setenv("SPANTREE_ASCII", "1")

    text = render_text([agent_trace()])

    assert text.isascii()
    assert "|  |- openai.chat [CHAT_MODEL] gpt-4o-mini 1,204 tok" in text
    assert "|- retrieve [RETRIEVER] x6" in text
    assert text.endswith("#") and ".............#######" in text


@pytest.mark.parametrize("count", [1, 10, 41, 60, 1000])
def test_text_stays_within_lines_cells_and_bytes(count):
    text = render_text([wide_trace(count)])

    lines = text.split("\n")
    assert len(lines) <= 42
    assert max(map(cell_width, lines)) <= 100
    assert len(text.encode()) <= 4000


def test_what_is_left_out_is_counted():
    text = render_text([wide_trace(1000)])

    lines = text.split("\n")
    told = len(lines) - 2
    assert lines[-1] == f"… {1000 - told} more spans: %trace last"


def test_text_is_the_same_every_time():
    assert render_text([wide_trace(300)]) == render_text([wide_trace(300)])


def test_errors_are_kept_when_rows_are_left_out():
    spans = [span(1, None, "root", ms=1000)]
    spans += [span(at, 1, f"s{at}", start_ms=at, ms=50) for at in range(2, 200)]
    spans += [span(200, 150, "deep", start_ms=151, ms=0.1, error=("ValueError", "no"))]

    text = render_text([trace(spans)])

    assert "deep ERROR ValueError: no" in text
    assert "s150" in text


def test_runs_with_a_failed_member_are_not_folded():
    spans = [span(1, None, "root", ms=100)]
    spans += [span(at, 1, "fetch", "TOOL", at, 1) for at in range(2, 8)]
    spans[4] = span(5, 1, "fetch", "TOOL", 5, 1, error=("OSError", "gone"))

    text = render_text([trace(spans)])

    assert "×" not in text
    assert text.count("fetch") == 6


def test_folded_spans_below_are_counted_as_left_out():
    spans = [span(1, None, "root", ms=100)]
    spans += [span(at, 1, "fetch", "TOOL", at, 1) for at in range(2, 8)]
    spans += [span(at + 20, at, "read", start_ms=at, ms=0.5) for at in range(2, 8)]

    text = render_text([trace(spans)])

    assert "fetch [TOOL] ×6" in text
    assert "… 6 more spans" in text


def test_open_spans_are_drawn_in_words(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    spans = [span(1, None, "root", ms=None), span(2, 1, "call", "LLM", 5, None)]
    running = trace(spans, TraceState.IN_PROGRESS)

    live = render_text([running], live=True)
    saved = render_text([running])
    ended = render_text([trace(spans, TraceState.INTERRUPTED)])

    assert live.startswith("root  running since 12:03:12  2 spans")
    assert "call [LLM] running " in live
    assert "running when saved (since 12:03:12)" in saved
    assert "interrupted (no end recorded)" in ended
    assert "call [LLM] no end recorded" in ended


def test_streams_left_early_orphans_and_cuts_are_drawn_in_words():
    cut = [{"path": "inputs", "kept": 10, "total": 2010, "unit": "bytes"}]
    spans = [
        span(1, None, "root", ms=100, attributes={"process.pid": 1}),
        span(2, 1, "stream", "LLM", 1, 5, attributes={"spantree.stream.end": "closed"}),
        span(3, 0x3FA9 << 48, "child", start_ms=7),
        span(4, 1, "big", start_ms=9, attributes={"spantree.truncated": cut}),
        span(5, 1, "far", start_ms=11, attributes={"process.pid": 2}),
    ]

    text = render_text([trace(spans)])

    assert "stream [LLM] stopped early" in text
    assert "parent 3fa9… not received" in text
    assert "└─ child" in text
    assert "big truncated, 2 kB" in text
    assert "far other process" in text


def test_lost_spans_are_said():
    text = render_text(
        [
            trace(
                [span(1, None, "a")],
                trace_metadata={"spantree.lost": "12", "spantree.lost.why": "queue"},
            )
        ]
    )

    assert text.endswith("… 12 spans not recorded (queue full)")


def test_deep_spans_are_drawn_flat_with_their_level():
    spans = [span(at, at - 1 or None, f"s{at}", ms=60 - at) for at in range(1, 25)]

    text = render_text([trace(spans)])

    assert "⋯14 s14 " in text
    assert max(map(cell_width, text.split("\n"))) <= 100


def test_a_trace_of_1200_levels_is_drawn():
    spans = [span(at, at - 1 or None, f"s{at}", ms=1300 - at) for at in range(1, 1201)]

    text = render_text([trace(spans)])

    assert len(text.split("\n")) <= 42


def test_hostile_text_is_escaped():
    hostile = "\x1b]8;;http://evil\x07x\x1b[2J\r\n\u202eabc\u200b\x85\u2028"
    text = render_text(
        [
            trace(
                [
                    span(
                        1,
                        None,
                        hostile,
                        hostile,
                        error=(hostile, hostile),
                        model=hostile,
                    )
                ]
            )
        ]
    )

    assert all(character.isprintable() or character == "\n" for character in text)
    assert len(text.splitlines()) == 2
    assert "\\x1b" in text


def test_a_long_name_yields_to_the_error():
    text = render_text(
        [trace([span(1, None, "n" * 200, "t" * 90, error=("KeyError", "x"))])]
    )

    assert "n… [ttttttttttttttttttt…] ERROR KeyError: x" in text


def test_wide_characters_keep_the_columns_aligned():
    text = render_text([trace([span(1, None, "東京" * 60, ms=10), span(2, 1, "ab")])])

    bars = [line for line in text.split("\n")[1:]]
    assert {cell_width(line) for line in bars} == {100}


def test_several_traces_share_the_lines():
    text = render_text([wide_trace(200), wide_trace(200), agent_trace()])

    assert len(text.split("\n")) <= 42
    assert "lookup_city" in text


def test_rows_mode_has_one_line_a_trace():
    text = render_text([agent_trace()] * 6, mode="rows")

    assert text.split("\n") == [AGENT.split("\n", maxsplit=1)[0]] * 6


def test_hundreds_of_rows_say_how_to_see_more():
    text = render_text([agent_trace()] * 100, mode="rows")

    assert text.endswith("more: %traces --last-cell")
    assert len(text.split("\n")) <= 42


def test_table_mode_groups_traces_by_name():
    quick = [trace([span(1, None, "quick", ms=2 + at)]) for at in range(20)]

    text = render_text([*quick, agent_trace()], mode="table", total=30)

    assert text.split("\n")[0] == "30 traces; the first 21 are summed up"
    assert "quick  ×20  p50 11.0ms  p95 20.0ms" in text
    assert "  answer_question  3.42s  KeyError: 'city'" in text


def test_no_traces_says_what_to_do():
    assert render_text([]).startswith("No spans. Decorate a function")
