"""Snapshots of values: bounded, safe, and final.

:func:`capture` and :func:`capture_arguments` run on the caller's thread. They run no
code of the user's classes (no ``repr``, ``len``, ``iter``, ``==``, property or hook),
never raise, and keep within :class:`Limits`.
"""

from __future__ import annotations

from spantree.recording.capture.cuts import Cut, located
from spantree.recording.capture.failures import report_failures_to
from spantree.recording.capture.limits import Limits, configure_limits, limits
from spantree.recording.capture.media import Attachments, Media
from spantree.recording.capture.readers import register_serializer
from spantree.recording.capture.shelf import SHELF
from spantree.recording.capture.snapshot import capture, capture_arguments, is_plain
from spantree.recording.capture.text import bounded

__all__ = [
    "SHELF",
    "Attachments",
    "Cut",
    "Limits",
    "Media",
    "bounded",
    "capture",
    "capture_arguments",
    "configure_limits",
    "is_plain",
    "limits",
    "located",
    "register_serializer",
    "report_failures_to",
]
