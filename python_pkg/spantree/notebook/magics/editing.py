"""``%session``, ``%trace_tag`` and ``%feedback``: what is said about traces."""

from __future__ import annotations

import getpass
import secrets
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from spantree.entities.assessment import (
    AssessmentSource,
    AssessmentSourceType,
    Feedback,
)
from spantree.notebook.arguments import MagicParser, number, pair
from spantree.notebook.magic import Magic
from spantree.notebook.report import Report
from spantree.notebook.suggestions import session_names, tag_keys, target_words
from spantree.notebook.targets import TARGET_HELP, find_span, find_trace
from spantree.recording import RECORDER

if TYPE_CHECKING:
    from argparse import Namespace

    from spantree.entities.trace import Trace
    from spantree.notebook.desk import Desk

_WORDS = {
    **dict.fromkeys(("up", "good", "yes"), True),
    **dict.fromkeys(("down", "bad", "no"), False),
}


def editing_magics(desk: Desk) -> list[Magic]:
    """Give ``%session``, ``%trace_tag`` and ``%feedback``."""
    session = MagicParser(
        "%session",
        "Show, choose or end the session of the traces of following cells.",
        ["%session trip-to-paris", "%session --new", "%session off"],
    )
    session.add_argument(
        "name", nargs="?", metavar="NAME|off", help="of following cells; or none"
    )
    session.add_argument("--new", action="store_true", help="a fresh name")
    tag = MagicParser(
        "%trace_tag",
        "Set tags of a trace, or remove them.",
        ["%trace_tag last reviewed=yes", "%trace_tag -2 reviewed- team=search"],
    )
    tag.add_argument("target", metavar="TARGET", help=TARGET_HELP)
    tag.add_argument("tags", nargs="+", metavar="KEY=VALUE|KEY-", help="set; remove")
    feedback = MagicParser(
        "%feedback",
        "Say how good a trace was: up, good, yes · down, bad, no · a number · a text.",
        [
            "%feedback last good",
            '%feedback last 0.4 --name accuracy --why "wrong year"',
        ],
    )
    feedback.add_argument("target", metavar="TARGET", help=TARGET_HELP)
    feedback.add_argument("value", metavar="VALUE", help="a word, a number or a text")
    feedback.add_argument(
        "--name", metavar="NAME", default="feedback", help="what is judged"
    )
    feedback.add_argument("--why", metavar="TEXT", help="the reason")
    feedback.add_argument("--span", metavar="ID", help="judge one span of it")
    targets = target_words(desk)
    return [
        Magic(session, lambda a: _session(a, desk), {"name": session_names(desk)}),
        Magic(
            tag,
            lambda a: _trace_tag(a, desk),
            {"target": targets, "tags": tag_keys(desk)},
        ),
        Magic(
            feedback,
            lambda a: _feedback(a, desk),
            {"target": targets, "value": lambda: _WORDS},
        ),
    ]


def _session(arguments: Namespace, desk: Desk) -> Report:
    if arguments.new and arguments.name:
        raise UsageError("%session takes a name or --new, not both.")
    if arguments.new:
        desk.frames.session = f"session-{secrets.token_hex(4)}"
    elif arguments.name == "off":
        desk.frames.session = None
    elif arguments.name:
        desk.frames.session = arguments.name
    name = desk.frames.session
    return Report(f"session {name}" if name else "no session", name)


def _trace_tag(arguments: Namespace, desk: Desk) -> Report:
    trace = find_trace(arguments.target, desk)
    changes: dict[str, str | None] = {}
    for word in arguments.tags:
        if word.endswith("-") and "=" not in word and len(word) > 1:
            changes[word[:-1]] = None
        else:
            key, value = pair(word)
            changes[key] = value
    _change_tags(trace, changes, desk)
    shown = " · ".join(
        f"{key}={value}"
        if value is not None
        else f"{key} {'removed' if key in trace.info.tags else 'was not set'}"
        for key, value in changes.items()
    )
    return Report(f"{trace.trace_id}: {shown}", changes)


def _change_tags(trace: Trace, changes: dict[str, str | None], desk: Desk) -> None:
    live = RECORDER.traces.get(trace.key)
    if live is None:
        desk.host.write(lambda store: store.patch(trace.key, tags=changes))
        return
    for key, value in changes.items():
        if value is None:
            live.remove_tag(key)
    live.update(tags=changes)


def _feedback(arguments: Namespace, desk: Desk) -> Report:
    if not arguments.value.strip() or not arguments.name.strip():
        raise UsageError("%feedback takes a value and a name that are not empty.")
    trace = find_trace(arguments.target, desk)
    span = find_span(trace, arguments.span) if arguments.span else None
    feedback = Feedback(
        name=arguments.name,
        source=AssessmentSource(AssessmentSourceType.HUMAN, _user()),
        trace_id=trace.trace_id,
        value=_value(arguments.value),
        rationale=arguments.why,
        span_id=span.span_id if span else None,
    )
    desk.host.judge(trace, lambda store: store.put_assessment(trace.key, feedback))
    return Report(f"{trace.trace_id}: {feedback.name} = {feedback.value!r}", feedback)


def _value(text: str) -> bool | float | int | str:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    found = number(text)
    return text if found is None else found


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "default"
