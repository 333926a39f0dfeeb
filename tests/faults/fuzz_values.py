"""Random hostile values through capture and redaction: nothing may come out but JSON.

``SPANTREE_SEED`` repeats a run, ``SPANTREE_FUZZ`` sets the number of values:
``SPANTREE_FUZZ=1000000 python tests/faults/fuzz_values.py`` is the long one.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import os
import random
import sys
import types
import uuid

from spantree.entities.values import decode, encode
from spantree.recording.capture import capture, capture_arguments, report_failures_to
from spantree.recording.redaction import Redactor

VALUES = int(os.environ.get("SPANTREE_FUZZ", "10000"))
SEED = int(os.environ.get("SPANTREE_SEED", "0")) or random.SystemRandom().getrandbits(
    32
)

HOOKS = (
    "__repr__ __str__ __len__ __bool__ __iter__ __getitem__ __getattr__ __eq__ __hash__ "
    "__contains__ __format__ __index__ __int__ __float__ __bytes__ __reduce_ex__ __dir__ "
    "__sizeof__ __call__ __enter__ __fspath__ __copy__ __deepcopy__ __array__ keys items "
    "model_dump dict __await__ __next__ __aiter__ __length_hint__ __get__ __set_name__"
).split()
ERRORS = (
    SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError, MemoryError, ValueError, StopIteration,
)  # fmt: skip
BASES = (
    object,
    dict,
    list,
    tuple,
    str,
    int,
    float,
    bytes,
    bytearray,
    set,
    frozenset,
    Exception,
    dt.datetime,
    dt.date,
)


class Ran(BaseException):
    """Code of a value's ran."""


armed = [False]


def hook(error):
    def method(*arguments, **options):
        if armed[0]:
            raise Ran(error) from None
        raise error

    return method


class Color(enum.Enum):
    RED = [1, 2]
    BLUE = object()


@dataclasses.dataclass
class Record:
    a: object
    b: object = None


class Slotted:
    __slots__ = ("a", "never")

    def __init__(self, a):
        self.a = a


class Tree:
    def __init__(self, a):
        self.a = a
        self.me = self


def surrogates(rng):
    return "".join(
        chr(rng.choice([0, 7, 34, 92, 0x7F, 0xE9, 0xD800, 0xDFFF, 0x2028, 0x1F600]))
        for _ in range(rng.randint(0, 30))
    )


def deep(rng, depth):
    value = rng.random()
    for _ in range(depth):
        value = rng.choice(
            [lambda v: [v], lambda v: {"k": v}, lambda v: (v, 1), lambda v: Record(v)]
        )(value)
    return value


def hostile(rng):
    base = rng.choice(BASES)
    error = rng.choice(ERRORS)
    content = {
        name: hook(error) for name in rng.sample(HOOKS, rng.randint(1, len(HOOKS)))
    }
    content.pop("__set_name__", None)
    content.pop("__hash__", None)
    if rng.random() < 0.5:
        content["__getattribute__"] = hook(error)
    if rng.random() < 0.5:
        content["__class__"] = property(hook(error))
    if rng.random() < 0.2:
        content["__dict__"] = property(hook(error))
    kind = type(rng.choice(["Hostile", "m\n", "é"]), (base,), content)
    if base in (dt.datetime, dt.date):
        return base.__new__(kind, 2024, 1, 1)
    return base.__new__(kind)


def cycle(rng):
    value = rng.choice([list, dict, collections.deque, collections.OrderedDict])()
    inner = [value, {"v": value}, Record(value), Tree(value)]
    if isinstance(value, dict):
        value["inner"] = inner
    else:
        value.append(inner)
    return value


def forever():
    while True:
        yield 1


LEAVES = (
    lambda r: None,
    lambda r: r.random() < 0.5,
    lambda r: r.choice([0, -1, 2**63, -(2**64), 10**30, 10**5000, r.getrandbits(63)]),
    lambda r: r.choice([0.0, -0.0, 1e308, float("nan"), float("inf"), float("-inf"), r.random()]),
    surrogates,
    lambda r: r.choice(["", "$spantree", "$$spantree", "password=hunter2!", "api_key: ", "\x00" * 50, "null", '{"password": "x'])
    * r.randint(0, 20),
    lambda r: "sk-" + "a1" * r.randint(0, 300),
    lambda r: json.dumps({"password": surrogates(r), "a": {"token": "x" * 30}}),
    lambda r: "é" * r.randint(0, 3_000),
    lambda r: bytes(r.getrandbits(8) for _ in range(r.randint(0, 200))),
    lambda r: bytearray(r.randint(0, 100)),
    lambda r: memoryview(bytes(r.randint(0, 100)))[:: r.choice([1, 2, -1])],
    lambda r: "data:image/png;base64," + "QUJD" * r.randint(0, 2_000),
    lambda r: r.choice([dt.datetime.min, dt.date.max, dt.time(1, fold=1), dt.timedelta.max, decimal.Decimal("sNaN"), uuid.UUID(int=1)]),
    lambda r: r.choice([Color.RED, Color.BLUE, Color, len, forever, forever(), types, sys, range(10**9), ..., NotImplemented, object()]),
    lambda r: r.choice([ValueError(), OSError(1, "x"), KeyError(object()), SystemExit(3), UnicodeDecodeError("utf-8", b"x", 0, 1, "r")]),
    lambda r: deep(r, r.choice([3, 3, 10, 60, 64, 65, 260, 1_000])),
    lambda r: [r.random()] * r.choice([1, 10, 100, 100, 100, 100, 100, 10_001]),
    hostile, hostile, hostile, cycle,
)  # fmt: skip


def key(rng):
    found = rng.choice(
        [surrogates(rng), "$spantree", "$$spantree", "password", "a", 1, 1.5, float("nan"), None, True, (1, "a"), (1, (2,)), b"k", 10**5000, Color.RED, dt.date.min, object(), frozenset([1])]
    )  # fmt: skip
    return found


def generate(rng, depth=0):
    """One value; most are small, some are huge."""
    if depth > 3 or rng.random() < 0.35:
        return rng.choice(LEAVES)(rng)
    inner = [generate(rng, depth + 1) for _ in range(rng.randint(0, 5))]
    make = rng.choice(
        [
            list,
            tuple,
            collections.deque,
            lambda v: {key(rng): x for x in v},
            lambda v: collections.OrderedDict((key(rng), x) for x in v),
            lambda v: collections.namedtuple("Row", [f"f{i}" for i in range(len(v))])(
                *v
            ),
            lambda v: Record(*v[:1] or [1]),
            lambda v: Slotted(v),
            lambda v: Tree(v),
            lambda v: types.SimpleNamespace(**{f"f{i}": x for i, x in enumerate(v)}),
        ]
    )
    return make(inner)


def check(value, redactor):
    """Send one value through; raises what comes out."""
    armed[0] = True
    cuts = []
    try:
        captured = [capture(value, cuts), capture_arguments({"value": value, "n": 1})]
        captured += [capture([value, 2**70])]
        redacted = [redactor.redact(one) for one in captured]
    finally:
        armed[0] = False
    for one in captured + redacted:
        text = encode(one)
        json.loads(text.decode("utf-8"), parse_constant=_refuse)
        decode(one)
        assert len(text) < 7_000_000
    json.dumps(cuts, allow_nan=False)


def _refuse(constant):
    raise ValueError(constant)


def _raise(site, error):
    raise AssertionError(site) from error


def run(seed, count):
    """Check a number of values; a failure names the seed that repeats it."""
    report_failures_to(_raise)
    redactor = Redactor()
    try:
        for number in range(count):
            rng = random.Random(f"{seed}/{number}")
            value = generate(rng)
            try:
                check(value, redactor)
            except BaseException as error:
                raise AssertionError(
                    f"SPANTREE_SEED={seed}, value {number}: {error!r}"
                ) from error
    finally:
        report_failures_to(None)


def test_no_value_gets_anything_out_of_capture_but_json():
    print(f"SPANTREE_SEED={SEED}")
    run(SEED, VALUES)


def main():
    print(f"SPANTREE_SEED={SEED} SPANTREE_FUZZ={VALUES}")
    run(SEED, VALUES)
    print("nothing escaped")


if __name__ == "__main__":
    main()
