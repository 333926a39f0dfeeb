"""A cell's output: three MIME types within one budget."""

from __future__ import annotations

import json
import random

import nbformat
import pytest
from unit.render.drawn_traces import agent_trace, span, trace, wide_trace
from unit.render.sanitizer import Checked

from spantree.render import FULL, LIVE, MIME, mime_bundle
from spantree.render.budget import bundle_bytes

KEY = "0123456789abcdef"
RANDOM = random.Random(3)
NOISE = "".join(
    RANDOM.choice('abcdefghijklmnopqrstuvwxyz äöü\n"<') for _ in range(1_000_000)
)
CEILINGS = {10: 12_000, 100: 50_000, 1_000: 120_000, 10_000: 400_000}


def saved_bytes(bundle):
    """Count what a notebook file gains by an output."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()])
    before = len(nbformat.writes(notebook).encode())
    notebook.cells[0].outputs = [nbformat.v4.new_output("display_data", data=bundle)]
    return len(nbformat.writes(notebook).encode()) - before


def test_there_are_three_types_and_no_widget():
    assert list(mime_bundle([agent_trace()], key=KEY)) == [
        MIME,
        "text/html",
        "text/plain",
    ]


@pytest.mark.parametrize(
    "value", [None, NOISE, {"text": NOISE[:40_000]}], ids=["small", "1 MB", "40 kB"]
)
@pytest.mark.parametrize("spans", CEILINGS)
def test_outputs_stay_below_their_ceiling_in_the_notebook_file(spans, value):
    bundle = mime_bundle([wide_trace(spans, value)], key=KEY)

    assert saved_bytes(bundle) <= CEILINGS[spans]


def test_hostile_names_tags_and_errors_stay_below_the_ceiling():
    noise = iter(range(0, 900_000, 250))
    names = [NOISE[at : at + 250] for at in noise]
    spans = [
        span(
            at + 1,
            at or None,
            names[at],
            names[at + 50],
            ms=100 - at,
            error=(names[at], names[at + 99]),
            model=names[at + 9],
        )
        for at in range(10)
    ]
    tags = {names[at]: "\x00" * 200 for at in range(20)}

    bundle = mime_bundle(
        [trace(spans, tags=tags, request_preview="\x01" * 1000)], key=KEY
    )

    assert saved_bytes(bundle) <= 12_000
    assert bundle[MIME]["traces"][0]["cut"]["tags"] > 0


def test_the_count_of_bytes_is_that_of_the_notebook_file():
    bundle = mime_bundle([agent_trace()], key=KEY)

    assert 0 <= saved_bytes(bundle) - bundle_bytes(bundle) < 120


def test_several_traces_share_one_megabyte():
    bundle = mime_bundle(
        [wide_trace(800, NOISE) for _ in range(6)], key=KEY, mode="rows", budget=FULL
    )

    assert 500_000 < saved_bytes(bundle) <= 1_000_000
    assert len(bundle[MIME]["traces"]) == 6


def test_full_outputs_keep_more():
    lean = mime_bundle([wide_trace(100, NOISE[:9_000])], key=KEY)[MIME]["traces"][0]
    full = mime_bundle([wide_trace(100, NOISE[:9_000])], key=KEY, budget=FULL)[MIME][
        "traces"
    ][0]

    assert lean["cut"] != {}
    assert full["cut"] == {}


def test_live_updates_stay_below_20_kb():
    bundle = mime_bundle([wide_trace(2000)], key=KEY, live=True, budget=LIVE)

    assert saved_bytes(bundle) <= 20_000


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_cut_is_said_in_all_three_types(count):
    made = [wide_trace(100, NOISE) for _ in range(count)]

    bundle = mime_bundle(made, key=KEY)

    assert all(one["cut"]["body_bytes"] > 0 for one in bundle[MIME]["traces"])
    assert "not saved here" in Checked(bundle["text/html"]).text
    assert "not saved here" in bundle["text/plain"]


def test_a_small_trace_is_saved_whole_without_a_note():
    bundle = mime_bundle([agent_trace()], key=KEY)

    assert bundle[MIME]["traces"][0]["cut"] == {}
    assert "not saved" not in bundle["text/html"] + bundle["text/plain"]


def test_lost_spans_are_said_in_all_three_types():
    made = trace(
        [span(1, None, "a")],
        trace_metadata={"spantree.lost": "3", "spantree.lost.why": "crash"},
    )

    bundle = mime_bundle([made], key=KEY)

    assert bundle[MIME]["traces"][0]["lost"] == {"n": 3, "why": "crash"}
    assert "3 spans not recorded" in bundle["text/html"]
    assert "3 spans not recorded" in bundle["text/plain"]


@pytest.mark.parametrize("spans", [10, 100, 1000])
def test_html_and_text_keep_their_form_with_the_note(spans):
    bundle = mime_bundle([wide_trace(spans, NOISE)], key=KEY)

    lines = bundle["text/plain"].split("\n")
    assert Checked(bundle["text/html"]).problems == []
    assert len(lines) <= 42
    assert len(bundle["text/plain"].encode()) <= 4000


def test_a_bundle_is_the_same_every_time():
    one, other = (mime_bundle([wide_trace(300)], key=KEY) for _ in range(2))

    assert json.dumps(one) == json.dumps(other)


def test_an_empty_cell_gives_a_bundle():
    bundle = mime_bundle([], key=KEY)

    assert bundle[MIME]["traces"] == []
    assert "No spans" in bundle["text/plain"]


@pytest.mark.parametrize("mode", ["tree", "rows", "compact", "table"])
def test_a_trace_without_spans_is_drawn(mode):
    bundle = mime_bundle([trace([])], key=KEY, mode=mode)

    assert "0 spans" in bundle["text/plain"] or mode == "table"
