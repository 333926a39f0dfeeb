from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantree.search import (
    And,
    Comparison,
    FilterError,
    FilterHint,
    Not,
    Op,
    Or,
    SpanMatch,
    parse_filter,
    parse_order,
)

pytestmark = pytest.mark.filterwarnings("ignore::spantree.search.FilterHint")

NOW_NS = 1_700_000_000_000_000_000
HOUR_NS = 3_600_000_000_000


def parse(text):
    return parse_filter(text, now_ns=NOW_NS)


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_blank_filter_is_no_filter(text):
    assert parse(text) is None


def test_and_binds_tighter_than_or_and_not_tightest():
    tree = parse("name = 'a' OR NOT name = 'b' AND name = 'c'")

    assert isinstance(tree, Or)
    assert isinstance(tree.parts[1], And)
    assert isinstance(tree.parts[1].parts[0], Not)


def test_parentheses_win_over_precedence():
    tree = parse("(name = 'a' OR name = 'b') AND name = 'c'")

    assert isinstance(tree, And)
    assert isinstance(tree.parts[0], Or)


def test_keywords_are_read_in_any_case():
    assert parse("name = 'a' and not name in ('b')") == parse(
        "name = 'a' AND NOT name IN ('b')"
    )


@pytest.mark.parametrize(
    ("text", "op", "literals", "negated"),
    [
        ("name = 'it''s'", Op.EQ, ("it's",), False),
        ('name == "a ""b"""', Op.EQ, ('a "b"',), False),
        ("name <> 'a'", Op.EQ, ("a",), True),
        ("name != 'a'", Op.EQ, ("a",), True),
        ("name NOT IN ('a', 'b')", Op.IN, ("a", "b"), True),
        ("name NOT LIKE 'a%'", Op.LIKE, ("a%",), True),
        ("name IS NOT NULL", Op.IS_NULL, (), True),
        ("tokens BETWEEN 1 AND 5", Op.BETWEEN, (1, 5), False),
        ("tokens > -3", Op.GT, (-3,), False),
        ("cost <= 1.5e-3", Op.LE, (0.0015,), False),
        ("tag.flag = TRUE", Op.EQ, (True,), False),
        ("duration > 2s", Op.GT, (2_000_000_000,), False),
        ("duration > 1.5", Op.GT, (1_500_000,), False),
        (f"duration > {'9' * 299}d", Op.GT, (2**63 - 1,), False),
        (f"duration > {'9' * 9_000}", Op.GT, (2**63 - 1,), False),
        ("timestamp > now - 1h", Op.GT, (NOW_NS - HOUR_NS,), False),
        ("timestamp > '1h ago'", Op.GT, (NOW_NS - HOUR_NS,), False),
        (
            "timestamp < 2023-11-14T22:13:20Z",
            Op.LT,
            (NOW_NS,),
            False,
        ),
        ("state = 'ok'", Op.EQ, ("OK",), False),
        ("status = 'ok'", Op.EQ, ("ok",), False),
        ("trace_id = 'ABCDEF'", Op.LIKE, ("tr-abcdef%",), False),
    ],
)
def test_comparison_is_read(text, op, literals, negated):
    node = parse(text)

    assert isinstance(node, Comparison)
    assert (node.op, node.literals, node.negated) == (op, literals, negated)


@pytest.mark.parametrize(
    ("text", "op", "literals"),
    [
        ("execution_time = 5", Op.BETWEEN, (5_000_000, 5_999_999)),
        ("execution_time_ms > 5", Op.GE, (6_000_000,)),
        ("timestamp_ms >= 1.5", Op.GE, (2_000_000,)),
        ("timestamp < 5", Op.LT, (5_000_000,)),
        ("end_time <= 5", Op.LT, (6_000_000,)),
    ],
)
def test_mlflows_time_fields_compare_whole_milliseconds(text, op, literals):
    node = parse(text)

    assert (node.op, node.literals) == (op, literals)


@pytest.mark.parametrize(
    ("text", "key", "argument"),
    [
        ("trace.name = 'x'", "name", ""),
        ("attributes.status = 'OK'", "state", ""),
        ("attribute.client_request_id = 'x'", "client_request_id", ""),
        ("request_id = 'x'", "trace_id", ""),
        ("tags.a.b = 'x'", "tag", "a.b"),
        ("tag.`a b.c` = 'x'", "tag", "a b.c"),
        ("request_metadata.k = 'x'", "metadata", "k"),
        ("run_id = 'x'", "metadata", "mlflow.sourceRun"),
        ("tags.`mlflow.trace.session` = 'x'", "session", ""),
        ("metadata.`mlflow.trace.user` = 'x'", "user", ""),
        ("tag.mlflow.traceName = 'x'", "name", ""),
        ("feedback.correct = true", "feedback", "correct"),
    ],
)
def test_spellings_name_one_field(text, key, argument):
    assert (parse(text).field.key, parse(text).field.argument) == (key, argument)


def test_bare_span_conditions_of_an_and_chain_speak_of_one_span():
    tree = parse("span.name = 'a' AND status = 'OK' AND span.type = 'TOOL'")

    together = [part for part in tree.parts if isinstance(part, SpanMatch)]
    assert len(together) == 1
    assert len(together[0].condition.parts) == 2


def test_span_groups_speak_of_spans_of_their_own():
    tree = parse("span(name = 'a') AND span(type = 'TOOL')")

    assert [type(part) for part in tree.parts] == [SpanMatch, SpanMatch]


@pytest.mark.parametrize(
    ("text", "position", "length", "said"),
    [
        ("status = 'OK' AND durration > 2s", 18, 9, "did you mean 'duration'?"),
        ("stauts = 'OK'", 0, 6, "did you mean 'status'?"),
        ("session_name = 'x'", 0, 12, "did you mean 'session'?"),
        ("status = ERROR", 9, 5, "put quotes around ERROR"),
        ("a && b", 2, 2, "use AND / OR"),
        ("name = 'a' || name = 'b'", 11, 2, "use AND / OR"),
        ("name = 'x", 7, 1, "never closed"),
        ("(name = 'x'", 0, 1, "this parenthesis is never closed"),
        ("name IN ('a'", 8, 1, "this list is never closed"),
        ("tag.x > 'a'", 6, 1, "tag.x takes =, IN, LIKE"),
        ("tokens > 2s", 9, 2, "takes no unit of time"),
        ("tokens > 'x'", 9, 3, "write numbers without quotes"),
        ("timestamp > 'soon'", 12, 6, "is not a time"),
        ("timestamp > '٣h ago'", 12, 8, "is not a time"),
        ("timestamp > '3 ſ ago'", 12, 9, "is not a time"),
        ("tokens > ٣", 9, 1, "unexpected character"),
        ("tokens > '٣'", 9, 3, "is compared with a number"),
        ("duration > 3pc", 11, 3, "units: ns us ms s m h d"),
        ("name = NULL", 7, 4, "IS NULL"),
        ("tag.my-key = 'x'", 6, 1, "backticks"),
        ("tags. = 'x'", 6, 1, "a key is missing"),
        ("name = 'a' name = 'b'", 11, 4, "join conditions with AND or OR"),
        ("name RLIKE '(a'", 11, 4, "never closed"),
        ("name = 'a' AND NOT", 18, 1, "a condition should begin"),
    ],
)
def test_error_points_at_the_place_and_says_the_way_out(text, position, length, said):
    with pytest.raises(FilterError) as caught:
        parse(text)

    error = caught.value
    assert (error.position, error.length) == (position, length)
    assert said in error.message
    assert error.error_code == "INVALID_PARAMETER_VALUE"


def test_error_message_draws_the_caret():
    with pytest.raises(FilterError) as caught:
        parse("status = 'OK' AND durration > 2s")

    assert caught.value.message.splitlines()[:3] == [
        "unknown field 'durration' (column 19)",
        "  status = 'OK' AND durration > 2s",
        "                    ^^^^^^^^^",
    ]
    assert caught.value.suggestion == "duration"


def test_filter_that_ends_in_and_is_accepted_as_mlflow_does():
    assert parse("name = 'a' AND") == parse("name = 'a'")


@pytest.mark.parametrize(
    "text", ["(" * 101 + "name = 'a'" + ")" * 101, "name = '" + "x" * 20_000 + "'"]
)
def test_excessive_filters_are_refused(text):
    with pytest.raises(FilterError):
        parse(text)


def test_order_is_ascending_unless_it_says_desc():
    keys = parse_order(["duration DESC", "tags.`a.b`", "name ASC"])

    assert [(k.field.key, k.descending) for k in keys] == [
        ("duration", True),
        ("tag", False),
        ("name", False),
    ]


@pytest.mark.parametrize("entry", ["colour", "name SIDEWAYS", "name ASC DESC", "model"])
def test_order_by_something_else_is_refused(entry):
    with pytest.raises(FilterError):
        parse_order([entry])


WORDS = st.sampled_from(
    "name tag.x tokens duration timestamp span.type span ( ) AND OR NOT IN LIKE RLIKE "
    "BETWEEN IS NULL = != < > 'a' \"b\" `k` 5 2s now - , . % TRUE '' ' [ é \x00 ;".split(
        " "
    )
)


@given(st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_filter_error(text):
    try:
        parse(text)
    except FilterError as error:
        assert 0 <= error.position <= len(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("status = 'eror'", "Did you mean 'ERROR'"),
        ("span.type IN ('TOOOL', 'LLM')", "No span.type is called 'TOOOL'"),
        ("span.type = 'tool'", "Write 'TOOL'"),
    ],
)
def test_slips_in_known_words_are_hinted_at(text, said):
    with pytest.warns(FilterHint, match=said):
        parse_filter(text)


@pytest.mark.parametrize("text", ["span.type = 'ROUTER'", "status LIKE 'ok'"])
def test_words_of_ones_own_are_no_slips(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_filter(text)


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("span.attributes.size > 10kb", 10_000),
        ("inputs.n = 1.5mb", 1_500_000),
        ("tokens >= 1kb", 1_000),
    ],
)
def test_units_of_size_are_numbers(text, literal):
    node = parse_filter(text)

    assert getattr(node, "condition", node).literals == (literal,)


def test_units_of_size_fit_no_time():
    with pytest.raises(FilterError, match="duration takes no unit of size"):
        parse_filter("duration > 5kb")


def test_double_quotes_hold_keys_as_in_mlflow():
    assert (
        parse_filter("tags.\"a.b\" = 'x'").field
        == parse_filter("tags.`a.b` = 'x'").field
    )
    assert parse_filter("\"status\" = 'OK'").field.key == "state"
