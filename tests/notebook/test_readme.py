"""The README: short, true, and its snippets run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

MIME = "application/vnd.spantree.trace.v1+json"
ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)\n```$", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def ran(module_run_cells):
    """A newcomer's notebook: the snippets one after the other, the last but one twice."""
    begin, frame, compare, own = SNIPPETS
    return module_run_cells(
        begin, frame + "\nlen(df)", compare, compare, own, "len(df)"
    )


def test_it_has_at_most_600_words():
    assert len(TEXT.split()) <= 600


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", TEXT)

    assert len(links) >= 8
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_its_magics_are_those_there_are():
    from support.magics_page import examples

    known = {lines[0].split()[0].lstrip("%") for _, lines in examples()} | {"load_ext"}
    named = set(re.findall(r"(?<![\w%])%{1,2}([a-z_]+)", TEXT))

    assert named <= known
    assert named >= known


def test_the_call_draws_its_tree_under_its_cell(ran):
    (tree,) = ran.trees(0)

    assert [trace["name"] for trace in tree[MIME]["traces"]] == ["Completions"]


def test_the_search_finds_it(ran):
    assert ran.text(1).strip() == "1"


def test_the_comparison_says_what_changed(ran):
    assert "nothing to compare yet" in ran.text(2)
    shown = [o.data for o in ran.outputs(3) if o.output_type == "display_data"]
    said, further = shown[0]["text/plain"].split("\n")
    # Two calls may take the same time, to the digits that are shown.
    assert re.fullmatch(r"[\d.]+ ?ms( → [\d.]+ ?ms.*)? · 7 tok · same values", said)
    assert further.startswith("%trace diff tr-")


def test_own_functions_draw_a_tree_and_are_found(ran):
    (tree,) = ran.trees(4)

    assert [trace["name"] for trace in tree[MIME]["traces"]] == ["retrieve"]
    assert int(ran.text(5)) >= 3


def test_nothing_goes_wrong(ran):
    kinds = [(o.output_type, o.get("name")) for n in range(6) for o in ran.outputs(n)]
    assert ("error", None) not in kinds
    assert ("stream", "stderr") not in kinds
