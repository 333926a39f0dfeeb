"""What is captured no longer changes."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pandas as pd
import pydantic
import pytest

from spantree.entities.values import encode
from spantree.recording.capture import capture, capture_arguments


@dataclasses.dataclass
class Record:
    x: list


class Model(pydantic.BaseModel):
    x: list


class Plain:
    def __init__(self, x):
        self.x = x


def append(value):
    value.append(9)


def nested(value):
    value["a"][0].append(9)


def attribute(value):
    value.x.append(9)
    value.x = 5


def array(value):
    value[0] = 9


def frame(value):
    value.loc[0, "a"] = 9


@pytest.mark.parametrize(
    ("value", "change"),
    [
        ([1], append),
        ({"a": [[1]]}, nested),
        (Record([1]), attribute),
        (Model(x=[1]), attribute),
        (Plain([1]), attribute),
        (np.array([1, 2]), array),
        (pd.DataFrame({"a": [1]}), frame),
        (bytearray(b"abc"), array),
    ],
    ids=lambda v: getattr(v, "__name__", type(v).__name__),
)
def test_a_later_change_does_not_show(value, change):
    captured = capture(value)
    arguments = capture_arguments({"value": value, "n": 1})
    before = encode(captured), encode(arguments)

    change(value)

    assert (encode(captured), encode(arguments)) == before


@pytest.mark.parametrize("length", [10, 1_000, 10_000, 100_000])
def test_what_was_captured_takes_no_more_memory_than_its_text(length):
    capture({"text": "x"})
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()

    captured = capture({"text": "x" * length})

    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2 * len(encode(captured)) + 500
