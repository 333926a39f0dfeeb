"""One filter, two back ends: SQL finds what the evaluator finds."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spantree.entities import Expectation, Feedback, SpanStatusCode, TraceState
from spantree.search import parse_query
from spantree.search.evaluate import compare_positions, matches, position
from spantree.search.summary import summarise

START_NS = 1_700_000_000_000_000_000
TEXTS = st.sampled_from(
    ["a", "b", "ab", "A", "12", "1.5", "true", "é%", "*?[x]", "", "x_y"]
)
PATTERNS = st.sampled_from(
    ["a", "%a%", "_", "%", "a%b", "É_", "*%", "%[x]", "%a%b%a%b%a%", "1"]
)
NUMBERS = st.sampled_from(
    ["0", "1", "5", "12", "1.5", "-1", "1000", "99999999999999999999"]
)
LITERALS = TEXTS.map(lambda t: f"'{t}'") | NUMBERS | st.sampled_from(["TRUE", "false"])
SYMBOLS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])

TEXT_FIELDS = st.sampled_from(
    "name client_request_id session user error cell model tag.k tag.none metadata.m "
    "span.name span.type span.model span.provider span.error".split()
)
NUMBER_FIELDS = st.sampled_from(
    "tokens input_tokens output_tokens cost span_count error_count llm_calls "
    "span.tokens span.input_tokens span.cost span.depth".split()
)
TIME_FIELDS = st.sampled_from(
    "timestamp_ms execution_time duration end_time span.duration span.ttft".split()
)
JSON_FIELDS = st.sampled_from(
    "feedback.f expectation.e assessment.f span.attributes.k span.inputs span.inputs.k "
    "inputs inputs.k[0] outputs".split()
)
TIMES = st.sampled_from(["0", "1", "1.5", "2ms", "1700000000000", "1700000000001"])
NEGATION = st.sampled_from(["", "NOT "])


def joined(*parts):
    return st.tuples(*(p if not isinstance(p, str) else st.just(p) for p in parts)).map(
        " ".join
    )


TEXT_TESTS = st.one_of(
    joined(TEXT_FIELDS, st.sampled_from(["=", "!="]), LITERALS),
    joined(
        TEXT_FIELDS,
        NEGATION,
        "IN",
        st.lists(LITERALS, min_size=1, max_size=3).map(lambda v: f"({', '.join(v)})"),
    ),
    joined(
        TEXT_FIELDS,
        NEGATION,
        st.sampled_from(["LIKE", "ILIKE"]),
        PATTERNS.map(lambda p: f"'{p}'"),
    ),
    joined(
        TEXT_FIELDS,
        NEGATION,
        "RLIKE",
        st.sampled_from(["'a'", "'^a+$'", "'[^a]'", "'b|1'"]),
    ),
    joined(
        TEXT_FIELDS | st.just("text") | st.just("prompt"),
        NEGATION,
        st.sampled_from(["CONTAINS", "MATCH"]),
        TEXTS.map(lambda t: f"'{t}'"),
    ),
)
GROUPS = st.sampled_from(
    [
        "span(type = 'TOOL')",
        "span(name = 'a' OR model IS NULL)",
        "span(NOT status = 'OK')",
        "span(inputs.k = 5)",
        "span(depth > 0)",
    ]
)
CONDITIONS = st.one_of(
    TEXT_TESTS,
    joined(
        TEXT_FIELDS | NUMBER_FIELDS | TIME_FIELDS | JSON_FIELDS, "IS", NEGATION, "NULL"
    ),
    joined(NUMBER_FIELDS | TIME_FIELDS, SYMBOLS, NUMBERS),
    joined(TIME_FIELDS, SYMBOLS, TIMES),
    joined(NUMBER_FIELDS, NEGATION, "BETWEEN", NUMBERS, "AND", NUMBERS),
    joined(NUMBER_FIELDS, NEGATION, "IN", NUMBERS.map(lambda n: f"({n}, 5)")),
    joined(JSON_FIELDS, SYMBOLS, LITERALS),
    joined(JSON_FIELDS, NEGATION, "LIKE", PATTERNS.map(lambda p: f"'{p}'")),
    joined(
        "status",
        st.sampled_from(["=", "!="]),
        st.sampled_from(["'OK'", "'ERROR'", "'ok'", "'IN_PROGRESS'"]),
    ),
    joined("HAS", TEXT_FIELDS | JSON_FIELDS),
    joined(GROUPS, st.sampled_from(["UNDER", "CHILD OF", "AFTER"]), GROUPS),
    joined("COUNT", GROUPS, SYMBOLS, st.sampled_from(["0", "1", "2", "1.5"])),
    joined("state", NEGATION, "IN", st.sampled_from(["('ok')", "('error', 'ok')"])),
    joined(
        "span.status",
        st.sampled_from(["=", "!="]),
        st.sampled_from(["'OK'", "'ERROR'", "'UNSET'"]),
    ),
    joined(
        "trace_id",
        st.sampled_from(["=", "!=", "LIKE"]),
        st.sampled_from(["'000000'", "'tr-%1'", "'00000000000000000000000000000002'"]),
    ),
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        joined(inner, "AND", inner),
        joined(inner, "OR", inner),
        inner.map(lambda f: f"NOT ({f})"),
        inner.map(lambda f: f"({f})"),
    ),
    max_leaves=6,
)

MAYBE_TEXT = st.none() | TEXTS
VALUES = st.sampled_from([None, "a", "12", 12, 1.5, True, b'{"k":5}', b'["a"]'])
SPANS = st.fixed_dictionaries(
    {
        "name": TEXTS.filter(bool),
        "span_type": st.sampled_from(["TOOL", "CHAT_MODEL", "a"]),
        "status_code": st.sampled_from(SpanStatusCode),
        "status_message": TEXTS,
        "parent_key": st.sampled_from([1, 2, 77]),
        "end_time_ns": st.none()
        | st.sampled_from([START_NS + 1, START_NS + 2_000_000]),
        "raw_inputs": VALUES,
        "raw_attributes": st.fixed_dictionaries(
            {
                "mlflow.llm.model": MAYBE_TEXT,
                "mlflow.llm.provider": MAYBE_TEXT,
                "mlflow.chat.tokenUsage": st.sampled_from(
                    [
                        None,
                        b'{"input_tokens":5,"output_tokens":7}',
                        b'{"total_tokens":1000}',
                        b"{}",
                    ]
                ),
                "mlflow.llm.cost": st.sampled_from([None, b'{"total_cost":1.5}']),
                "spantree.stream.first_item_ms": st.sampled_from([None, 1, 1.5]),
                "k": VALUES,
            }
        ),
    }
)
JUDGED = st.sampled_from([None, 12, 1.5, True, "a", "true", {"k": 5}])
TRACES = st.fixed_dictionaries(
    {
        "state": st.sampled_from(
            [
                TraceState.OK,
                TraceState.ERROR,
                TraceState.IN_PROGRESS,
                TraceState.STATE_UNSPECIFIED,
            ]
        ),
        "client_request_id": MAYBE_TEXT,
        "tags": st.dictionaries(st.sampled_from(["k", "mlflow.trace.user"]), TEXTS),
        "trace_metadata": st.dictionaries(
            st.sampled_from(["m", "mlflow.trace.session"]), TEXTS
        ),
        "assessments": st.lists(
            st.builds(Feedback, name=st.just("f"), value=JUDGED, valid=st.booleans())
            | st.builds(Expectation, name=st.just("e"), value=JUDGED),
            max_size=2,
        ),
        "root": st.fixed_dictionaries(
            {
                "name": TEXTS.filter(bool),
                "end_time_ns": st.none()
                | st.sampled_from([START_NS, START_NS + 1_500_000]),
            }
        ),
        "spans": st.lists(SPANS, max_size=3),
    }
)
ORDERS = st.lists(
    st.sampled_from(
        [
            "name",
            "duration DESC",
            "tokens",
            "tags.k DESC",
            "status",
            "cost DESC",
            "trace_id DESC",
            "end_time",
        ]
    ),
    max_size=2,
)
relaxed = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=40,
)
pytestmark = pytest.mark.filterwarnings("ignore::spantree.search.FilterHint")


@relaxed
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

    for text in filters:
        query = parse_query(text, order)

        found = [trace.trace_id for trace in store.search(query).traces]

        expected = [trace for trace in kept if matches(query.filter, trace)]
        assert set(found) == {trace.trace_id for trace in expected}, text
        places = {t.trace_id: position(query.order, summarise(t)) for t in expected}
        for earlier, later in zip(found, found[1:]):
            assert compare_positions(query.order, places[earlier], places[later]) < 0


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
