"""``%trace`` and ``%trace diff``: one trace, or two side by side."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from spantree.entities.trace import Trace, TraceData
from spantree.notebook.arguments import MagicParser
from spantree.notebook.magic import Magic
from spantree.notebook.report import Report, View
from spantree.notebook.suggestions import target_words
from spantree.notebook.targets import TARGET_HELP, find_span, find_trace
from spantree.render import render_text, to_html
from spantree.render.diff import TraceDiff
from spantree.store.uri import expanded

if TYPE_CHECKING:
    from argparse import Namespace

    from spantree.entities.span import Span
    from spantree.notebook.desk import Desk


def trace_magics(desk: Desk) -> list[Magic]:
    """Give ``%trace`` and its subcommand ``diff``."""
    parser = MagicParser(
        "%trace",
        "Show a trace, give it to a variable, or compare two: %trace diff -h.",
        ["%trace", "t = %trace -2", "%trace last --text", "%trace diff -2 last"],
    )
    parser.add_argument(
        "target",
        nargs="?",
        default="last",
        metavar="TARGET",
        help=f"{TARGET_HELP} (default: last)",
    )
    parser.add_argument("--depth", type=int, metavar="N", help="levels open at first")
    parser.add_argument("--span", metavar="ID", help="only this span and those below")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--text", action="store_true", help="the tree as text")
    form.add_argument("--json", action="store_true", help="the whole trace as JSON")
    form.add_argument("--html", metavar="FILE", help="write one page for any browser")
    diff = MagicParser(
        "%trace diff",
        "Compare two traces: aligned trees, what got slower, what changed.",
        ["%trace diff -2 last", "d = %trace diff -2 -1"],
    )
    diff.add_argument("a", metavar="TARGET", help="the one before")
    diff.add_argument(
        "b", nargs="?", metavar="TARGET", help="the one after (default: last)"
    )
    targets = target_words(desk)
    return [
        Magic(parser, lambda a: _trace(a, desk), {"target": targets}),
        Magic(diff, lambda a: _diff(a, desk), {"a": targets, "b": targets}),
    ]


def _trace(arguments: Namespace, desk: Desk) -> object:
    if arguments.depth is not None and arguments.depth < 0:
        raise UsageError(f"--depth is a count of levels, not {arguments.depth}.")
    if arguments.depth is not None and (
        arguments.text or arguments.json or arguments.html
    ):
        raise UsageError(
            "--depth is for the drawn tree: not with --text, --json, --html."
        )
    trace = find_trace(arguments.target, desk)
    if arguments.span:
        trace = _below(trace, find_span(trace, arguments.span))
    if arguments.text:
        return Report(render_text([trace]), trace)
    if arguments.json:
        data = trace.to_dict()
        return Report(json.dumps(data, ensure_ascii=False, indent=2), data)
    if arguments.html:
        return _write_page(trace, arguments.html)
    if arguments.depth is not None:
        desk.frames.note_shown(trace)
        return View(trace, depth=arguments.depth, key=secrets.token_hex(8))
    return trace


def _diff(arguments: Namespace, desk: Desk) -> TraceDiff:
    before = find_trace(arguments.a, desk)
    after = find_trace(arguments.b or "last", desk)
    if arguments.b is None and before.key == after.key:
        raise UsageError(
            f"{arguments.a} is the last trace itself. Name two: %trace diff -2 last"
        )
    return TraceDiff(before, after)


def _below(trace: Trace, top: Span) -> Trace:
    """Give the part of a trace below a span, the span included."""
    kept = {top.span_key}
    spans = [top]
    for span in trace.data.spans:  # parents before children
        if span.parent_key in kept:
            kept.add(span.span_key)
            spans.append(span)
    return Trace(trace.info, TraceData(spans))


def _write_page(trace: Trace, name: str) -> Report:
    file = expanded(name)
    page = to_html([trace])
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{name} can't be written: {error.strerror}.") from None
    return Report(f"wrote {file} ({len(page.encode()) / 1000:,.0f} kB)", file)
