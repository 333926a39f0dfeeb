"""Random hostile values through capture and redaction: nothing may come out but JSON.

``SPANTREE_SEED`` repeats a run, ``SPANTREE_FUZZ`` sets the number of values:
``SPANTREE_FUZZ=1000000 python tests/faults/fuzz_values.py`` is the long one.
``SPANTREE_SEED=… python tests/faults/fuzz_values.py 12345`` makes that value alone.

Huge values cost a hundred times what the others do. Any of the first 4,000 may be or
hold some; in a longer run every 65th of the others may.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import json
import os
import random
import sys
import types
import uuid

from spantree.entities import SpanEvent
from spantree.entities.values import decode, encode
from spantree.recording import RECORDER, start_span, trace
from spantree.recording.capture import capture, report_failures_to
from spantree.recording.guard import RAISE_INTERNAL_ERRORS
from spantree.recording.open_traces import OpenTraces
from spantree.recording.redaction import Redactor
from spantree.testing import recorded_traces

VALUES = int(os.environ.get("SPANTREE_FUZZ", "10000"))
DENSE, HUGE_EVERY = 4_000, 65
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


def hostile_class(rng):
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
    return type(rng.choice(["Hostile", "m\n", "é"]), (base,), content)


@functools.cache
def known_class(number):
    """Make a hostile class once: to make one costs more than to check its instance."""
    return hostile_class(random.Random(number))


def instance(kind):
    base = kind.__mro__[1]
    if base in (dt.datetime, dt.date):
        return base.__new__(kind, 2024, 1, 1)
    return base.__new__(kind)


def hostile(rng):
    return instance(known_class(rng.randrange(1_000)))


def hostile_of_its_own_class(rng):
    return instance(hostile_class(rng))


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
    lambda r: "sk-" + "a1" * r.randint(0, 30),
    lambda r: json.dumps({"password": surrogates(r), "a": {"token": "x" * 30}}),
    lambda r: "é" * r.randint(0, 300),
    lambda r: bytes(r.getrandbits(8) for _ in range(r.randint(0, 200))),
    lambda r: bytearray(r.randint(0, 100)),
    lambda r: memoryview(bytes(r.randint(0, 100)))[:: r.choice([1, 2, -1])],
    lambda r: "data:image/png;base64," + "QUJD" * r.randint(0, 200),
    lambda r: r.choice([dt.datetime.min, dt.date.max, dt.time(1, fold=1), dt.timedelta.max, decimal.Decimal("sNaN"), uuid.UUID(int=1)]),
    lambda r: r.choice([Color.RED, Color.BLUE, Color, len, forever, forever(), types, sys, range(10**9), ..., NotImplemented, object()]),
    lambda r: r.choice([ValueError(), OSError(1, "x"), KeyError(object()), SystemExit(3), UnicodeDecodeError("utf-8", b"x", 0, 1, "r")]),
    lambda r: deep(r, r.choice([3, 10, 10])),
    lambda r: [r.random()] * r.choice([1, 10, 20]),
    hostile, hostile, hostile,
)  # fmt: skip

HUGE = (
    lambda r: "é" * r.randint(0, 3_000),
    lambda r: "sk-" + "a1" * r.randint(0, 300),
    lambda r: "data:image/png;base64," + "QUJD" * r.randint(0, 2_000),
    lambda r: deep(r, r.choice([60, 64, 65, 260, 1_000])),
    lambda r: [r.random()] * r.choice([100, 100, 100, 10_001]),
    hostile_of_its_own_class, hostile_of_its_own_class, cycle,
)  # fmt: skip


KEYS = (
    "$spantree", "$$spantree", "password", "a", 1, 1.5, float("nan"), None, True, (1, "a"),
    (1, (2,)), b"k", 10**5000, Color.RED, dt.date.min, object(), frozenset([1]),
)  # fmt: skip


def key(rng):
    return surrogates(rng) if rng.random() < 0.1 else rng.choice(KEYS)


def fields(values):
    return {f"f{i}": value for i, value in enumerate(values)}


@functools.cache
def row(width):
    return collections.namedtuple("Row", fields(range(width)))


CONTAINERS = (
    lambda r, v: v,
    lambda r, v: tuple(v),
    lambda r, v: collections.deque(v),
    lambda r, v: {key(r): x for x in v},
    lambda r, v: collections.OrderedDict((key(r), x) for x in v),
    lambda r, v: row(len(v))(*v),
    lambda r, v: Record(*v[:1] or [1]),
    lambda r, v: Slotted(v),
    lambda r, v: Tree(v),
    lambda r, v: types.SimpleNamespace(**fields(v)),
)


def may_be_huge(number):
    return number < DENSE or number % HUGE_EVERY == 0


def generate(seed, number):
    """Make a value, always the same of a seed and number."""
    rng = random.Random(f"{seed}/{number}")
    return tree(rng, LEAVES + HUGE if may_be_huge(number) else LEAVES)


def tree(rng, leaves, depth=0):
    """Make a leaf, or a container of trees."""
    if depth > 3 or rng.random() < 0.45:
        return rng.choice(leaves)(rng)
    inner = [tree(rng, leaves, depth + 1) for _ in range(rng.randint(0, 5))]
    return rng.choice(CONTAINERS)(rng, inner)


@trace
def traced(value):
    return value


def call(value, redactor):
    """Send a value through a traced call, and read the trace."""
    with recorded_traces() as traces:
        assert traced(value) is value
    yield traces[0].to_json().encode()


def told(value, redactor):
    """Tell a span of a value, and read the trace."""
    with recorded_traces() as traces, start_span("told") as span:
        span.set_attribute("value", value)
        span.add_event(SpanEvent("event", attributes={"value": value}))
    yield traces[0].to_json().encode()


def fast(value, redactor):
    """Capture a value in the quickest way that takes it."""
    cuts = []
    yield from texts_of(capture(value, cuts), redactor)
    json.dumps(cuts, allow_nan=False)


def slow(value, redactor):
    """Capture a value beside what only the slow way takes."""
    yield from texts_of(capture([value, 2**70]), redactor)


def texts_of(captured, redactor):
    text = encode(captured)
    yield text
    redacted = redactor.redact(captured)
    decode(redacted)
    if encode(redacted) != text:
        yield encode(redacted)


ROUTES = (call, told, fast, slow)


def check(value, redactor, routes=ROUTES):
    """Send one value through; raises what comes out."""
    for route in routes:
        armed[0] = True
        try:
            texts = list(route(value, redactor))
        finally:
            armed[0] = False
        for text in texts:
            json.loads(text.decode("utf-8"), parse_constant=_refuse)
            assert len(text) < 35_000_000


def routes(number):
    """Give the ways that a value goes: each of most values goes one of them."""
    return ROUTES if may_be_huge(number) else (ROUTES[number % len(ROUTES)],)


def _refuse(constant):
    raise ValueError(constant)


def _raise(site, error):
    raise AssertionError(site) from error


def run(seed, numbers):
    """Check values by number; a failure names the command that repeats it."""
    report_failures_to(_raise)
    redactor = Redactor()
    try:
        for number in numbers:
            value = generate(seed, number)
            try:
                check(value, redactor, routes(number))
            except BaseException as error:
                raise AssertionError(
                    f"SPANTREE_SEED={seed} python {__file__} {number}: {error!r}"
                ) from error
    finally:
        report_failures_to(None)


def test_no_value_gets_anything_out_of_capture_but_json():
    print(f"SPANTREE_SEED={SEED}")
    run(SEED, range(VALUES))


def main():
    os.environ[RAISE_INTERNAL_ERRORS] = "1"
    RECORDER.traces = OpenTraces()
    numbers = [int(text) for text in sys.argv[1:]] or range(VALUES)
    print(f"SPANTREE_SEED={SEED}: {len(numbers)} values")
    run(SEED, numbers)
    print("nothing escaped")


if __name__ == "__main__":
    main()
