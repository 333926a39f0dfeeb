"""A trace that a text condition finds is never rejected unread."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import examples

from spantree.search import parse_query
from spantree.search.evaluate import matches
from spantree.search.operators import text_of
from spantree.store import find as finding

WORDS = st.sampled_from(
    ["refund", "re-fund", "a b", "Straße", "1e-05", "nbsp", "u00e9", "x", "K9", "OK"]
)
VALUES = st.recursive(
    WORDS | st.sampled_from([1e-05, 1e300, -12, True, None, float("nan")]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture
def decoded(monkeypatch):
    """Note how many traces are decoded."""
    counts = []
    read = finding.read_traces

    def counting(connection, row_ids, *, include_spans):
        counts.append(len(row_ids))
        return read(connection, row_ids, include_spans=include_spans)

    monkeypatch.setattr(finding, "read_traces", counting)
    return counts


@examples(150)
@given(value=VALUES, at=st.integers(0, 400), length=st.integers(1, 14))
def test_any_piece_of_a_traces_text_finds_it(
    sqlite_store, make_trace, value, at, length
):
    from spantree.entities.values import encode_exactly

    trace = make_trace(
        0x7E57_0BAD_CAFE_F00D_0123_4567_89AB_CDEF,
        root={"raw_inputs": encode_exactly(value)},
        spans=[{"name": "re-fund", "raw_attributes": {"k": "refund"}}],
    )
    sqlite_store.delete([trace.key])
    sqlite_store.write([trace])
    text = "\n".join(text_of(span.to_dict()) for span in trace.data.spans)
    piece = text[at % len(text) :][:length].replace("'", "''")

    for op in ("CONTAINS", "LIKE", "ILIKE"):
        pattern = piece if op == "CONTAINS" else f"%{piece}%"
        query = parse_query(f"text {op} '{pattern}'")

        found = sqlite_store.search(query).traces

        expected = matches(query.filter, sqlite_store.get(trace.key))
        assert bool(found) == expected, pattern


@examples(150)
@given(
    value=VALUES,
    at=st.integers(0, 400),
    length=st.integers(1, 14),
    field=st.sampled_from(
        ["inputs", "outputs", "span.inputs", "span.outputs", "span.attributes.k"]
    ),
)
def test_any_piece_of_what_a_span_carries_finds_it(
    sqlite_store, make_trace, value, at, length, field
):
    from spantree.entities.values import decode, encode_exactly

    held = encode_exactly(value)
    trace = make_trace(
        0x7E57_0BAD_CAFE_F00D_0123_4567_89AB_CDEF,
        root={"raw_inputs": held, "raw_outputs": held},
        spans=[{"name": "re-fund", "raw_attributes": {"k": held}}],
    )
    sqlite_store.delete([trace.key])
    sqlite_store.write([trace])
    text = text_of(decode(held))
    piece = text[at % len(text) :][:length]

    for op, wanted in (
        ("CONTAINS", piece),
        ("LIKE", f"%{piece}%"),
        ("ILIKE", f"%{piece.upper()}%"),
        ("MATCH", f"{piece.upper()} {piece}"),
        ("=", text),
        ("=", piece),
    ):
        quoted = wanted.replace("'", "''")
        query = parse_query(f"{field} {op} '{quoted}'")

        found = sqlite_store.search(query).traces

        expected = matches(query.filter, sqlite_store.get(trace.key))
        assert bool(found) == expected, (op, wanted)


@pytest.mark.parametrize(
    "text",
    [
        "inputs CONTAINS 'needle'",
        "inputs.q = 'needle'",
        "outputs LIKE '%a needle%'",
        "outputs MATCH 'NEEDLE a'",
        "span(inputs CONTAINS 'needle')",
        "span.attributes.k ILIKE '%Needle%'",
        "span(name = 'agent') UNDER span(inputs.q = 'needle')",
    ],
)
def test_words_of_what_spans_carry_are_looked_for_first(
    sqlite_store, make_trace, decoded, text
):
    def carrying(word):
        return {
            "raw_inputs": b'{"q":"%b"}' % word,
            "raw_outputs": b'"such a %b"' % word,
            "raw_attributes": {"k": word.decode()},
        }

    sqlite_store.write(
        [
            make_trace(n, root=carrying(b"needle" if n == 7 else b"hay"))
            for n in range(1, 40)
        ]
    )

    sqlite_store.search(parse_query(text))

    assert sum(decoded) == 1


def test_traces_without_the_word_are_not_decoded(sqlite_store, make_trace, decoded):
    sqlite_store.write(
        [
            make_trace(n, root={"raw_inputs": "needle" if n == 7 else "hay"})
            for n in range(1, 40)
        ]
    )

    found = sqlite_store.search(parse_query("text LIKE '%needle%'")).traces

    assert [trace.key for trace in found] == [7]
    assert decoded == [1]


def test_words_in_ids_and_in_the_form_are_found(sqlite_store, make_trace):
    sqlite_store.write([make_trace(0xABCDEF << 64)])

    for word in ("abcdef", "STATUS-CODE", "mlflow", "attributes", "AAAAAAAr"):
        query = parse_query(f"text ILIKE '%{word}%'")
        stored = sqlite_store.get(0xABCDEF << 64)
        found = bool(sqlite_store.search(query).traces)
        assert found == matches(query.filter, stored), word


def conversations(make_trace, turns):
    """Make a trace of each turn, which is given all that was said before."""
    said = [{"role": "user", "content": text} for text in turns]
    return [
        make_trace(n, root={"raw_inputs": orjson.dumps({"messages": said[:n]})})
        for n in range(1, len(said) + 1)
    ]


@examples(100)
@given(
    turns=st.lists(
        st.lists(WORDS, min_size=1, max_size=30).map(" ".join), min_size=1, max_size=6
    ),
    piece=st.lists(WORDS, min_size=1, max_size=2).map(" ".join),
)
def test_any_words_of_conversations_find_their_traces(
    sqlite_store, make_trace, turns, piece
):
    sqlite_store.delete(range(1, 7))
    sqlite_store.write(conversations(make_trace, turns))
    stored = [sqlite_store.get(n) for n in range(1, len(turns) + 1)]

    for condition in (
        f"inputs CONTAINS '{piece}'",
        f"text ILIKE '%{piece.upper()}%'",
        f"span.inputs.messages.1.content = '{piece}'",
        f"inputs MATCH '{piece}' AND text CONTAINS 'refund'",
    ):
        query = parse_query(condition)
        found = {trace.key for trace in sqlite_store.search(query).traces}
        assert found == {t.key for t in stored if matches(query.filter, t)}, condition


def test_conversations_without_the_word_are_not_decoded(
    sqlite_store, make_trace, decoded
):
    turns = [f"Turn {n}: {'hay ' * 30}" for n in range(250)]
    turns[240] += "needle"
    sqlite_store.write(conversations(make_trace, turns))

    found = sqlite_store.search(parse_query("inputs CONTAINS 'needle'")).traces

    assert {trace.key for trace in found} == set(range(241, 251))
    assert sum(decoded) == 10


def test_words_of_a_conversation_are_found(sqlite_store, make_trace):
    messages = b'[{"role":"user","content":"%b needle"}]' % (b"long " * 60)
    sqlite_store.write([make_trace(1, root={"raw_inputs": messages})])

    assert len(sqlite_store.search(parse_query("text CONTAINS 'needle'")).traces) == 1
