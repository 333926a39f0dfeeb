"""OpenAI's dialect: embeddings, images, sound and moderation."""

from __future__ import annotations

import base64
import email
import struct
from typing import TYPE_CHECKING, Final

from spantree.demo._replies import count_tokens, embedding, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantree.demo._openai_wire import Event, Json

_CREATED: Final = 1_700_000_000
_DIMENSIONS: Final = 64
_IMAGE_TOKENS: Final = 16
_PARTIAL_IMAGES: Final = 2

# A picture of one grey point, and a sound of no length.
_PNG: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCB"
    "d81ytgAAAABJRU5ErkJggg=="
)
SOUND: Final = b"RIFF$\x00\x00\x00WAVEfmt " + bytes(28)


def form(content_type: str, raw: bytes) -> Json:
    """Read a form with files; of each file its name and its size are kept."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    found: Json = {}
    for part in email.message_from_bytes(head + raw).walk():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            file = part.get_filename()
            value = {"name": file, "bytes": len(payload)} if file else payload.decode()
            found[name] = value
    return found


def embeddings(body: Json) -> Json:
    """Write the reply of ``/embeddings``."""
    given = body.get("input") or []
    texts = [given] if isinstance(given, str) else [str(text) for text in given]
    dimensions = body.get("dimensions") or _DIMENSIONS
    floats = [embedding(text, dimensions) for text in texts]
    is_packed = body.get("encoding_format") == "base64"
    vectors = [_packed(v, dimensions) if is_packed else v for v in floats]
    tokens = sum(count_tokens(text) for text in texts)
    return {
        "object": "list",
        "model": body.get("model"),
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _packed(vector: list[float], dimensions: int) -> str:
    return base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode()


def images(body: Json) -> Json:
    """Write the reply of ``/images/…``: the same point for every prompt."""
    image = {"b64_json": base64.b64encode(_PNG).decode()}
    return {
        "created": _CREATED,
        "data": [image] * int(body.get("n") or 1),
        "usage": _image_usage(body),
    }


def _image_usage(body: Json) -> Json:
    asked = count_tokens(str(body.get("prompt") or ""))
    return {
        "input_tokens": asked,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": asked},
        "output_tokens": _IMAGE_TOKENS,
        "total_tokens": asked + _IMAGE_TOKENS,
    }


def image_events(body: Json) -> Iterator[Event]:
    """Write the reply of ``/images/generations`` in events."""
    shown = {
        "b64_json": base64.b64encode(_PNG).decode(),
        "created_at": _CREATED,
        "background": "opaque",
        "output_format": "png",
        "quality": "low",
        "size": "1024x1024",
    }
    for number in range(_PARTIAL_IMAGES):
        kind = "image_generation.partial_image"
        yield kind, {"type": kind, **shown, "partial_image_index": number}
    kind = "image_generation.completed"
    yield kind, {"type": kind, **shown, "usage": _image_usage(body)}


_HEARD: Final = "This is what was said."


def transcript(body: Json) -> Json:
    """Write the reply of ``/audio/transcriptions`` and ``/audio/translations``."""
    del body
    tokens = count_tokens(_HEARD)
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": tokens}
    return {"text": _HEARD, "usage": {**usage, "total_tokens": 14 + tokens}}


def transcript_events(body: Json) -> Iterator[Event]:
    """Write the reply of ``/audio/transcriptions`` in events."""
    for piece in pieces(_HEARD):
        kind = "transcript.text.delta"
        yield kind, {"type": kind, "delta": piece}
    kind = "transcript.text.done"
    yield kind, {"type": kind, **transcript(body)}


def moderations(body: Json) -> Json:
    """Write the reply of ``/moderations``: violence where it is spoken of."""
    flagged = "violence" in str(body.get("input"))
    return {
        "id": "modr-demo",
        "model": body.get("model") or "omni-moderation-latest",
        "results": [
            {
                "flagged": flagged,
                "categories": {"violence": flagged},
                "category_scores": {"violence": 0.9 if flagged else 0.1},
                "category_applied_input_types": {"violence": ["text"]},
            }
        ],
    }
