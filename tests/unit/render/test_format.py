"""How numbers are written."""

from __future__ import annotations

import pytest

from spantree.render.escape import cell_width, fit_cells, html_text, one_line, visible
from spantree.render.format import (
    format_bytes,
    format_cost,
    format_duration,
    format_tokens,
)


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0µs"),
        (420, "420µs"),
        (999, "999µs"),
        (1_000, "1.00ms"),
        (9_996, "10.0ms"),
        (20_000, "20.0ms"),
        (312_000, "312ms"),
        (999_499, "999ms"),
        (999_500, "1.00s"),
        (3_420_000, "3.42s"),
        (59_949_999, "59.9s"),
        (59_950_000, "1m00s"),
        (125_000_000, "2m05s"),
        (3_599_600_000, "1h00m"),
        (3_720_000_000, "1h02m"),
        (90_000_000_000_000, "25,000h00m"),
        (-2_000, "-2.00ms"),
    ],
)
def test_durations_have_three_significant_digits_then_two_units(us, text):
    assert format_duration(us) == text


def test_ascii_durations_have_no_mu():
    assert format_duration(420, ascii_only=True) == "420us"


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (0, "0"),
        (812, "812"),
        (9_403, "9,403"),
        (12_345, "12.3k"),
        (123_456, "123k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (1_200_000, "1.2M"),
        (45_600_000, "45.6M"),
    ],
)
def test_tokens_are_whole_below_ten_thousand(tokens, text):
    assert format_tokens(tokens) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "$0"),
        (0.0000123, "$0.000012"),
        (0.00021, "$0.00021"),
        (0.021, "$0.021"),
        (0.02, "$0.02"),
        (0.996, "$1.00"),
        (1.5, "$1.50"),
        (1234.5, "$1,234.50"),
        (float("nan"), "$?"),
        (1e-30, "$0"),
    ],
)
def test_cost_has_two_significant_digits_below_a_dollar(usd, text):
    assert format_cost(usd) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(820, "820 B"), (8_200, "8.2 kB"), (1_000, "1 kB"), (19_977_512_000, "19,978 MB")],
)
def test_sizes_are_in_thousands(size, text):
    assert format_bytes(size) == text


def test_hidden_characters_become_visible():
    hidden = (
        "\x00\x1b\r\x7f\x85\xad\u200b\u200d\u202e\u2066\u2028\ufeff\ud800\U000e0041"
    )

    shown = visible(hidden)

    assert shown == (
        r"\x00\x1b\x0d\x7f\x85\xad\u200b\u200d\u202e\u2066\u2028\ufeff\ud800\U000e0041"
    )


def test_line_breaks_become_one_space():
    assert one_line("a \r\n\t b\nc") == "a b c"


def test_html_text_escapes_quotes_and_backticks():
    assert html_text("<a b=\"c\" d='e'>&`") == (
        "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;&#96;"
    )


def test_wide_characters_take_two_cells():
    assert cell_width("東京ab") == 6
    assert fit_cells("東京東京", 5) == "東京…"


def test_combining_marks_do_not_grow_a_label_without_bound():
    assert len(fit_cells("a" + "\u0301" * 10_000, 68)) <= 2 * 68 + 1
