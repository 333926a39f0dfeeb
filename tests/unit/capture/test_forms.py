"""Each form of the table of values, on the fast and on the slow path."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import json
import math
import pathlib
import types
import uuid

import numpy as np
import pandas as pd
import pydantic
import pytest

from spantree.entities.values import encode, loads
from spantree.recording.capture import capture, capture_arguments

# orjson refuses it, so whatever stands beside it goes the slow way.
FORCES_SLOW_PATH = 2**70


class Color(enum.Enum):
    RED = 1


class Size(str, enum.Enum):
    BIG = "big"


class Level(enum.IntEnum):
    HIGH = 3


class Bits(enum.Flag):
    A = 1
    B = 2


class Plain:
    def __init__(self):
        self.x = 1
        self._hidden = 2
        self.items = [{"deep": {"deeper": [1]}}]


class Slotted:
    __slots__ = ("never_set", "q")

    def __init__(self):
        self.q = 3


class Text(str):
    __slots__ = ()


class Table(dict):
    pass


class Row(list):
    pass


@dataclasses.dataclass
class Point:
    x: int = 1
    y: object = None


@dataclasses.dataclass(slots=True)
class Tight:
    x: int = 1


class Model(pydantic.BaseModel):
    model_config = {"extra": "allow"}
    a: int = 1
    secret: pydantic.SecretStr = pydantic.SecretStr("hush")
    inner: object = None

    @pydantic.computed_field
    def computed(self) -> int:
        raise AssertionError


class FakeTensor:
    shape = (2, 3)
    dtype = "float32"
    device = "cuda:0"


FakeTensor.__module__ = "torch"

Pair = collections.namedtuple("Pair", "a b")
HERE = __name__
UTC = dt.timezone.utc
BIG_ARRAY = np.zeros((100, 2))
FRAME = pd.DataFrame({"a": [1.5, math.nan], "b": ["x", Point()]})


def note(kind, **content):
    return {"$spantree": kind, **content}


def nothing():
    yield


CASES = [
    (None, None),
    (True, True),
    ("text", "text"),
    ("\ud800x", "\\ud800x"),
    ("nul\0", "nul\0"),
    (7, 7),
    (2**63, 2**63),
    (10**4000, 10**4000),
    (10**5000, note("int", bits=16610)),
    (1.5, 1.5),
    (math.inf, math.inf),
    (-math.inf, -math.inf),
    (3 + 2j, "(3+2j)"),
    (decimal.Decimal("1.50"), "1.50"),
    (fractions.Fraction(1, 3), "1/3"),
    (uuid.UUID(int=3), "00000000-0000-0000-0000-000000000003"),
    (pathlib.PurePosixPath("/a/b"), "/a/b"),
    (dt.date(2024, 1, 2), "2024-01-02"),
    (dt.time(3, 4), "03:04:00"),
    (dt.datetime(2024, 1, 1), "2024-01-01 00:00:00"),
    (dt.datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01 00:00:00+00:00"),
    (dt.timedelta(days=3), "3 days, 0:00:00"),
    (range(3), "range(0, 3)"),
    (Size.BIG, "big"),
    (Level.HIGH, 3),
    (b"abc", "b'abc'"),
    (bytearray(b"q"), "b'q'"),
    (memoryview(b"q"), "b'q'"),
    (b"x" * 100, note("bytes", type="bytes", size=100, head="78" * 64)),
    ((1, (2,)), [1, [2]]),
    (Pair(1, [2]), [1, [2]]),
    (collections.deque([1, 2]), [1, 2]),
    (Row([1]), [1]),
    ({1}, "{1}"),
    (frozenset({"a"}), "frozenset({'a'})"),
    (set(), "set()"),
    ({(1, (2,))}, [[1, [2]]]),
    ({1: "a", None: "b", 1.5: "d"}, {"1": "a", "null": "b", "1.5": "d"}),
    ({True: 1, False: 0}, {"true": 1, "false": 0}),
    ({(1, "a"): 2}, {"(1, 'a')": 2}),
    ({Point: 1}, {f"<class {HERE}.Point>": 1}),
    ({Plain: 1, object: 2}, {f"<class {HERE}.Plain>": 1, "<class object>": 2}),
    ({Text("k"): Text("v")}, {"k": "v"}),
    (Table(a=[1]), {"a": [1]}),
    (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (collections.defaultdict(list, a=[1]), {"a": [1]}),
    (collections.Counter("aab"), {"a": 2, "b": 1}),
    ({"$spantree": 1, "$$spantree": 2, "x": 3}, {"$spantree": 1, "$$spantree": 2, "x": 3}),
    (np.int64(3), 3),
    (np.float64(1.5), 1.5),
    (np.bool_(True), True),
    (np.str_("s"), "s"),
    (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
    (
        BIG_ARRAY,
        note("ndarray", type="numpy.ndarray", shape=[100, 2], dtype="float64", head=[0.0] * 16),
    ),
    (
        np.array([Plain()]),
        note("ndarray", type="numpy.ndarray", shape=[1], dtype="object"),
    ),
    (
        pd.Series([1, 2], name="n"),
        note(
            "dataframe",
            type=f"{pd.Series.__module__}.Series",  # pandas 3 has it in `pandas` itself
            shape=[2],
            name="n",
            dtype="int64",
            head=[1, 2],
        ),
    ),
    (pd.Timestamp("2024-01-01"), "2024-01-01 00:00:00"),
    (pd.NaT, "NaT"),
    (Model(), {"a": 1, "secret": "**********", "inner": None}),
    (Model(extra=[1]), {"a": 1, "secret": "**********", "inner": None, "extra": [1]}),
    (Model(inner=Model()), {"a": 1, "secret": "**********", "inner": {"a": 1, "secret": "**********", "inner": None}}),
    (Point(1, {2}), {"x": 1, "y": "{2}"}),
    (Tight(), {"x": 1}),
    (
        Plain(),
        note(
            "object",
            type=f"{HERE}.Plain",
            fields={"x": 1, "items": [{"deep": note("truncated", type="dict", items=1, kept=0, levels=2)}]},
        ),
    ),
    (Slotted(), note("object", type=f"{HERE}.Slotted", fields={"q": 3})),
    (types.SimpleNamespace(a=1), note("object", type="types.SimpleNamespace", fields={"a": 1})),
    (nothing, f"<function {HERE}.nothing>"),
    (math.sqrt, "<function math.sqrt>"),
    (len, "<function len>"),
    (Plain, f"<class {HERE}.Plain>"),
    (int, "<class int>"),
    (math, "<module math>"),
    (ValueError("no"), note("exception", type="ValueError", message="no")),
    (KeyError("k"), note("exception", type="KeyError", message="'k'")),
    (OSError(2, "gone"), note("exception", type="FileNotFoundError", message="[Errno 2] gone")),
    (nothing(), note("object", type="generator")),
    (iter([]), note("object", type="list_iterator")),
    (functools.partial(len), note("object", type="functools.partial", fields={})),
    (object(), note("object", type="object")),
]  # fmt: skip


def read(captured):
    """The JSON of a captured value, strictly read."""
    text = encode(captured)
    json.loads(text, parse_constant=pytest.fail)
    return loads(text)


@pytest.mark.parametrize(("value", "stored"), CASES, ids=lambda v: type(v).__name__)
def test_a_value_is_stored_in_its_form(value, stored):
    assert read(capture(value)) == stored


@pytest.mark.parametrize(("value", "stored"), CASES, ids=lambda v: type(v).__name__)
def test_both_paths_store_the_same(value, stored):
    fast = read(capture([value, 1]))
    slow = read(capture([value, FORCES_SLOW_PATH]))

    assert fast[0] == stored
    assert slow[0] == stored


def test_nan_is_valid_json_and_a_nan_when_read():
    for value in (math.nan, [math.nan], {"a": {"b": math.nan}}, (None, math.nan)):
        text = encode(capture(value))

        assert b'{"$spantree":"float","value":"nan"}' in text
        json.loads(text, parse_constant=pytest.fail)
    assert math.isnan(read(capture([math.nan]))[0])


def test_a_null_is_told_from_a_nan():
    assert capture([None, 1.5]) == b"[null,1.5]"


@pytest.mark.parametrize("value", [Model(inner=math.nan), Point(math.nan)])
def test_a_nan_inside_an_object_is_found(value):
    assert b'"value":"nan"' in capture([value])


def test_an_enum_shows_its_name_as_an_argument():
    assert capture(Color.RED) == "Color.RED"
    assert capture_arguments({"c": Color.RED}) == {"c": "Color.RED"}
    assert capture(Bits.A | Bits.B) in ("Bits.3", "Bits.A|B")


def test_a_frame_is_stored_by_its_head():
    stored = read(capture(FRAME))

    assert stored["shape"] == [2, 2]
    assert stored["columns"] == {"a": "float64", "b": "object"}
    assert stored["head"][0] == {"a": 1.5, "b": "x"}
    assert stored["head"][1]["b"] == {"x": 1, "y": None}


def test_frames_with_twice_the_same_column_keep_both():
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])

    assert read(capture(frame))["head"] == [{"a": 1, "a'": 2}]


def test_a_tensor_is_described_without_its_data(monkeypatch):
    torch = types.ModuleType("torch")
    torch.Tensor = FakeTensor
    monkeypatch.setitem(__import__("sys").modules, "torch", torch)

    assert read(capture(FakeTensor())) == note(
        "tensor",
        type="torch.FakeTensor",
        shape=[2, 3],
        dtype="float32",
        device="cuda:0",
    )


def test_a_picture_is_described_without_loading_it():
    class Image:
        def __init__(self):
            self._size = (4, 5)
            self._mode = "RGB"

    module = types.ModuleType("PIL.Image")
    module.Image = Image
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "PIL.Image", module)
        stored = read(capture(Image()))

    assert stored["$spantree"] == "image"
    assert (stored["size"], stored["mode"]) == ([4, 5], "RGB")


def test_an_unknown_time_zone_is_not_asked():
    class Zone(dt.tzinfo):
        def utcoffset(self, _):
            raise AssertionError

    assert capture(dt.datetime(2024, 1, 1, tzinfo=Zone())) == "2024-01-01 00:00:00"


def test_a_cycle_is_cut_where_it_returns():
    ring = [1]
    ring.append(ring)

    assert capture(ring) == b'[1,{"$spantree":"ref"}]'
    assert capture({"r": ring}) == b'{"r":[1,{"$spantree":"ref"}]}'


def test_a_cycle_of_objects_is_cut_alike_on_both_paths():
    parent, child = Point(), Plain()
    child.items = [parent]
    parent.y = child

    fast, slow = capture([child]), capture([child, FORCES_SLOW_PATH])

    assert read(fast)[0] == read(slow)[0]


def test_a_shared_object_is_written_each_time():
    shared = [1]

    assert capture([shared, shared, FORCES_SLOW_PATH]).startswith(b"[[1],[1],")


def test_scalar_arguments_are_kept_by_reference():
    arguments = {"a": 1, "b": "x" * 900_000, "c": None}

    assert capture_arguments(arguments) is arguments
    assert arguments["b"] is capture(arguments["b"])


def test_containers_are_encoded_at_once():
    assert capture_arguments({"a": [1], "b": "x"}) == b'{"a":[1],"b":"x"}'
