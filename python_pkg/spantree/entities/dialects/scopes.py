"""Whose spans are about models: instrumentation scopes by their beginnings."""

from __future__ import annotations

from typing import Final

MODEL_SCOPES: Final = (
    "openinference.instrumentation",
    "opentelemetry.instrumentation.genai",
    "opentelemetry.instrumentation.openai",
    "opentelemetry.instrumentation.anthropic",
    "opentelemetry.instrumentation.langchain",
    "opentelemetry.instrumentation.llamaindex",
    "opentelemetry.instrumentation.google_genai",
    "opentelemetry.instrumentation.google_generativeai",
    "opentelemetry.instrumentation.vertexai",
    "opentelemetry.instrumentation.bedrock",
    "opentelemetry.instrumentation.ollama",
    "opentelemetry.instrumentation.mistralai",
    "opentelemetry.instrumentation.groq",
    "opentelemetry.instrumentation.cohere",
    "opentelemetry.instrumentation.chromadb",
    "opentelemetry.instrumentation.pinecone",
    "opentelemetry.instrumentation.qdrant",
    "opentelemetry.instrumentation.weaviate",
    "opentelemetry.instrumentation.milvus",
    "opentelemetry.instrumentation.lancedb",
    "opentelemetry.instrumentation.mcp",
    "opentelemetry.instrumentation.crewai",
    "opentelemetry.instrumentation.haystack",
    "com.anthropic.sdk.python",
    "autogen",
    "langfuse-sdk",
    "litellm",
    "pydantic-ai",
    "haystack",
    "strands",
    "agent_framework",
    "traceloop",
    "gcp.vertex.agent",
)

# Library that we trace ourselves → scopes that would record the same once more.
COVERED: Final = {
    "openai": (
        "openinference.instrumentation.openai",
        "opentelemetry.instrumentation.openai",
        "opentelemetry.instrumentation.genai.openai",
    ),
    "anthropic": (
        "openinference.instrumentation.anthropic",
        "opentelemetry.instrumentation.anthropic",
        "opentelemetry.instrumentation.genai.anthropic",
        "com.anthropic.sdk.python",
    ),
    "langchain": (
        "openinference.instrumentation.langchain",
        "opentelemetry.instrumentation.langchain",
        "opentelemetry.instrumentation.genai.langchain",
    ),
    "llama_index": (
        "openinference.instrumentation.llama_index",
        "opentelemetry.instrumentation.llamaindex",
    ),
    "dspy": ("openinference.instrumentation.dspy",),
    "autogen": (
        "openinference.instrumentation.autogen",
        "openinference.instrumentation.autogen_agentchat",
        "autogen-core",
        "autogen_core",
    ),
}


# SDKs that write the context of their own span into the headers of their requests; a
# span without one leaves the headers as they are.
SENT_ALONG: Final = frozenset({"com.anthropic.sdk.python"})


def is_model_scope(name: str) -> bool:
    """Whether an instrumentation's spans are about models."""
    return name.startswith(MODEL_SCOPES)


def is_within(name: str, scopes: tuple[str, ...]) -> bool:
    """Whether a scope is one of some, or below one of them."""
    return any(name == scope or name.startswith(f"{scope}.") for scope in scopes)
