"""Pictures and sound leave the payload."""

from __future__ import annotations

import base64
import json
import re

import pytest

from spantree.entities.attachment import Attachment
from spantree.recording.capture import (
    SHELF,
    Attachments,
    capture,
    capture_arguments,
)

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10
TEXT = base64.b64encode(PNG).decode()
ADDRESS = re.compile(
    r"mlflow-attachment://[0-9a-f-]{36}\?content_type=image%2Fpng&trace_id=tr-1&size=2568"
)

FORMS = {
    "bytes": PNG,
    "attachment": Attachment("image/png", PNG),
    "data uri": f"data:image/png;base64,{TEXT}",
    "image_url": {
        "type": "image_url",
        "image_url": {"url": f"data:image/png;base64,{TEXT}"},
    },
    "anthropic": {
        "source": {"type": "base64", "media_type": "image/png", "data": TEXT}
    },
    "gemini": {"inline_data": {"mime_type": "image/png", "data": TEXT}},
    "generation": {"type": "image_generation_call", "result": TEXT},
    "bedrock": {"image": {"format": "png", "source": {"bytes": PNG}}},
    "images api": {"data": [{"b64_json": TEXT}]},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "wrap", [lambda v: v, lambda v: {"messages": [v]}, lambda v: [v, 2**70]]
)
def test_media_are_handed_out_and_leave_their_address(form, wrap):
    found = Attachments("tr-1")

    captured = capture(wrap(FORMS[form]), attachments=found)

    text = captured if isinstance(captured, str) else captured.decode()
    assert len(ADDRESS.findall(text)) == 1
    assert [media.content() for media in found] == [PNG]
    assert found[0].id in text


def test_sound_of_openai_is_known_by_its_name():
    found = Attachments("tr-1")
    value = {"type": "input_audio", "input_audio": {"data": TEXT, "format": "wav"}}

    capture([value], attachments=found)

    assert [media.content_type for media in found] == ["audio/wav"]


@pytest.mark.parametrize("form", FORMS)
def test_where_nobody_takes_them_a_note_stays(form, monkeypatch):
    monkeypatch.setattr(SHELF, "is_open", False)

    captured = capture({"v": FORMS[form]})

    assert (
        b'{"$spantree":"attachment","content_type":"image/png","size":2568}' in captured
    )
    assert TEXT[:100].encode() not in captured


def test_above_the_limit_a_note_stays():
    found = Attachments("tr-1", max_bytes=1_000)

    captured = capture([PNG], attachments=found)

    assert json.loads(captured)[0] == {
        "$spantree": "attachment",
        "content_type": "image/png",
        "size": 2568,
    }
    assert found == []


def test_an_argument_may_be_a_data_uri():
    found = Attachments("tr-1")

    captured = capture_arguments(
        {"image": FORMS["data uri"], "n": 1}, attachments=found
    )

    assert ADDRESS.search(captured.decode())
    assert len(found) == 1


def test_small_pictures_and_ordinary_text_stay():
    icon = f"data:image/png;base64,{TEXT[:200]}"
    text = "see data:image/png;base64, for how it works " * 100

    assert capture(icon) is icon
    assert capture(text) is text
    assert (
        capture([{"data": text, "media_type": "text/plain"}]).count(b"see data") == 100
    )


def test_a_file_is_read_with_its_type(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(PNG)

    assert Attachment.from_file(path) == Attachment("image/png", PNG)
