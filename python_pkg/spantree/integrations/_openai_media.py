"""Images, sound and moderation of OpenAI's API, as far as spans tell of them."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Final

from spantree.entities.span import SpanType
from spantree.integrations._call import WireFormat
from spantree.integrations._openai_wire import described
from spantree.integrations._plain import plain
from spantree.integrations._reduce import Text, Unrecognized, fields_of

if TYPE_CHECKING:
    from collections.abc import Callable

_FILES: Final = ("file", "image", "mask")
_NO_FIELDS: Final = frozenset({"type", "usage", "b64_json", "partial_image_index"})


def _with_files(inputs: dict[str, object]) -> dict[str, object]:
    """Tell open files by name and size; they are never read."""
    held: dict[str, object] = {
        name: _file(inputs[name]) for name in _FILES if name in inputs
    }
    return {**inputs, **held}


def _file(value: object) -> object:
    if isinstance(value, list):
        return [_file(item) for item in value]
    found: dict[str, object] = {}
    if type(value) is io.BytesIO:
        found["bytes"] = value.getbuffer().nbytes
    elif type(value) is io.BufferedReader:
        found["name"] = os.path.basename(str(value.name))  # noqa: PTH119 - any text
        found["bytes"] = os.fstat(value.fileno()).st_size
    return found or value


class ImagesReducer:
    """Keeps the last image of a stream, which sends better and better ones."""

    __slots__ = ("_last", "_unrecognized")

    def __init__(self) -> None:
        self._last: dict[str, object] = {}
        self._unrecognized = Unrecognized()

    def add(self, chunk: object) -> None:
        """Take one event."""
        event = fields_of(chunk)
        if "b64_json" in event:
            self._last = event
        else:
            self._unrecognized.add(plain(chunk))

    def result(self) -> dict[str, object] | None:
        """Give the reply so far, in the form of one that isn't streamed."""
        event = self._last
        image = {k: event[k] for k in ("b64_json", "partial_image_index") if k in event}
        reply = {k: plain(v) for k, v in event.items() if k not in _NO_FIELDS}
        if image:
            reply["data"] = [image]
        if event.get("usage") is not None:
            reply["usage"] = plain(event["usage"])
        return self._unrecognized.into(reply) or None


class TranscriptReducer:
    """Joins the text of a transcription."""

    __slots__ = ("_done", "_segments", "_text", "_unrecognized")

    def __init__(self) -> None:
        self._text = Text()
        self._segments: list[object] = []
        self._done: dict[str, object] | None = None
        self._unrecognized = Unrecognized()

    def add(self, chunk: object) -> None:
        """Take one event."""
        event = fields_of(chunk)
        kind, delta = event.get("type"), event.get("delta")
        if kind == "transcript.text.delta" and isinstance(delta, str):
            self._text.add(delta)
        elif kind == "transcript.text.segment":
            self._segments.append(
                {k: plain(v) for k, v in event.items() if k != "type"}
            )
        elif kind == "transcript.text.done":
            self._done = {k: plain(v) for k, v in event.items() if k != "type"}
        else:
            self._unrecognized.add(plain(chunk))

    def result(self) -> dict[str, object] | None:
        """Give the reply so far, in the form of one that isn't streamed."""
        text = str(self._text)
        reply = self._done or ({"text": text} if text else {})
        if self._segments:
            reply = {**reply, "segments": list(self._segments)}
        return self._unrecognized.into(reply) or None


class SpeechReducer:
    """Counts the sound of a stream of events; it is not kept."""

    __slots__ = ("_characters", "_usage")

    def __init__(self) -> None:
        self._characters = 0
        self._usage: object = None

    def add(self, chunk: object) -> None:
        """Take one event."""
        event = fields_of(chunk)
        audio = event.get("audio")
        self._characters += len(audio) if isinstance(audio, str) else 0
        self._usage = event.get("usage") or self._usage

    def result(self) -> dict[str, object] | None:
        """Say how much sound there was: base64 holds 3 bytes in 4 characters."""
        reply: dict[str, object] = {"bytes": self._characters * 3 // 4}
        return reply if self._usage is None else {**reply, "usage": plain(self._usage)}


def _tool(
    reducer: Callable[[], ImagesReducer | TranscriptReducer | SpeechReducer] | None,
) -> WireFormat:
    # TOOL, as mlflow 3.17 types the calls of images.
    return WireFormat(
        SpanType.TOOL, describe=described, asked=_with_files, reducer=reducer
    )


IMAGES: Final = _tool(ImagesReducer)
TRANSCRIPTS: Final = _tool(TranscriptReducer)
SPEECH: Final = _tool(SpeechReducer)
MODERATIONS: Final = _tool(None)
