"""Images, sound and moderation of the real SDK."""

from __future__ import annotations

import io

import pytest
from support.sdk import sdk

import spantree

openai = sdk("openai")

SOUND = b"RIFF0000WAVE" + bytes(100)


def only_span(traces):
    assert len(traces) == 1
    (span,) = traces[0].data.spans
    assert span.end_time_ns is not None
    assert span.span_type == "TOOL"
    return span


def test_a_generated_image(client, traces):
    reply = client.images.generate(model="gpt-image-1", prompt="a grey point", n=2)

    span = only_span(traces)
    assert span.name == "Images"
    assert span.inputs == {"model": "gpt-image-1", "prompt": "a grey point", "n": 2}
    assert span.outputs == reply.to_dict()
    assert span.model_name == "gpt-image-1"
    assert span.token_usage["total_tokens"] == reply.usage.total_tokens


async def test_an_asynchronous_image(async_client, traces):
    reply = await async_client.images.generate(model="gpt-image-1", prompt="a point")

    assert only_span(traces).name == "AsyncImages"
    assert only_span(traces).outputs == reply.to_dict()


def test_a_streamed_image_keeps_the_last_one(client, traces):
    events = list(
        client.images.generate(
            model="gpt-image-1", prompt="a point", stream=True, partial_images=2
        )
    )

    span = only_span(traces)
    assert span.outputs["data"] == [{"b64_json": events[-1].b64_json}]
    assert span.get_attribute("spantree.stream.items") == 3
    assert span.token_usage["total_tokens"] == events[-1].usage.total_tokens


def test_a_streamed_image_left_early_keeps_the_partial_one(client, traces):
    with client.images.generate(
        model="gpt-image-1", prompt="a point", stream=True, partial_images=2
    ) as stream:
        first = next(iter(stream))

    span = only_span(traces)
    assert span.outputs["data"] == [
        {"b64_json": first.b64_json, "partial_image_index": 0}
    ]
    assert span.token_usage is None
    assert span.status.status_code == "OK"


def test_an_edited_image_tells_the_file_and_leaves_it_to_the_sdk(
    client, provider, traces, tmp_path
):
    path = tmp_path / "point.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    with path.open("rb") as image:
        client.images.edit(model="gpt-image-1", prompt="darker", image=image)

    assert only_span(traces).inputs["image"] == {"name": "point.png", "bytes": 58}
    assert b"\x89PNG" in provider.requests[0].body


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_a_variation(client, traces):
    client.images.create_variation(image=io.BytesIO(b"\x89PNG"))

    assert only_span(traces).inputs["image"] == {"bytes": 4}


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
@pytest.mark.parametrize("kind", ["transcriptions", "translations"])
def test_sound_to_text(client, traces, kind):
    method = getattr(client.audio, kind).create
    reply = method(model="gpt-4o-transcribe", file=io.BytesIO(SOUND))

    span = only_span(traces)
    assert span.name == kind.title()
    assert span.inputs["file"] == {"bytes": 112}
    assert span.outputs["text"] == reply.text


def test_a_streamed_transcript_equals_one_at_once(client, traces):
    asked = {"model": "gpt-4o-transcribe", "file": ("a.wav", SOUND)}
    client.audio.transcriptions.create(**asked)
    list(client.audio.transcriptions.create(**asked, stream=True))

    at_once, streamed = (trace.data.spans[0] for trace in traces)
    assert streamed.outputs == at_once.outputs
    assert streamed.token_usage == at_once.token_usage


async def test_an_asynchronous_transcript(async_client, traces):
    reply = await async_client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=io.BytesIO(SOUND)
    )

    assert only_span(traces).name == "AsyncTranscriptions"
    assert only_span(traces).outputs["text"] == reply.text


def test_text_to_sound_says_how_much(client, traces):
    reply = client.audio.speech.create(model="tts-1", voice="alloy", input="hello")

    span = only_span(traces)
    assert span.name == "Speech"
    assert span.inputs["input"] == "hello"
    assert span.outputs == {"content_type": "audio/wav", "bytes": len(reply.content)}


def test_sound_that_the_user_reads_is_not_taken_for_text(client, traces):
    calls = client.audio.speech.with_streaming_response
    with calls.create(model="tts-1", voice="alloy", input="hello") as response:
        sound = response.read()

    assert sound.startswith(b"RIFF")
    assert only_span(traces).outputs == {
        "content_type": "audio/wav",
        "bytes": len(sound),
    }


async def test_moderation(client, async_client, traces):
    with spantree.start_span("both"):
        reply = client.moderations.create(input="violence")
        await async_client.moderations.create(input="peace")

    _, first, second = traces[0].data.spans
    assert first.name == "Moderations"
    assert first.span_type == "TOOL"
    assert first.outputs == reply.to_dict()
    assert second.name == "AsyncModerations"
    assert second.outputs["results"][0]["flagged"] is False


def test_the_last_answer_of_a_failed_call_is_its_error(client, traces):
    with pytest.raises(openai.RateLimitError):
        client.images.generate(model="m", prompt="@@status=429@@")

    assert only_span(traces).status.status_code == "ERROR"
