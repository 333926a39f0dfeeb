"""The traces that stores are filled with: five spans, tags, a session."""

from __future__ import annotations

from typing import NamedTuple

BATCH = 64
START_NS = 1_790_000_000_000_000_000
RARE = 1_000
"""One trace of so many has the rare tag, span type, span name and text."""


TURNS = 20
"""So many traces are a session, one after the other."""


class Shape(NamedTuple):
    """A trace; its spans as name, type, place of the parent, inputs and outputs."""

    start_ns: int
    dur_ns: int
    session: str
    tags: dict[str, str]
    spans: list[tuple[str, str, int | None, str, str]]


def described(number: int) -> Shape:
    """Describe a trace; the same number gives the same one."""
    is_rare = number % RARE == RARE - 8
    rare = number // RARE
    question = f'{{"q":"Question {number}: what is it, and why?"}}'
    answer = f'"Answer {number}: it is one of many things that happen."'
    third = ("lookup", "RETRIEVER") if is_rare else ("child", "TOOL")
    text = f'{{"x":"needle-r{rare}"}}' if is_rare else '{"x":"a thing"}'
    tags = {"env": "prod", "customer": f"c{number % 50}"}
    if is_rare:
        tags["rare"] = f"r{rare}"
    return Shape(
        START_NS + number * 1_000_000_000,
        1_000_000 + number * 7_919 % 5_000_011 * 1_000,
        f"s{number // TURNS}",
        tags,
        [
            ("agent", "AGENT", None, question, answer),
            ("child", "TOOL", 0, '{"x":"What is it?"}', '"What is it?"'),
            (*third, 0, text, str(number)),
            ("step", "UNKNOWN", 0, '{"x":1}', "1"),
            ("child", "TOOL", 3, '{"x":1}', "1"),
        ],
    )
