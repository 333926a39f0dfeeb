"""Traces the calls of the openai SDK, versions 1 to 3.

Not traced: realtime connections, files, batches, fine-tuning, lists of models; and
``with_raw_response`` objects that were taken before :func:`autolog` was called, since
they hold the methods as they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantree.integrations import _openai_media, _openai_wire
from spantree.integrations._call import Options
from spantree.integrations._integration import Integration, LibraryStatus, Versions
from spantree.integrations._patch import Hook, around
from spantree.integrations._sdk_calls import SDK, Operation
from spantree.integrations._sdk_results import Results

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantree.integrations._patch import Method

DISTRIBUTION: Final = "openai"
SUPPORTED: Final = Versions(first=(1, 40), tested=(3, 54))

_integration = Integration("openai", SUPPORTED)


_results = Results(
    "openai",
    _integration.site,
    (
        "lib.streaming.chat._completions.ChatCompletionStream",
        "lib.streaming.responses._responses.ResponseStream",
    ),
)
_sdk = SDK(
    _integration,
    _results,
    span_name=lambda target, _method: type(target).__name__,
    provider=_openai_wire.provider,
    tools=_openai_wire.chat_tools,
)


def _pair(
    wrap: Callable[[Method], Method],
    method: str,
    *modules: str,
    is_optional: bool = False,
) -> list[Hook]:
    """Make the hooks of one method, ``Class.method``, of a class and its async twin."""
    owner, _, name = method.partition(".")
    places = tuple(f"openai.{module}" for module in modules)
    return [
        Hook(places, prefix + owner, name, wrap, is_optional=is_optional)
        for prefix in ("", "Async")
    ]


def _hooks() -> list[Hook]:
    chat = around(Operation(_sdk, _openai_wire.CHAT))
    completions = around(Operation(_sdk, _openai_wire.COMPLETIONS))
    responses = around(Operation(_sdk, _openai_wire.RESPONSES))
    retrieved = around(
        Operation(
            _sdk,
            _openai_wire.RESPONSES,
            positional=("response_id",),
            only_streams=True,
        )
    )
    embeddings = around(Operation(_sdk, _openai_wire.EMBEDDINGS))
    images = around(Operation(_sdk, _openai_media.IMAGES))
    heard = around(Operation(_sdk, _openai_media.TRANSCRIPTS))
    spoken = around(Operation(_sdk, _openai_media.SPEECH))
    moderations = around(Operation(_sdk, _openai_media.MODERATIONS))
    # The package took over from a plain module of its name in the course of 1.x, where
    # `parse` first was a method of a class in beta.
    chat_modules = (
        "resources.chat.completions.completions",
        "resources.chat.completions",
    )
    beta_chat = "resources.beta.chat.completions"
    of_responses = "resources.responses.responses"
    of_beta = "resources.beta.responses.responses"
    of_images = "resources.images"
    return [
        *_pair(chat, "Completions.create", *chat_modules),
        *_pair(chat, "Completions.parse", *chat_modules, is_optional=True),
        *_pair(chat, "Completions.parse", beta_chat, is_optional=True),
        *_pair(completions, "Completions.create", "resources.completions"),
        *_pair(responses, "Responses.create", of_responses),
        *_pair(responses, "Responses.parse", of_responses, is_optional=True),
        *_pair(retrieved, "Responses.retrieve", of_responses, is_optional=True),
        *_pair(responses, "Responses.create", of_beta, is_optional=True),
        *_pair(embeddings, "Embeddings.create", "resources.embeddings"),
        *_pair(images, "Images.generate", of_images),
        *_pair(images, "Images.edit", of_images),
        *_pair(images, "Images.create_variation", of_images),
        *_pair(heard, "Transcriptions.create", "resources.audio.transcriptions"),
        *_pair(heard, "Translations.create", "resources.audio.translations"),
        *_pair(spoken, "Speech.create", "resources.audio.speech"),
        *_pair(moderations, "Moderations.create", "resources.moderations"),
    ]


_integration.hooks = (*_hooks(), *_results.hooks())


def autolog(
    *,
    disable: bool = False,
    silent: bool = False,
    log_traces: bool = True,
    exclusive: bool = False,
    disable_for_unsupported_versions: bool = True,
    log_inputs: bool = True,
    log_outputs: bool = True,
    chunk_events: bool = False,
    propagate: bool = False,
    disable_openai_agent_tracer: bool = True,
) -> None:
    """Trace the calls of the openai SDK from now on, imported already or not.

    Calling it again changes the options. What the SDK sends and returns stays as it
    is.

    Args:
        disable: Stop tracing instead; calls under way are finished.
        silent: Say nothing about an unsupported version or an absent library.
        log_traces: False is the same as ``disable``.
        exclusive: Accepted, as MLflow does; without effect.
        disable_for_unsupported_versions: False traces a version outside of
            :data:`SUPPORTED`, too, as far as the hooks fit.
        log_inputs: Whether the arguments are recorded.
        log_outputs: Whether the replies are recorded; usage and model always are.
        chunk_events: Record each chunk of a stream as an event, too.
        propagate: Send a ``traceparent`` header, so that a service of your own which
            stands behind the client can continue the trace.
        disable_openai_agent_tracer: Accepted, as MLflow does; without effect.
    """
    del exclusive, disable_openai_agent_tracer
    _integration.switch(
        Options(
            log_inputs=log_inputs,
            log_outputs=log_outputs,
            chunk_events=chunk_events,
            propagate=propagate,
        ),
        on=log_traces and not disable,
        is_silent=silent,
        only_supported=disable_for_unsupported_versions,
    )


def status() -> LibraryStatus:
    """Say whether calls are traced, by which hooks, and how many were."""
    return _integration.status()
