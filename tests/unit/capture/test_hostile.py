"""Nothing of the user's runs, nothing escapes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import json
import threading
from concurrent.futures import Future
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from spantree.entities.values import encode
from spantree.recording.capture import (
    capture,
    capture_arguments,
    encoding,
    register_serializer,
)

calls: list[str] = []


class Called(BaseException):
    """Code of the value's ran."""


armed = [False]


def recorder(name, harmless=None):
    def method(*arguments, **options):
        if armed[0]:
            calls.append(name)
            raise Called(name)
        return harmless(*arguments) if harmless else None

    return method


@contextlib.contextmanager
def arm():
    """Let every hook fail from here on."""
    calls.clear()
    armed[0] = True
    try:
        yield
    finally:
        armed[0] = False
    assert calls == []


HOOKS = [
    "__repr__ __str__ __len__ __bool__ __iter__ __next__ __getitem__ __getattr__",
    "__getattribute__ __eq__ __ne__ __hash__ __contains__ __call__ __format__ __index__",
    "__int__ __float__ __bytes__ __reduce__ __reduce_ex__ __dir__ __sizeof__ __lt__",
    "__del__ __enter__ __exit__ __fspath__ __copy__ __deepcopy__ __array__ keys items",
    "model_dump dict to_dict __await__ __aiter__ __instancecheck__ __length_hint__",
]
NAMES = [
    name
    for name in " ".join(HOOKS).split()
    if name not in ("__del__", "__getattribute__")
]


def hostile(*bases, skip=()):
    content = {name: recorder(name) for name in NAMES if name not in skip}
    content["__getattribute__"] = recorder("__getattribute__", object.__getattribute__)
    content["__class__"] = property(recorder("__class__", type))
    return type("Hostile", bases, content)


class Meta(type):
    __eq__ = recorder("meta __eq__", type.__eq__)
    __hash__ = recorder("meta __hash__", type.__hash__)
    __instancecheck__ = recorder("meta __instancecheck__", type.__instancecheck__)
    __subclasscheck__ = recorder("meta __subclasscheck__", type.__subclasscheck__)
    __repr__ = recorder("meta __repr__", type.__repr__)
    __getattribute__ = recorder("meta __getattribute__", type.__getattribute__)
    __name__ = property(recorder("meta __name__", lambda _: "Name"))
    __module__ = property(recorder("meta __module__", lambda _: "module"))
    __mro__ = property(recorder("meta __mro__", lambda _: (object,)))


class Patient(metaclass=Meta):
    pass


class QuerySetLike:
    def __init__(self):
        self._result_cache = None

    __iter__ = recorder("__iter__")
    __len__ = recorder("__len__")
    __getitem__ = recorder("__getitem__")
    __repr__ = recorder("__repr__")


class LazyProperty:
    @property
    def expensive(self):
        return recorder("property")()

    @property
    def __dict__(self):
        return recorder("__dict__")()


class LazySlots:
    __slots__ = ("value",)


class ReboundSlots(LazySlots):
    value = property(recorder("slot"))


class PatientList(list, metaclass=Meta):
    pass


KINDS = {
    "any": (hostile(skip=("__next__", "__await__")), object),
    "iterator": (hostile(), object),
    **{
        base.__name__: (hostile(base), base)
        for base in (dict, list, tuple, str, int, float, bytes, set, bytearray)
    },
    "error": (hostile(ValueError), ValueError),
    "metaclass": (Patient, object),
    "list with metaclass": (PatientList, list),
    "query set": (QuerySetLike, object),
    "property": (LazyProperty, object),
    "slot made a property": (ReboundSlots, object),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("wrap", [
    lambda o: o,
    lambda o: [o],
    lambda o: [o, 2**70],
    lambda o: {"a": {"b": o}},
    lambda o: (o, float("nan")),
    lambda o: {"x": [o] * 300},
], ids=["alone", "list", "slow", "dict", "tuple", "many"])  # fmt: skip
def test_no_code_of_the_value_runs(name, wrap):
    kind, base = KINDS[name]
    value = base.__new__(kind)
    whole = wrap(value)

    with arm():
        text = encode(capture(whole))
        arguments = encode(capture_arguments({"value": value}))

    json.loads(text)
    json.loads(arguments)


def test_mocks_futures_files_iterators_are_shown_by_type():
    for value in (
        MagicMock(),
        Future(),
        io.StringIO("x"),
        iter([1]),
        threading.Lock(),
        threading.local(),
    ):
        stored = json.loads(encode(capture(value)))

        assert stored["$spantree"] == "object"
        assert "fields" not in stored or stored["fields"] == {}


def test_an_infinite_iterator_is_not_started():
    def forever():
        while True:
            calls.append("next")
            yield

    calls.clear()
    capture([forever()])

    assert calls == []


def test_hostile_keys_are_not_hashed_again():
    class Key:
        __hash__ = recorder("hash", lambda _: 1)
        __eq__ = recorder("eq", lambda one, other: one is other)

    class Own(dict):
        pass

    values = [{Key(): 1, Key(): 2}, Own({Key(): 1, Key(): 2}), {frozenset([Key()]): 1}]

    with arm():
        texts = [capture(value) for value in values]
        texts += [capture([value]) for value in values]

    assert texts[0].count(b"Key>") == 2


def test_classes_are_not_kept_alive():
    import gc
    import weakref

    class Short:
        def __init__(self):
            self.x = 1

    capture([Short()])
    gone = weakref.ref(Short)
    del Short
    gc.collect()

    assert gone() is None


def test_a_registered_serializer_is_used_for_subclasses_and_its_result_captured():
    class Base:
        pass

    class Derived(Base):
        pass

    register_serializer(Base, lambda value: {"kind": type(value).__name__, "at": {1}})
    try:
        assert capture([Derived()]) == b'[{"kind":"Derived","at":"{1}"}]'
        assert capture([Derived(), 2**70]).startswith(
            b'[{"kind":"Derived","at":"{1}"},'
        )
    finally:
        register_serializer(Base)
    assert b'"$spantree":"object"' in capture(Derived())


@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit, MemoryError])
def test_a_failing_serializer_gives_the_type(error):
    class Odd:
        pass

    def fail(value):
        raise error

    register_serializer(Odd, fail)
    try:
        stored = json.loads(capture([Odd()]))
    finally:
        register_serializer(Odd)

    assert stored[0]["$spantree"] == "object"
    assert "fields" not in stored[0]


def test_a_serializer_that_never_ends_is_stopped_by_depth():
    class Chain:
        pass

    register_serializer(Chain, lambda value: [Chain()])
    try:
        json.loads(capture(Chain()))
    finally:
        register_serializer(Chain)


def test_an_interrupt_during_capture_comes_out():
    class Odd:
        pass

    def interrupt(value):
        raise KeyboardInterrupt

    register_serializer(Odd, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            capture([Odd()])
        with pytest.raises(KeyboardInterrupt):
            capture([Odd(), 2**70])
    finally:
        register_serializer(Odd)


def test_containers_may_change_during_the_walk():
    table = {i: [i] for i in range(2_000)}
    items = [{"n": i} for i in range(2_000)]
    stop = threading.Event()

    def change():
        n = 0
        while not stop.is_set():
            n += 1
            table[f"k{n % 500}"] = [n]
            table.pop(n % 2_000, None)
            items.append({"n": n})
            del items[: n % 3]

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(30):
            json.loads(capture({"t": table, "i": items, "big": 2**70}))
            json.loads(capture([table, items]))
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("make", [lambda v: (v, 1), lambda v: {"k": (v,)}])
def test_a_long_chain_of_tuples_is_cut_and_ends_nothing(make):
    # orjson 3.13.0 does not count the levels of tuples and writes past its buffer.
    value = 1
    for _ in range(20_000):
        value = make(value)

    stored = capture([value])

    assert b'"depth"' in stored
    assert len(stored) < 10_000


class Plain:
    """A class of this module, which the collector finds by any of its objects."""


@pytest.mark.parametrize("value", [Plain(), {"a": [1, {"b": (Plain(), 2)}]}])
def test_where_modules_show_freed_objects_the_collector_is_not_asked_of_objects(
    value, monkeypatch
):
    asked = []

    def get_referents(*objects):
        asked.extend(map(type, objects))
        return gc.get_referents(*objects)

    view = SimpleNamespace(get_referents=get_referents, is_tracked=gc.is_tracked)
    monkeypatch.setattr(encoding, "gc", view)
    monkeypatch.setattr(encoding, "_SHOWS_FREED", True)

    text = encoding.encode_quickly(value, None)

    assert b"Plain" in text
    assert set(asked) <= {dict, list, tuple, str, int}


def test_futures_are_captured_again_and_again():
    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(3):
            futures = [loop.create_future() for _ in range(3)]
            iterators = [iter(future) for future in futures]
            del iterators
            encoding.encode_quickly({"futures": futures, "one": futures[0]}, None)
        return "ended"

    assert asyncio.run(main()) == "ended"
