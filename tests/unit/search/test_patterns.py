from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spantree.search.patterns import PatternError, check_pattern, like, rlike

ATOMS = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", "(a|b)", "(a*|^b$)", r"\d", r"\w", "(?:ab)"]
)
TIMES = st.sampled_from(["", "*", "+", "?", "{2}", "{1,2}", "{1,}"])
PARTS = st.tuples(ATOMS, TIMES).map("".join) | st.sampled_from("^$|")
PATTERNS = st.lists(PARTS, max_size=5).map("".join)
TEXTS = st.text("ab1 \n", max_size=8)


@example("$[^a]", "\n")
@example("a$\n$", "a\n")
@example("a{⓹2}", "a{⓹2}")
@example("a{٣}", "aaa")
@given(PATTERNS, TEXTS)
def test_rlike_agrees_with_re_search(pattern, text):
    assert rlike(text, pattern) == bool(re.search(pattern, text))


@given(st.text("ab%_", max_size=6), st.text("ab", max_size=6))
def test_like_agrees_with_its_regular_expression(pattern, text):
    expression = pattern.replace("%", ".*").replace("_", ".")

    assert like(text, pattern) == bool(re.fullmatch(expression, text))


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)",
        r"(a)\1",
        "(a",
        "a)",
        "[a",
        "*a",
        "a**",
        "b{3,1}",
        "a{9999}" * 9,
        "x" * 1001,
    ],
)
def test_pattern_beyond_linear_time_is_refused(pattern):
    with pytest.raises(PatternError):
        check_pattern(pattern)
