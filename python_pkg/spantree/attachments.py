"""Bytes to keep with a trace; also ``spantree.tracing.attachments``."""

from spantree.entities.attachment import Attachment

__all__ = ["Attachment"]
