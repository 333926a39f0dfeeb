"""A trace as something to look at: payload, HTML, text, a file of its own, a widget.

The widget is :class:`spantree.render.widget.TraceWidget`; it is not imported here, as
it needs anywidget.
"""

from spantree.render.budget import COMPLETE, FULL, LEAN, LIVE, Budget
from spantree.render.bundle import mime_bundle, mode_for, span_bundle
from spantree.render.html import render_html
from spantree.render.page import to_html
from spantree.render.payload import MIME, build_output
from spantree.render.text import render_text

__all__ = [
    "COMPLETE",
    "FULL",
    "LEAN",
    "LIVE",
    "MIME",
    "Budget",
    "build_output",
    "mime_bundle",
    "mode_for",
    "render_html",
    "render_text",
    "span_bundle",
    "to_html",
]
