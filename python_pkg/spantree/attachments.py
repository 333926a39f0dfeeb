"""Bytes to keep with a trace; also ``spantree.tracing.attachments``."""

from spantree.recording.capture import Attachment

__all__ = ["Attachment"]
