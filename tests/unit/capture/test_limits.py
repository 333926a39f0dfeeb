"""Every value is bounded, and says what is missing."""

from __future__ import annotations

import json
import time

import numpy as np
import pandas as pd
import pytest

from spantree.entities.values import encode
from spantree.recording.capture import (
    Limits,
    capture,
    capture_arguments,
    configure_limits,
    encoding,
    register_serializer,
)

HANG_S = 60


@pytest.fixture
def limits():
    """Put other limits in force until the end of the test."""
    before = configure_limits()
    yield lambda **changes: configure_limits(Limits(**changes))
    configure_limits(before)


def deep_list(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def wide_deep(depth):
    value = {"end": 1}
    for _ in range(depth):
        value = {"x": value, "y": [1, 2]}
    return value


HUGE = {
    "list": lambda: list(range(1_000_000)),
    "list in a list": lambda: [list(range(1_000_000))],
    "dict": lambda: {f"k{i}": i for i in range(300_000)},
    "dict of integers": lambda: dict.fromkeys(range(300_000)),
    "set": lambda: set(range(1_000_000)),
    "text": lambda: "x" * 50_000_000,
    "text in a dict": lambda: {"messages": [{"content": "x" * 50_000_000}]},
    "text in a set": lambda: {"x" * 50_000_000},
    "text in an error": lambda: KeyError("x" * 50_000_000),
    "wide text": lambda: "é" * 20_000_000,
    "bytes": lambda: bytes(50_000_000),
    "array": lambda: np.zeros((1_000_000, 10)),
    "frame": lambda: pd.DataFrame(np.zeros((1_000_000, 10))),
    "deep": lambda: deep_list(100_000),
    "deep dicts": lambda: wide_deep(50_000),
    "matrix": lambda: [[1.5] * 1_000 for _ in range(2_000)],
    "many texts": lambda: ["x" * 1_000] * 9_000,
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_value_is_cut_and_says_so(name):
    value = HUGE[name]()
    cuts = []

    start = time.perf_counter()
    text = encode(capture(value, cuts))
    arguments = encode(capture_arguments({"value": value}))
    took = time.perf_counter() - start

    assert took < HANG_S
    assert len(text) < 1_300_000
    assert len(arguments) < 1_300_000
    json.loads(text)
    json.loads(arguments)
    assert cuts or b'"$spantree"' in text
    for cut in cuts:
        assert set(cut) == {"path", "kept", "total", "unit"}


def test_long_text_stays_text():
    cuts = []

    text = capture("x" * 50_000_000, cuts)

    assert text == "x" * 1_000_000 + "… [truncated, 49,000,000 more bytes]"
    assert cuts == [
        {"path": "", "kept": 1_000_000, "total": 50_000_000, "unit": "bytes"}
    ]


def test_long_text_of_wide_characters_is_cut_between_them():
    text = capture("é" * 600_000)

    assert text.startswith("é" * 500_000 + "… [truncated, 100,000 more characters]")


def test_a_megabyte_of_wide_text_is_measured_in_bytes():
    text = "é" * 500_000

    assert capture(text) is text


def test_what_follows_a_cut_text_becomes_a_note():
    cuts = []

    stored = json.loads(capture_arguments({"a": ["x" * 2_000_000, 1, 2], "b": 1}, cuts))

    assert stored["a"][1] == {
        "$spantree": "truncated",
        "type": "list",
        "items": 3,
        "kept": 1,
    }
    assert stored["…"] == {
        "$spantree": "truncated",
        "type": "dict",
        "items": 2,
        "kept": 1,
    }
    assert [cut["path"] for cut in cuts] == ["a.0", "a", ""]


@pytest.mark.parametrize("inner", [lambda v: v, lambda v: {"a": {"b": {"c": v}}}])
def test_items_beyond_the_limit_become_a_note(inner, limits):
    cuts = []

    # Not the limit of time, which a busy machine may reach first.
    limits(max_time_ms=60_000)
    stored = json.loads(capture(inner(list(range(10_001))), cuts))
    while type(stored) is dict:
        stored = next(iter(stored.values()))

    assert len(stored) == 10_001
    assert stored[-1] == {
        "$spantree": "truncated",
        "type": "list",
        "items": 10_001,
        "kept": 10_000,
    }
    assert [(cut["kept"], cut["total"], cut["unit"]) for cut in cuts] == [
        (10_000, 10_001, "items")
    ]


def test_a_dict_keeps_its_note_under_an_ellipsis(limits):
    limits(max_items=2)

    assert json.loads(capture({"a": 1, "b": 2, "c": 3})) == {
        "a": 1,
        "b": 2,
        "…": {"$spantree": "truncated", "type": "dict", "items": 3, "kept": 2},
    }


def test_nodes_are_limited(limits):
    limits(max_nodes=10)
    cuts = []

    stored = json.loads(capture([[1, 2, 3, 4]] * 5 + [2**70], cuts))

    assert stored[-1]["nodes"] == 10
    assert cuts[-1]["unit"] == "items"


@pytest.mark.parametrize(
    "value", [[1, 2, 3, 4], {"a": [1, 2, 3, 4]}, [[1], [2], [3]], [{}] * 4]
)
def test_few_nodes_are_limited_too(value, limits):
    limits(max_nodes=3)
    cuts = []

    assert b'"nodes":3' in capture(value, cuts)
    assert [cut["unit"] for cut in cuts] == ["items"]


def knot(branches):
    made = []
    made.extend([made] * branches)
    return made


@pytest.mark.parametrize("branches", [2, 3, 50])
def test_what_holds_itself_by_several_branches_is_measured_at_once(
    branches, monkeypatch
):
    looked_at = []
    is_container = encoding._is_container  # noqa: SLF001 - how often it looks

    def counting(value):
        looked_at.append(1)
        return is_container(value)

    monkeypatch.setattr(encoding, "_is_container", counting)

    assert capture(knot(branches)).count(b'"ref"') == branches
    assert len(looked_at) < 3_000


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("depth", [63, 64, 65, 66])
def test_depth_is_limited_alike_on_both_paths(depth, wide):
    value = wide_deep(depth - 1) if wide else deep_list(depth)
    cuts = []

    fast = capture(value, cuts)
    slow = capture([value, 2**70])

    assert (b'"depth":64' in fast) == (depth > 64)
    assert (b'"depth":64' in slow) == (depth > 63)
    assert bool(cuts) == (depth > 64)


def test_time_is_limited(limits):
    limits(max_time_ms=0.000_001)
    cuts = []

    stored = capture([[1]] * 1_000 + [2**70], cuts)

    assert b'"time_ms"' in stored
    assert cuts[-1]["unit"] == "time"


class Waiting:
    """Its serializer takes no time of the processor's, as a thread that has to wait."""


def test_only_time_of_the_processor_counts(limits):
    def waits(_value):
        time.sleep(0.05)
        return "waited"

    limits(max_time_ms=200)
    register_serializer(Waiting, waits)
    cuts = []

    stored = capture([Waiting() for _ in range(5)] + [1] * 1_000 + [2**70], cuts)

    assert json.loads(stored)[:6] == ["waited"] * 5 + [1]
    assert cuts == []


def test_values_at_the_limit_are_whole():
    cuts = []

    assert len(json.loads(capture(list(range(10_000)), cuts))) == 10_000
    assert cuts == []


def test_an_object_with_a_huge_field_is_bounded():
    class Holder:
        def __init__(self):
            self.rows = [[1] * 100] * 1_000_000

    cuts = []
    json.loads(capture([Holder()], cuts))

    assert {cut["path"] for cut in cuts} >= {"0.fields.rows"}


@pytest.mark.parametrize(
    "changes", [{"max_bytes": 0}, {"max_depth": 500}, {"max_items": -1}]
)
def test_impossible_limits_are_refused(changes):
    with pytest.raises(ValueError, match="must be"):
        Limits(**changes)


def test_a_secret_on_the_cut_is_left_out_whole():
    secret = "sk-" + "a1" * 20
    value = "x" * 999_980 + " " + secret + " tail" * 10

    assert "sk-" not in capture(value)


@pytest.mark.parametrize("max_depth", [1, 2, 3, 5, 6, 7, 9])
def test_few_levels_are_limited_too(max_depth, limits):
    limits(max_depth=max_depth)
    cuts = []
    value = 1
    for _ in range(10):
        value = [value]

    stored = json.loads(capture(value, cuts))

    for _ in range(max_depth):
        (stored,) = stored
    assert stored["$spantree"] == "truncated"
    assert [cut["unit"] for cut in cuts] == ["depth"]
