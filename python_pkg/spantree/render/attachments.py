"""Media inside recorded values: taken out of the text, listed once each."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field

# A whole JSON string, not a key, that is a data URL. The quote is no escaped one, so
# it opens a string; base64 may have its slashes escaped.
_DATA_URL = re.compile(
    r'(?<!\\)"data:([\w.+-]{1,60}\\?/[\w.+-]{1,80});base64,'
    r'((?:[A-Za-z0-9+/=]|\\/){200,})"(?!\s*:)'
)
_MIN_CHARACTERS = 256

MARKER = ";base64,"
"""What every data URL with an attachment contains."""

MARKER_BYTES = MARKER.encode()


@dataclass(slots=True)
class Attachments:
    """The attachments of one trace, numbered in the order they are met.

    Args:
        entries: ``{mime, bytes, ref}`` of each, as the payload's ``blobs``.
        data: Base64 text of each.
    """

    entries: list[dict[str, object]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    _numbers: dict[object, int] = field(default_factory=dict)

    def extract(self, text: str) -> str:
        """Replace each data URL above 256 bytes by ``{"$blob": k}``."""
        if MARKER not in text:
            return text
        return _DATA_URL.sub(self._replace, text)

    def forget_after(self, count: int) -> None:
        """Keep the first attachments only."""
        for entry in self.entries[count:]:
            del self._numbers[entry["ref"]]
        del self.entries[count:]
        del self.data[count:]

    def _replace(self, match: re.Match[str]) -> str:
        if len(match[0]) - 2 <= _MIN_CHARACTERS:
            return match[0]
        data = match[2].replace("\\/", "/")
        try:
            content = base64.b64decode(data, validate=True)
        except binascii.Error:
            return match[0]
        ref = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if ref not in self._numbers:
            self._numbers[ref] = len(self.entries)
            mime = match[1].replace("\\/", "/")
            self.entries.append({"mime": mime, "bytes": len(content), "ref": ref})
            self.data.append(data)
        return f'{{"$blob":{self._numbers[ref]}}}'
