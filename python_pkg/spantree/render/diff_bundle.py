"""The difference of two traces as a cell's output: payload, HTML and text."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from spantree.render.budget import LEAN, Budget, bundle_bytes, notebook_bytes
from spantree.render.diff_view import MAX_HTML_ROWS, diff_html, diff_text
from spantree.render.html import with_notes as html_with_notes
from spantree.render.packing import pack
from spantree.render.payload import MIME, OutputDraft, output_ceiling
from spantree.render.text import choose_glyphs
from spantree.render.text import with_notes as text_with_notes
from spantree.render.words import cut_text, recall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.render.diff import DiffRow, TraceDiff
    from spantree.render.draft import TraceDraft

# Bits of the payload's `pairs.c`.
_CHANGES = {"inputs": 1, "outputs": 2, "status": 4}

_HTML_SHARE = 0.35
_NOTE_BYTES = 600


def diff_bundle(
    diff: TraceDiff,
    *,
    is_open: bool = True,
    hint: str = "",
    budget: Budget = LEAN,
) -> dict[str, object]:
    """Build the output of a comparison: three MIME types, each complete in itself.

    Args:
        diff: The two traces.
        is_open: Whether the aligned trees are open at first, or one line is shown.
        hint: A last line of the text, which then holds the headline alone.
        budget: What the output may take in the notebook file.
    """
    plain = f"{diff.headline}\n{hint}" if hint else diff_text(diff)
    trees = [diff.tree_a, diff.tree_b]
    ids = f"{diff.a.trace_id} {diff.b.trace_id}".encode()
    draft = OutputDraft(
        trees,
        budget,
        key=hashlib.blake2b(ids, digest_size=8).hexdigest(),
        mode="compare",
    )
    draft.payload["headline"] = diff.headline
    if not is_open:
        draft.payload["closed"] = True
    ceiling = output_ceiling(trees, budget)
    html = _fitting_html(diff, ceiling, is_open=is_open)
    room = None
    if ceiling is not None:
        # The pairs of rows that turn out not to be carried are left out of them.
        taken = notebook_bytes(pack(_all_pairs(diff)))
        room = ceiling - taken - _NOTE_BYTES
        room -= bundle_bytes({MIME: None, "text/html": html, "text/plain": plain})
    used = draft.add_rows(room)
    draft.payload["pairs"] = pack(_pairs(diff.rows, draft.drafts))
    draft.add_values(None if room is None else room - used)
    notes = [
        f"{cut_text(one.cut)}: {recall(one.tree)}" for one in draft.drafts if one.cut
    ]
    return {
        MIME: draft.payload,
        "text/html": html_with_notes(html, notes),
        "text/plain": text_with_notes(plain, notes, choose_glyphs(ascii_only=None)),
    }


def _fitting_html(diff: TraceDiff, ceiling: int | None, *, is_open: bool) -> str:
    rows = MAX_HTML_ROWS
    html = diff_html(diff, is_open=is_open)
    while ceiling is not None and rows > 1 and len(html) > ceiling * _HTML_SHARE:
        rows //= 2
        html = diff_html(diff, most=rows, is_open=is_open)
    return html


def _all_pairs(diff: TraceDiff) -> dict[str, list[int]]:
    rows = range(len(diff.rows))
    return {"a": [*rows], "b": [*rows], "c": [0 for _ in rows]}


def _pairs(
    rows: Sequence[DiffRow], drafts: Sequence[TraceDraft]
) -> dict[str, list[int]]:
    """Name the payload's rows of each pair, as far as both are carried."""
    places = [draft.places for draft in drafts]
    pairs: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    left_out_below: int | None = None
    for row in rows:
        if left_out_below is not None and row.level > left_out_below:
            continue
        left_out_below = None
        found = [
            -1 if span is None else place.get(id(span))
            for span, place in zip((row.a, row.b), places, strict=True)
        ]
        if None in found:
            # A row is carried with all above it: nothing is known of those below.
            left_out_below = row.level
            continue
        pairs["a"].append(found[0])  # type: ignore[arg-type]
        pairs["b"].append(found[1])  # type: ignore[arg-type]
        pairs["c"].append(sum(_CHANGES[what] for what in row.changes))
    return pairs
