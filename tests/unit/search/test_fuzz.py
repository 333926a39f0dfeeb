"""Ten thousand filters that nobody meant: read, or refused as a FilterError."""

from __future__ import annotations

import os
import random

import pytest

from spantree.search import FilterError, matches, parse_filter, parse_order

pytestmark = pytest.mark.filterwarnings("ignore::spantree.search.FilterHint")

TEXTS = int(os.environ.get("SPANTREE_FILTERS", "5000"))  # of each kind
MEANT = [
    "status = 'OK' AND duration > 1.5s OR NOT (name LIKE '%a_' AND tag.k != 'x')",
    "span(type = 'TOOL' AND inputs.q[0].k CONTAINS \"it''s\") UNDER span(name = 'a')",
    "COUNT span(status = 'ERROR') >= 2 AND timestamp > now - 1h AND HAS session",
    "tags.`my key` IN ('a', 'b') AND cost BETWEEN 0 AND 1e-3 AND end_time < '2d ago'",
    "name RLIKE '^(a|b)+[^c]{2,3}$' AND span.attributes.a.b = 5 AND feedback.f = TRUE",
    "trace_id = 'abcdef' AND timestamp >= 2026-11-21T10:00:00Z AND user IS NOT NULL",
]
PIECES = [
    *"() [ ] . , = != <> <= >= < > - ' \" ` % _ && || ! \\ / * ? { } ; \0 \n é 漢 \ud800".split(" "),
    *"AND OR NOT IN BETWEEN LIKE ILIKE RLIKE CONTAINS MATCH IS NULL HAS COUNT".split(),
    *"span UNDER CHILD OF AFTER now name status duration tag.k metadata.k".split(),
    *"inputs outputs feedback.f 1 -1 1e999 1e-999 99999999999999999999 5s 5kb 0x1".split(),
    *"'a' '' \"b\" '%' '(a+)+$' '[' '1h ago' '2026-01-01' TRUE false `x` span.type".split(),
]  # fmt: skip


def soup(rng):
    return rng.choice(["", " "]).join(rng.choices(PIECES, k=rng.randrange(1, 25)))


def mutated(rng):
    text = rng.choice(MEANT)
    for _ in range(rng.randrange(1, 5)):
        at, length = rng.randrange(len(text) + 1), rng.randrange(6)
        put = rng.choice(
            ["", rng.choice(PIECES), text[at : at + 9], chr(rng.randrange(0x3000))]
        )
        text = text[:at] + put + text[at + length :]
    return text


@pytest.mark.parametrize(("make", "least"), [(soup, 0), (mutated, 100)])
def test_nothing_but_our_error_comes_out(make_trace, make, least):
    seed = random.randrange(10**9)  # of pytest-randomly, which prints its own
    rng = random.Random(seed)
    trace = make_trace(
        tags={"k": "a"},
        root={"raw_inputs": b'{"q":[{"k":"it\'s"}]}'},
        spans=[{"name": "a", "span_type": "TOOL"}],
    )
    read = 0

    for _ in range(TEXTS):
        text = make(rng)
        try:
            matches(parse_filter(text), trace)
            read += 1
        except FilterError as error:
            assert 0 <= error.position <= len(text), (seed, text)
            assert str(error), (seed, text)
        try:
            parse_order(text)
        except FilterError:
            pass

    assert read >= least, "some are filters by chance"
