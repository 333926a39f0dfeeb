"""Values of libraries that a program has imported: described, never asked for data."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from spantree.entities.values import encode, loads
from spantree.recording.capture import capture

# orjson refuses it, so whatever stands beside it goes the slow way.
FORCES_SLOW_PATH = 2**70


@attrs.define
class Defined:
    x: int = 1
    inner: object = None


def stored(value):
    fast, slow = (loads(encode(capture([value, by]))) for by in (1, FORCES_SLOW_PATH))
    assert fast[0] == slow[0] == loads(encode(capture(value)))
    return fast[0]


def test_an_attrs_class_is_its_fields():
    assert stored(Defined(inner=Defined())) == {
        "x": 1,
        "inner": {"x": 1, "inner": None},
    }


def test_a_msgspec_class_is_its_fields():
    msgspec = pytest.importorskip("msgspec")
    base = msgspec.defstruct("Base", ["q"])
    kind = msgspec.defstruct("Kind", [("r", list)], bases=(base,))

    assert stored(kind(q=1, r=[kind(2, [])])) == {"q": 1, "r": [{"q": 2, "r": []}]}


@pytest.mark.parametrize(
    ("value", "description"),
    [
        (pl.DataFrame({"a": [1, 2]}), {"shape": [2, 1], "schema": {"a": "Int64"}}),
        (pl.Series("s", [1, 2]), {"shape": [2]}),
        (pa.table({"a": [1]}), {"shape": [1, 1], "schema": "a: int64"}),
    ],
)
def test_a_table_is_described_without_its_rows(value, description):
    found = stored(value)

    assert found.pop("$spantree") == "table"
    assert found.pop("type").startswith(type(value).__module__.split(".")[0])
    assert found == description


def test_an_index_is_stored_by_its_head():
    assert stored(pd.Index(range(30), name="i")) == {
        "$spantree": "dataframe",
        "type": f"{pd.RangeIndex.__module__}.RangeIndex",
        "shape": [30],
        "name": "i",
        "dtype": "int64",
        "head": list(range(10)),
    }


def test_of_a_wide_frame_50_columns_and_10_rows_are_kept():
    found = stored(pd.DataFrame(np.zeros((30, 80))))

    assert found["shape"] == [30, 80]
    assert len(found["columns"]) == 50
    assert [len(row) for row in found["head"]] == [50] * 10


def test_a_frame_of_long_cells_is_kept_in_64_kb():
    texts = {f"c{n}": ["x" * 10_000] * 20 for n in range(60)}

    captured = capture(pd.DataFrame(texts))

    assert len(captured) <= 64_000
    assert json.loads(captured)["shape"] == [20, 60]
