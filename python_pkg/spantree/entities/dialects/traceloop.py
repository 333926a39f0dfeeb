"""OpenLLMetry's attributes, of Traceloop's instrumentation packages.

Source: opentelemetry-semantic-conventions-ai 0.5.1. Newer packages write ``gen_ai.*``;
these are the words that are only theirs.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.5.1"

KIND: Final = "traceloop.span.kind"
TYPES: Final = {
    "workflow": "WORKFLOW",
    "task": "TASK",
    "agent": "AGENT",
    "tool": "TOOL",
}
REQUEST: Final = "llm.request.type"
REQUEST_TYPES: Final = {
    "chat": "CHAT_MODEL",
    "completion": "LLM",
    "embedding": "EMBEDDING",
    "rerank": "RERANKER",
}
INPUT: Final = "traceloop.entity.input"
OUTPUT: Final = "traceloop.entity.output"
PROMPT: Final = "gen_ai.prompt"
COMPLETION: Final = "gen_ai.completion"
USAGE: Final = {"total_tokens": ("llm.usage.total_tokens",)}
# A vector store's query: its results are span events, one a document.
RESULT_EVENT: Final = "db.query.result"
RESULT: Final = {
    "page_content": "db.query.result.document",
    "metadata": "db.query.result.metadata",
    "id": "db.query.result.id",
    "score": "db.query.result.score",
    "distance": "db.query.result.distance",
}
