"""One filter, two back ends: SQL finds what the evaluator finds."""

from __future__ import annotations

import random
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.laws import examples
from support.made_filters import FILTERS, ORDERS, TRACES, random_fields

from spantree.search import parse_query
from spantree.search.evaluate import compare_positions, matches, position
from spantree.search.sessions import judgements_of_sessions
from spantree.search.summary import summarise

pytestmark = pytest.mark.filterwarnings("ignore::spantree.search.FilterHint")


@examples(40)
@given(
    st.lists(TRACES, min_size=1, max_size=4),
    st.lists(FILTERS, min_size=1, max_size=8),
    ORDERS,
)
def test_stores_find_what_the_evaluator_finds(
    store, make_trace, described, filters, order
):
    traces = [make_trace(n, **fields) for n, fields in enumerate(described, 1)]
    store.delete(range(1, 5))
    store.write(traces)
    kept = [store.get(trace.key) for trace in traces]
    said = judgements_of_sessions(map(summarise, kept))

    for text in filters:
        query = parse_query(text, order)

        found = [trace.trace_id for trace in store.search(query).traces]

        expected = [trace for trace in kept if matches(query.filter, trace, said)]
        assert set(found) == {trace.trace_id for trace in expected}, text
        places = {t.trace_id: position(query.order, summarise(t)) for t in expected}
        for earlier, later in zip(found, found[1:]):
            assert compare_positions(query.order, places[earlier], places[later]) < 0


@pytest.fixture
def corpus(store, make_trace):
    """Forty stored traces, the same in each run, as the store gives them back."""
    rng = random.Random(7)
    made = [make_trace(n, **random_fields(rng)) for n in range(1, 41)]
    store.write(made)
    return [store.get(trace.key) for trace in made]


@examples(300)
@given(FILTERS, ORDERS)
def test_many_filters_agree_on_a_corpus(store, corpus, text, order):
    query = parse_query(text, order)

    found = [trace.trace_id for trace in store.search(query).traces]

    said = judgements_of_sessions(map(summarise, corpus))
    expected = [trace for trace in corpus if matches(query.filter, trace, said)]
    places = {t.trace_id: position(query.order, summarise(t)) for t in expected}
    key = cmp_to_key(lambda a, b: compare_positions(query.order, places[a], places[b]))
    assert found == sorted(places, key=key)


@pytest.mark.parametrize(
    "text",
    [
        "name = 'x'; DROP TABLE trace; --'",
        "name = '''); DELETE FROM trace; --'",
        "tag.`k') OR 1=1 --` = 'x'",
        "name LIKE '%%%%%%%%%%%%%%%%'",
        "name RLIKE '^(a+)+$'",
    ],
)
def test_hostile_filters_change_nothing(store, make_trace, text):
    store.write([make_trace(1)])

    try:
        store.search(parse_query(text))
    except ValueError:
        pass

    assert store.get(1) is not None
