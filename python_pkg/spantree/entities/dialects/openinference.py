"""OpenInference's attributes, of Arize's instrumentation packages.

Source: openinference-semantic-conventions 0.1.42.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.42"

KIND: Final = "openinference.span.kind"
# Kind → span type; the first of a type is the one that is written.
TYPES: Final = {
    "LLM": "CHAT_MODEL",
    "EMBEDDING": "EMBEDDING",
    "RETRIEVER": "RETRIEVER",
    "TOOL": "TOOL",
    "AGENT": "AGENT",
    "CHAIN": "CHAIN",
    "PROMPT": "CHAIN",
    "RERANKER": "RERANKER",
    "GUARDRAIL": "GUARDRAIL",
    "EVALUATOR": "EVALUATOR",
}
# Types that have no kind of their own.
KINDS: Final = {"LLM": "LLM", "WORKFLOW": "CHAIN", "TASK": "CHAIN", "PARSER": "CHAIN"}
UNKNOWN: Final = "UNKNOWN"

USAGE: Final = {
    "input_tokens": ("llm.token_count.prompt",),
    "output_tokens": ("llm.token_count.completion",),
    "total_tokens": ("llm.token_count.total",),
    "cache_read_input_tokens": ("llm.token_count.prompt_details.cache_read",),
    "cache_creation_input_tokens": ("llm.token_count.prompt_details.cache_write",),
    "reasoning_output_tokens": ("llm.token_count.completion_details.reasoning",),
}
COSTS: Final = {
    "input_cost": ("llm.cost.prompt",),
    "output_cost": ("llm.cost.completion",),
    "total_cost": ("llm.cost.total",),
}
MODEL: Final = "llm.model_name"
MODEL_ANSWERED: Final = "llm.response.model_name"
FIELDS: Final = {
    "mlflow.llm.model": (
        MODEL_ANSWERED,
        MODEL,
        "llm.request.model_name",
        "embedding.model_name",
        "reranker.model_name",
    ),
    "spantree.llm.request_model": ("llm.request.model_name",),
    "mlflow.llm.provider": ("llm.provider", "llm.system"),
}
FINISH_REASON: Final = ("llm.finish_reason",)
PARAMETERS: Final = "llm.invocation_parameters"
SESSION: Final = ("session.id",)
USER: Final = ("user.id",)
TAGS: Final = "tag.tags"
METADATA: Final = "metadata"
INPUT: Final = "input.value"
OUTPUT: Final = "output.value"
MIME_TYPE: Final = {INPUT: "input.mime_type", OUTPUT: "output.mime_type"}
JSON: Final = "application/json"
INPUT_MESSAGES: Final = "llm.input_messages"
OUTPUT_MESSAGES: Final = "llm.output_messages"
DOCUMENTS: Final = "retrieval.documents"
EMBEDDINGS: Final = "embedding.embeddings"
TOOLS: Final = "llm.tools"
