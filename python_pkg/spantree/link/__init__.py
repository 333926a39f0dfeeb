"""Answers the viewer: what its page or notebook does not hold, from a store.

How messages travel is the business of who carries them: a kernel's comm, or HTTP.
"""

from spantree.link.answers import (
    FILE_BYTES,
    MOST_TRACES,
    PROTOCOL,
    REPLY_BYTES,
    Reply,
    Source,
    answer,
)

__all__ = [
    "FILE_BYTES",
    "MOST_TRACES",
    "PROTOCOL",
    "REPLY_BYTES",
    "Reply",
    "Source",
    "answer",
]
