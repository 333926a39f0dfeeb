"""Masks secrets before anything is written, shown, logged or sent."""

from __future__ import annotations

from spantree.recording.redaction.redactor import Redactor

__all__ = ["Redactor"]
