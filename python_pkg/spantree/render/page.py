"""One HTML file that shows traces anywhere, without network or kernel."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

from spantree.render.budget import COMPLETE
from spantree.render.escape import html_text
from spantree.render.format import format_bytes
from spantree.render.html import draw_html
from spantree.render.packing import compact_json
from spantree.render.payload import OutputDraft
from spantree.render.summary import trace_name
from spantree.render.text import MAX_OPEN_TRACES
from spantree.render.tree import TraceTree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantree.entities.trace import Trace

LARGE_BYTES = 50_000_000
STATIC = Path(__file__).resolve().parent.parent / "static"

_logger = logging.getLogger("spantree.render")
_NO_SCRIPT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:1rem}"
    "code{font:12px ui-monospace,monospace}details{margin-left:1rem}p{margin:.2rem 0}"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}}"
)
_NOT_BUILT = (
    "This copy of spantree was built without its viewer, so this page shows the "
    "static tree only."
)
# What would end a script element early, or hide its end; inside JavaScript's strings,
# templates and patterns the backslash changes nothing.
_UNSAFE_IN_SCRIPT = re.compile(r"<(?=/script|!--)", re.IGNORECASE)
_JSON_ESCAPES = {
    ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"
}


def to_html(traces: Sequence[Trace], *, title: str | None = None) -> str:
    """Write traces as one self-contained HTML page, with every value complete.

    Args:
        traces: The traces, by start time.
        title: The page's title; the first trace's name when left out.
    """
    trees = [TraceTree(trace) for trace in traces]
    name = title or (trace_name(trees[0]) if trees else "spantree")
    script = viewer_script()
    tree = draw_html(trees, mode=_mode(trees))
    if script is None:
        return _page(name, _NO_SCRIPT, f"<p>{_NOT_BUILT}</p>\n{tree}")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{digest}'; "
    policy += "style-src 'unsafe-inline'; img-src data:"
    page = _page(
        name,
        policy,
        '<div id="spantree-root"></div>\n'
        f"<noscript>\n{tree}\n</noscript>\n"
        '<script type="application/json" id="spantree-payload">'
        f"{_payload_json(trees)}</script>\n"
        f'<script type="module">{script}</script>',
    )
    if len(page) > LARGE_BYTES:
        _logger.warning(
            "The page of %r has %s; browsers may be slow to open it. "
            "Export fewer traces at once.",
            name,
            format_bytes(len(page)),
        )
    return page


def viewer_script() -> str | None:
    """Give the viewer's script, safe inside a script element; None if not built."""
    try:
        script = (STATIC / "page.js").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return _UNSAFE_IN_SCRIPT.sub(r"\\x3c", script)


def _payload_json(trees: Sequence[TraceTree]) -> str:
    key = hashlib.sha256("".join(t.trace.trace_id for t in trees).encode()).hexdigest()
    draft = OutputDraft(trees, COMPLETE, key=key[:16], mode=_mode(trees))
    draft.add_rows(None)
    draft.add_values(None)
    return compact_json(draft.payload).decode().translate(_JSON_ESCAPES)


def _mode(trees: Sequence[TraceTree]) -> str:
    return "tree" if len(trees) <= MAX_OPEN_TRACES else "rows"


def _page(title: str, policy: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )
