"""OpenTelemetry's ``gen_ai.*`` attributes; all of them still change.

Source: open-telemetry/semantic-conventions-genai, manifest 1.42.0-dev, and the older
spellings since 1.27 of semantic-conventions.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = "1.42.0-dev"
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"

OPERATION: Final = ("gen_ai.operation.name",)
# Operation → span type; the first of a type is the one that is written.
TYPES: Final = {
    "chat": "CHAT_MODEL",
    "generate_content": "CHAT_MODEL",
    "text_completion": "LLM",
    "embeddings": "EMBEDDING",
    "retrieval": "RETRIEVER",
    "execute_tool": "TOOL",
    "invoke_agent": "AGENT",
    "create_agent": "AGENT",
    "invoke_workflow": "WORKFLOW",
    "plan": "CHAIN",
    "search_memory": "MEMORY",
    "create_memory": "MEMORY",
    "update_memory": "MEMORY",
    "upsert_memory": "MEMORY",
    "delete_memory": "MEMORY",
    "create_memory_store": "MEMORY",
    "delete_memory_store": "MEMORY",
}
# `plan` is read as a chain; a chain is no `plan`.
NOT_WRITTEN: Final = frozenset({"plan"})

USAGE: Final = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "cache_read_input_tokens": ("gen_ai.usage.cache_read.input_tokens",),
    "cache_creation_input_tokens": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
    ),
    "reasoning_output_tokens": ("gen_ai.usage.reasoning.output_tokens",),
}
FIELDS: Final = {
    "mlflow.llm.model": ("gen_ai.response.model", "gen_ai.request.model"),
    "spantree.llm.request_model": ("gen_ai.request.model",),
    "mlflow.llm.provider": ("gen_ai.provider.name", "gen_ai.system"),
    "spantree.llm.finish_reasons": ("gen_ai.response.finish_reasons",),
    "spantree.llm.response_id": ("gen_ai.response.id",),
}
PARAMETERS: Final = {
    "temperature": ("gen_ai.request.temperature",),
    "max_tokens": ("gen_ai.request.max_tokens",),
    "top_p": ("gen_ai.request.top_p",),
    "top_k": ("gen_ai.request.top_k",),
    "seed": ("gen_ai.request.seed",),
    "stop": ("gen_ai.request.stop_sequences",),
    "n": ("gen_ai.request.choice.count",),
}
SESSION: Final = ("gen_ai.conversation.id",)
INPUT_MESSAGES: Final = ("gen_ai.input.messages",)
OUTPUT_MESSAGES: Final = ("gen_ai.output.messages",)
INSTRUCTIONS: Final = ("gen_ai.system_instructions",)
TOOLS: Final = ("gen_ai.tool.definitions",)
TOOL_ARGUMENTS: Final = ("gen_ai.tool.call.arguments",)
TOOL_RESULT: Final = ("gen_ai.tool.call.result",)
QUERY: Final = ("gen_ai.retrieval.query.text",)
DOCUMENTS: Final = ("gen_ai.retrieval.documents",)
FIRST_CHUNK_S: Final = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.client.operation.time_to_first_chunk",  # as pydantic-ai 2 writes it
)
# What pydantic-ai 2 writes of an agent's whole run: all that was said, with how many of
# the messages were there before, and what came out.
RUN_MESSAGES: Final = "pydantic_ai.all_messages"
RUN_HAS_HISTORY: Final = "pydantic_ai.new_message_index"
RUN_RESULT: Final = "final_result"
# Span events of the older style: name → role.
EVENT_ROLES: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
CHOICE_EVENT: Final = "gen_ai.choice"
