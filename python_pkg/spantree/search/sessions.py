"""Judgements of whole sessions, which find every trace of the session.

A feedback or expectation whose metadata names ``mlflow.trace.session`` is said of the
session that its trace belongs to. Only filters know: the other traces don't show it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from spantree.entities.trace import SESSION
from spantree.search.nodes import And, Comparison, Node, Not, Or

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spantree.entities.assessment import Assessment
    from spantree.search.fields import Field
    from spantree.search.summary import Summary

    OfSessions: TypeAlias = "Mapping[str, Sequence[Assessment]]"

JUDGED = ("feedback", "expectation", "assessment")
"""The fields that judgements decide."""


def judged_fields(node: Node | None) -> list[Field]:
    """Give the fields of judgements that a filter asks for."""
    if isinstance(node, Comparison):
        return [node.field] if node.field.key in JUDGED else []
    if isinstance(node, Not):
        return judged_fields(node.part)
    parts = node.parts if isinstance(node, (And, Or)) else ()
    return [field for part in parts for field in judged_fields(part)]


def judgements_of_sessions(summaries: Iterable[Summary]) -> OfSessions:
    """Give the judgements that are said of whole sessions, by session.

    Args:
        summaries: The traces that a search is limited to.
    """
    # As mlflow 3.17 has it: of the session of the trace judged, whatever text stands
    # in the metadata.
    found: dict[str, list[Assessment]] = {}
    for summary in summaries:
        if summary.session and summary.assessments:
            said = [a for a in summary.assessments if SESSION in a.metadata]
            found.setdefault(summary.session, []).extend(said)
    return found


def covered(summary: Summary, of_sessions: OfSessions) -> Summary:
    """Give a summary that knows what is said of its session."""
    said = of_sessions.get(summary.session) if summary.session else None
    return replace(summary, of_session=said) if said else summary
