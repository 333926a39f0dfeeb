"""What the payload says of a trace as a whole."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from spantree.entities.ids import parse_span_id
from spantree.render.budget import notebook_bytes
from spantree.render.escape import without_surrogates
from spantree.render.summary import trace_name
from spantree.render.values import DECODE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spantree.entities.assessment import Assessment
    from spantree.render.tree import TraceTree

CELL_ID = "spantree.cell.id"
CELL_COUNT = "spantree.cell.exec_count"

# Characters of the previews, tags, assessments: the first step is the format's limit,
# the later ones serve small ceilings and hostile texts.
_STEPS = ((1000, 20, 50), (300, 8, 8), (100, 0, 0), (0, 0, 0))
_TAG_CHARACTERS = 200
_NUMBER = re.compile("[0-9]{1,15}")
_VALUE_CHARACTERS = 500
_WHY_CHARACTERS = 500
_USAGE_NAMES = {
    "input_tokens": "in",
    "output_tokens": "out",
    "total_tokens": "total",
    "cache_read_input_tokens": "cr",
    "cache_creation_input_tokens": "cw",
    "reasoning_output_tokens": "re",
}


def build_header(tree: TraceTree, room: int | None) -> dict[str, object]:
    """Build a trace's fields, its rows and values left out.

    Args:
        tree: The trace.
        room: Bytes it should take in the notebook; texts are shortened, then tags and
            assessments left out (and counted in ``cut``) until it does.
    """
    for characters, tags, assessments in _STEPS:
        header = _header(tree, characters, tags, assessments)
        if room is None or notebook_bytes(header, 8) <= room:
            break
    return header


def _header(
    tree: TraceTree, characters: int, max_tags: int, max_assessments: int
) -> dict[str, object]:
    info = tree.trace.info
    header: dict[str, object] = {
        "id": info.trace_id,
        "name": trace_name(tree),
        "state": info.state.value,
        "t0": str(tree.start_ns),
        "dur": tree.total_us,
        "n": tree.span_count,
        "errors": len(tree.error_rows),
        "usage": {
            short: tree.usage.tokens[name]
            for name, short in _USAGE_NAMES.items()
            if name in tree.usage.tokens
        },
        "req": _shortened(_request(tree), characters),
        "resp": _shortened(_response(tree), characters),
    }
    if tree.usage.total_cost is not None:
        # Sums of binary fractions; nobody is billed below a picodollar.
        header["cost"] = round(tree.usage.total_cost, 12)
    for key, text in (("session", info.session), ("user", info.user)):
        if text:
            header[key] = _shortened(text, _TAG_CHARACTERS)
    own_tags = {k: v for k, v in info.tags.items() if not k.startswith("mlflow.")}
    kept = list(own_tags.items())[:max_tags]
    header["tags"] = {
        _shortened(key, _TAG_CHARACTERS): _shortened(text, _TAG_CHARACTERS)
        for key, text in kept
    }
    valid = [a for a in info.assessments if a.valid]
    header["assess"] = _assessments(tree, valid[:max_assessments])
    cell = _cell(tree)
    if cell:
        header["cell"] = cell
    header["cut"] = {
        key: left
        for key, left in (
            ("tags", len(own_tags) - len(kept)),
            ("assess", len(valid) - min(max_assessments, len(valid))),
        )
        if left
    }
    lost, why = tree.lost
    if lost:
        header["lost"] = {"n": lost, "why": _shortened(why, 40)}
    return header


def _request(tree: TraceTree) -> str:
    known = tree.trace.info.request_preview
    return known if known is not None else tree.root_previews[0]


def _response(tree: TraceTree) -> str:
    known = tree.trace.info.response_preview
    return known if known is not None else tree.root_previews[1]


def _shortened(text: object, characters: int) -> str:
    clean = without_surrogates(str(text))
    return clean if len(clean) <= characters else clean[: max(0, characters - 1)] + "…"


def _assessments(
    tree: TraceTree, found: Iterable[Assessment]
) -> list[dict[str, object]]:
    rows: dict[int, int] = {}
    for row, span in enumerate(tree.spans):
        if span is not None:
            rows.setdefault(span.span_key, row)
    return [_assessment(assessment, rows) for assessment in found]


def _assessment(assessment: Assessment, rows: dict[int, int]) -> dict[str, object]:
    entry: dict[str, object] = {
        "id": _shortened(assessment.assessment_id, 80),
        "name": _shortened(assessment.name, _TAG_CHARACTERS),
        "kind": assessment.kind,
        "value": _value(assessment),
        "source": _shortened(_source(assessment), 120),
        "why": _shortened(assessment.rationale or "", _WHY_CHARACTERS),
        "at_ms": assessment.create_time_ms,
    }
    key = parse_span_id(assessment.span_id) if assessment.span_id else None
    if key in rows:
        entry["row"] = rows[key]
    return entry


def _source(assessment: Assessment) -> str:
    source = assessment.source
    if source.source_id in (None, "default"):
        return source.source_type
    return f"{source.source_type} {source.source_id}"


def _value(assessment: Assessment) -> object:
    """Give the judgement as JSON: scalars as they are, the rest as short text."""
    value = assessment.value
    if assessment.error is not None:
        error = assessment.error
        value = f"{error.error_code}: {error.error_message or ''}".rstrip(": ")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and abs(value) < 2**53:
        return value
    if isinstance(value, str):
        return _shortened(value, _VALUE_CHARACTERS)
    try:
        return _shortened(json.dumps(value, ensure_ascii=False), _VALUE_CHARACTERS)
    except (*DECODE_ERRORS, TypeError):
        return type(value).__name__


def _cell(tree: TraceTree) -> dict[str, object] | None:
    root = tree.trace.data.root
    metadata = tree.trace.info.trace_metadata
    attributes = root.raw_attributes if root else {}
    known = metadata.get(CELL_ID) or attributes.get(CELL_ID)
    if not isinstance(known, str):
        return None
    count = str(metadata.get(CELL_COUNT, attributes.get(CELL_COUNT)))
    number = int(count) if _NUMBER.fullmatch(count) else None
    return {"id": _shortened(known, 80), "n": number}
