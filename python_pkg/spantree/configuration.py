"""``spantree.configure``: what is kept of values, masked, sampled and processed."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from spantree._arguments import is_a, read_from, shown
from spantree.entities.errors import SpantreeException, did_you_mean
from spantree.recording import RECORDER
from spantree.recording.capture import configure_limits, register_serializer
from spantree.recording.prices import Price, Prices, make_price, read_prices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["configure", "prices_in", "reset_options"]

_LIMITS = ("max_value_bytes", "max_items", "max_nodes", "max_depth", "max_events")
_NAMES_IN_LIMITS = {"max_value_bytes": "max_bytes"}


def configure(**options: Any) -> None:
    """Set options of recording for this process; those not named stay.

    Args:
        **options: Any of

            - ``redact``: False masks nothing, True what is secret by its name or
              shape; a list adds keys (text) and shapes (compiled patterns);
            - ``mask``: ``f(path, value) -> value``, called after our own masking;
            - ``serializers``: by class, what to record in place of its instances;
            - ``prices``: by provider and model, USD for a million tokens as a dict with
              ``input`` and, where there is one, ``output``, ``cache_read``,
              ``cache_write``, ``cache_write_1h``; they come before the known ones;
            - ``max_value_bytes``, ``max_items``, ``max_nodes``, ``max_depth``: how
              much of one value is kept; None for the default;
            - ``max_events``: how many events, attributes and chunks of a stream a
              span keeps; None for the default, 1,000;
            - ``capture_inputs``, ``capture_outputs``: whether functions record their
              arguments and results when their decorator does not say;
            - ``sampling_ratio``: the share of roots that are recorded, 0 to 1;
            - ``span_processors``: called with every span before it ends;
            - ``otlp``: what is sent to ``otlp`` addresses, as a dict with any of
              ``dialect`` (``"gen_ai"``, ``"openinference"``, ``"both"``, ``"none"``:
              whose words stand beside our own), ``names`` (``"own"``, ``"semconv"``),
              ``content`` (False: no inputs, outputs, messages, previews) and
              ``max_events`` (a span); None for the defaults;
            - ``durability``: ``"normal"``, where a trace that was saved survives any end
              of the process, or ``"full"``, where it also survives a loss of power,
              as each commit waits for the disk; None for SPANTREE_DURABILITY.

    Raises:
        SpantreeException: If an option is unknown or its value impossible; nothing
            is changed then.

    Example:
        >>> configure(max_item=5)
        Traceback (most recent call last):
        ...
        spantree.entities.errors.SpantreeException: Unknown option 'max_item'. Did you mean 'max_items'? Known: capture_inputs, capture_outputs, durability, mask, max_depth, max_events, max_items, max_nodes, max_value_bytes, otlp, prices, redact, sampling_ratio, serializers, span_processors.
    """  # noqa: E501 - a message is one line
    for name in options:
        if name not in _APPLY:
            known = ", ".join(sorted(_APPLY))
            hint = did_you_mean(name, _APPLY)
            msg = f"Unknown option '{name}'.{hint} Known: {known}."
            raise SpantreeException(msg)
    steps = [apply(options) for apply in dict.fromkeys(_APPLY[n] for n in options)]
    for step in steps:
        step()


def reset_options() -> None:
    """Put every option back to its default; serializers stay registered."""
    configure(
        capture_inputs=None,
        capture_outputs=None,
        durability=None,
        otlp=None,
        prices=None,
        redact=True,
        **dict.fromkeys(_LIMITS),
    )


def prices_in(path: str) -> Prices:
    """Read prices from a JSON file.

    Raises:
        ValueError: If there is none, or it can't be used.
    """
    from pathlib import Path

    try:
        return Prices(read_prices(json.loads(Path(path).read_text(encoding="utf-8"))))
    except (OSError, RecursionError) as error:
        raise ValueError(str(error)) from None


# Each looks at its options, raises if they can't be met, and gives the step to take.


def _limits(options: Mapping[str, Any]) -> Callable[[], object]:
    before = configure_limits()
    configure_limits(before)
    defaults = type(before)()
    wanted = {}
    for name in _LIMITS:
        if name in options:
            field = _NAMES_IN_LIMITS.get(name, name)
            value = options[name]
            wanted[field] = getattr(defaults, field) if value is None else value
            if type(wanted[field]) is not int:
                msg = f"{name} is a whole number, not {shown(value)}."
                raise SpantreeException(msg)
    try:
        limits = type(before)(**{**before.to_dict(), **wanted})
    except ValueError as error:
        raise SpantreeException(str(error)) from None
    return lambda: configure_limits(limits)


def _redaction(options: Mapping[str, Any]) -> Callable[[], object]:
    from spantree.recording.redaction import Redactor

    redact, mask = options.get("redact", True), options.get("mask")
    if mask is not None and not callable(mask):
        msg = f"mask is a function of path and value, not {shown(mask)}."
        raise SpantreeException(msg)
    if is_a(redact, bool, type(None)):
        redactor = Redactor(mask=mask, enabled=redact is not False)
    elif is_a(redact, list, tuple, set):
        listed = read_from(list, redact, "redact is a list")
        keys = [str.__str__(item) for item in listed if is_a(item, str)]
        patterns = [item for item in listed if is_a(item, re.Pattern)]
        if len(keys) + len(patterns) < len(listed):
            msg = "redact lists keys, as text, and compiled patterns."
            raise SpantreeException(msg)
        redactor = Redactor(keys, patterns, mask)
    else:
        msg = (
            "redact is True, False or a list of keys and patterns, not "
            f"{shown(redact)}."
        )
        raise SpantreeException(msg)
    return lambda: setattr(RECORDER, "redactor", redactor)


def _serializers(options: Mapping[str, Any]) -> Callable[[], object]:
    given = _dict_of(options, "serializers", "serializers are functions by class")
    for kind, serializer in given.items():
        if not is_a(kind, type) or not callable(serializer):
            name = kind.__name__ if is_a(kind, type) else shown(kind)
            msg = (
                f"serializers are functions by class, not {name}: {shown(serializer)}."
            )
            raise SpantreeException(msg)

    def register() -> None:
        for kind, serializer in given.items():
            register_serializer(kind, serializer)

    return register


def _dict_of(options: Mapping[str, Any], name: str, allowed: str) -> dict[Any, Any]:
    given = options[name]
    return {} if given is None else read_from(dict, given, allowed)


def _captures(options: Mapping[str, Any]) -> Callable[[], object]:
    wanted = {}
    for name in ("capture_inputs", "capture_outputs"):
        if name in options:
            value = options[name]
            if not is_a(value, bool, type(None)):
                msg = f"{name} is True or False, not {shown(value)}."
                raise SpantreeException(msg)
            wanted[name.replace("capture", "keeps")] = value is not False

    def switch_captures() -> None:
        for name, value in wanted.items():
            setattr(RECORDER, name, value)

    return switch_captures


def _prices(options: Mapping[str, Any]) -> Callable[[], object]:
    own = {}
    given = _dict_of(options, "prices", "prices are dicts by (provider, model)")
    for key, row in given.items():
        if type(key) is not tuple or [type(part) for part in key] != [str, str]:
            msg = f"prices are given by (provider, model), not {shown(key)}."
            raise SpantreeException(msg)
        own[key[0].lower(), key[1]] = _price(key, row)
    return lambda: setattr(RECORDER, "prices", Prices(own))


def _price(key: object, row: Any) -> Price:
    fields = [field.name for field in dataclasses.fields(Price)]
    row = read_from(dict, row, f"prices of {key} are a dict of numbers")
    for name in row:
        if name not in fields:
            hint = did_you_mean(name, fields) if type(name) is str else ""
            msg = f"Unknown price {shown(name)} of {key}.{hint}"
            raise SpantreeException(msg)
    try:
        return make_price(row)
    except (AttributeError, TypeError, ValueError) as error:
        msg = f"prices of {key} can't be used: {error}."
        raise SpantreeException(msg) from None


def _otlp(options: Mapping[str, Any]) -> Callable[[], object]:
    from spantree.shipping.otlp_options import read_otlp_options, set_otlp_options

    found = read_otlp_options(_dict_of(options, "otlp", "otlp is a dict of options"))
    return lambda: set_otlp_options(found)


def _durability(options: Mapping[str, Any]) -> Callable[[], object]:
    from spantree.store.durability import check_durability, set_durability

    level = options["durability"]
    if not is_a(level, str, type(None)):
        msg = f"durability is 'normal' or 'full', not {shown(level)}."
        raise SpantreeException(msg)
    known = None if level is None else check_durability(str.__str__(level))
    return lambda: set_durability(known)


def _sampling(options: Mapping[str, Any]) -> Callable[[], object]:
    ratio = options["sampling_ratio"]
    ratio = 1.0 if ratio is None else ratio
    if type(ratio) not in (int, float, bool) or not 0 <= ratio <= 1:
        msg = f"sampling_ratio is 0 to 1, not {shown(ratio)}."
        raise SpantreeException(msg)
    return lambda: setattr(RECORDER, "sampling_ratio", float(ratio))


def _processors(options: Mapping[str, Any]) -> Callable[[], object]:
    given = options["span_processors"]
    processors: Sequence[object] = read_from(
        tuple, () if given is None else given, "span_processors are a list of functions"
    )
    for processor in processors:
        if not callable(processor):
            msg = f"A span processor is a function of a span, not {shown(processor)}."
            raise SpantreeException(msg)
    return lambda: setattr(RECORDER, "processors", processors)


_APPLY: Mapping[str, Callable[[Mapping[str, Any]], Callable[[], object]]] = {
    **dict.fromkeys(_LIMITS, _limits),
    "capture_inputs": _captures,
    "capture_outputs": _captures,
    "durability": _durability,
    "mask": _redaction,
    "otlp": _otlp,
    "prices": _prices,
    "redact": _redaction,
    "sampling_ratio": _sampling,
    "serializers": _serializers,
    "span_processors": _processors,
}
