"""Filters, orders and traces of every kind, made by hypothesis for each other."""

from __future__ import annotations

from hypothesis import strategies as st

from spantree.entities import Expectation, Feedback, SpanStatusCode, TraceState

START_NS = 1_700_000_000_000_000_000
# Numbers to Python's int() and float(), but not in JSON or SQL, and what changes its
# length in lower case.
LIKE_NUMBERS = ["٣", "१२", "١.٥", "²", "½", "1_2", " 12", "12\n", "0x1", "nan", "inf"]
SPELLINGS = ["+12", "012", "12.0", "1.2e1", "1e999", "-0"]
WORDS = ["a", "b", "ab", "A", "12", "1.5", "true", "é%", "*?[x]", "x_y", "İß", "ſ"]
MADE_TEXTS = [*WORDS, *LIKE_NUMBERS, *SPELLINGS]
TEXTS = st.sampled_from([*WORDS, ""]) | st.sampled_from(MADE_TEXTS)
PATTERNS = st.sampled_from(
    ["a", "%a%", "_", "%", "a%b", "É_", "*%", "%[x]", "%a%b%a%b%a%", "1"]
    + ["%٣", "i%", "S", "s", "ss"]
)
NUMBERS = st.sampled_from(
    ["0", "1", "5", "12", "1.5", "-1", "1000", "99999999999999999999", "3", "1e400"]
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
        st.sampled_from(["'a'", "'^a+$'", "'[^a]'", "'b|1'", r"'^\d+$'", r"'\s'"]),
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
MADE_VALUES = [None, "a", "12", 12, 1.5, True, b'{"k":5}', b'["a"]', "٣", "1_2"]
VALUES = st.sampled_from(MADE_VALUES)
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
MADE_JUDGEMENTS = [None, 12, 1.5, True, "a", "true", {"k": 5}, "٣", "12.0", " 12"]
JUDGED = st.sampled_from(MADE_JUDGEMENTS)
# Few, so that traces share them; the second one is none.
MADE_SESSIONS = ["a", "", "12"]
SAID_OF = st.sampled_from([{}, {"mlflow.trace.session": "a"}, {"k": "v"}])
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
        "trace_metadata": st.fixed_dictionaries(
            {},
            optional={
                "m": TEXTS,
                "mlflow.trace.session": st.sampled_from(MADE_SESSIONS) | TEXTS,
            },
        ),
        "assessments": st.lists(
            st.builds(
                Feedback,
                name=st.just("f"),
                value=JUDGED,
                valid=st.booleans(),
                metadata=SAID_OF,
            )
            | st.builds(Expectation, name=st.just("e"), value=JUDGED, metadata=SAID_OF),
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


def random_fields(rng):
    """Give keywords of a trace by chance, of the same values as TRACES."""
    texts = [*WORDS, *MADE_TEXTS]
    values, judged = MADE_VALUES, MADE_JUDGEMENTS
    usage = [b'{"input_tokens":5,"output_tokens":7}', b'{"total_tokens":1000}', None]

    def maybe(choices):
        return rng.choice([None, *choices])

    def some(**fields):
        return {k: v for k, v in fields.items() if v is not None}

    def said_of():
        return rng.choice([{}, {"mlflow.trace.session": "a"}])

    def span(number):
        return {
            "name": rng.choice(texts),
            "span_type": rng.choice(["TOOL", "CHAT_MODEL", "a"]),
            "status_code": rng.choice(list(SpanStatusCode)),
            "status_message": rng.choice(["", *texts]),
            "parent_key": rng.choice([1, number + 1, 77]),
            "end_time_ns": maybe([START_NS + 1, START_NS + 2_000_000]),
            "raw_inputs": rng.choice(values),
            "raw_attributes": some(
                **{
                    "mlflow.llm.model": maybe(texts),
                    "mlflow.llm.provider": maybe(texts),
                    "mlflow.chat.tokenUsage": rng.choice(usage),
                    "mlflow.llm.cost": maybe([b'{"total_cost":1.5}']),
                    "spantree.stream.first_item_ms": maybe([1, 1.5]),
                    "k": rng.choice(values),
                }
            ),
        }

    return {
        "state": rng.choice(
            [TraceState.OK, TraceState.ERROR, TraceState.STATE_UNSPECIFIED]
        ),
        "client_request_id": maybe(texts),
        "tags": some(**{"k": maybe(texts), "mlflow.trace.user": maybe(texts)}),
        "trace_metadata": some(
            **{
                "m": maybe(texts),
                "mlflow.trace.session": maybe([*MADE_SESSIONS, rng.choice(texts)]),
            }
        ),
        "assessments": [
            Feedback(
                name="f",
                value=rng.choice(judged),
                valid=rng.random() < 0.7,
                metadata=said_of(),
            )
            for _ in range(rng.randrange(2))
        ]
        + [
            Expectation(name="e", value=rng.choice(judged), metadata=said_of())
            for _ in range(rng.randrange(2))
        ],
        "root": {
            "name": rng.choice(texts),
            "start_time_ns": START_NS + rng.randrange(3) * 1_000_000,
            "end_time_ns": maybe([START_NS + 2_000_000, START_NS + 3_500_000]),
            "raw_inputs": rng.choice(values),
        },
        "spans": [span(number) for number in range(rng.randrange(4))],
    }
