"""Traces that the rendering tests draw."""

from __future__ import annotations

import orjson

from spantree.entities import Span, Trace, TraceData, TraceInfo, TraceState
from spantree.entities.span import SpanStatusCode
from spantree.entities.trace import TraceLocation

T0 = 1_763_726_592_000_000_000
TRACE_KEY = 0x0AF7651916CD43DD8448EB211C80319C


def span(
    key: int,
    parent: int | None,
    name: str,
    span_type: str = "UNKNOWN",
    start_ms: float = 0,
    ms: float | None = 1,
    *,
    error: tuple[str, str] | None = None,
    status: SpanStatusCode | None = None,
    inputs: object = None,
    outputs: object = None,
    attributes: dict[str, object] | None = None,
    model: str | None = None,
    tokens: tuple[int, int] | None = None,
    cost: float | None = None,
) -> Span:
    raw = {k: captured(v) for k, v in (attributes or {}).items()}
    if model is not None:
        raw["mlflow.llm.model"] = model
    if tokens is not None:
        usage = {
            "input_tokens": tokens[0],
            "output_tokens": tokens[1],
            "total_tokens": sum(tokens),
        }
        raw["mlflow.chat.tokenUsage"] = orjson.dumps(usage)
    if cost is not None:
        raw["mlflow.llm.cost"] = orjson.dumps({"total_cost": cost})
    start = T0 + round(start_ms * 1e6)
    events = []
    if error is not None:
        kind, message = error
        details = {
            "exception.type": kind,
            "exception.message": message,
            "exception.stacktrace": f"Traceback:\n{kind}: {message}",
        }
        events.append(("exception", start, details))
    code = SpanStatusCode.OK if error is None else SpanStatusCode.ERROR
    if ms is None:
        code = SpanStatusCode.UNSET
    return Span(
        trace_key=TRACE_KEY,
        span_key=key,
        parent_key=parent,
        name=name,
        span_type=span_type,
        start_time_ns=start,
        end_time_ns=None if ms is None else start + round(ms * 1e6),
        status_code=status or code,
        status_message=": ".join(error) if error else "",
        raw_inputs=captured(inputs),
        raw_outputs=captured(outputs),
        raw_attributes=raw,
        raw_events=events,
    )


def captured(value: object) -> object:
    """Take a value as capture does: scalars by reference, containers as JSON."""
    if value is None or isinstance(value, (str, int, float, bytes)):
        return value
    return orjson.dumps(value)


def trace(spans: list[Span], state: TraceState | None = None, **info: object) -> Trace:
    data = TraceData(spans)
    root = data.root
    failed = root is not None and root.status_code is SpanStatusCode.ERROR
    fields: dict[str, object] = {
        "trace_id": f"tr-{TRACE_KEY:032x}",
        "trace_location": TraceLocation.from_experiment_id("0"),
        "request_time": T0 // 1_000_000,
        "state": state or (TraceState.ERROR if failed else TraceState.OK),
        **info,
    }
    return Trace(TraceInfo(**fields), data)  # type: ignore[arg-type]


def agent_trace() -> Trace:
    """An agent with a retrieval fan-out, a failing tool and four model calls."""
    question = {"question": "Which of our offices is nearest to the customer in Graz?"}
    chat = {
        "messages": [
            {"role": "system", "content": "Answer from the documents only."},
            {"role": "user", "content": question["question"]},
        ]
    }
    reply = {
        "choices": [{"message": {"role": "assistant", "content": "The Vienna office."}}]
    }
    failed = ("KeyError", "'city'")
    return trace(
        [
            span(1, None, "answer_question", "AGENT", 0, 3420, inputs=question,
                 outputs="The Vienna office is nearest.", error=failed),
            span(2, 1, "plan", "CHAIN", 2, 310),
            span(3, 2, "openai.chat", "CHAT_MODEL", 20, 290, model="gpt-4o-mini",
                 tokens=(360, 52), cost=0.0002, inputs=chat, outputs=reply),
            *(
                span(4 + i, 1, "retrieve", "RETRIEVER", 320 + 40 * i, 39,
                     inputs={"query": f"office {i}"},
                     outputs=[{"page_content": "Vienna", "metadata": {"rank": i}}])
                for i in range(6)
            ),
            span(10, 1, "rerank", "RERANKER", 562, 95),
            span(11, 1, "research", "AGENT", 660, 1610),
            span(12, 11, "openai.chat", "CHAT_MODEL", 665, 720, model="gpt-4o-mini",
                 tokens=(1100, 104), cost=0.0008, inputs=chat, outputs=reply),
            span(13, 11, "lookup_city", "TOOL", 1390, 31, inputs={"name": "Graz"},
                 error=failed),
            span(14, 11, "openai.chat", "CHAT_MODEL", 1430, 835, model="gpt-4o-mini",
                 tokens=(1200, 111), cost=0.0028, inputs=chat, outputs=reply),
            span(15, 1, "openai.chat", "CHAT_MODEL", 2275, 1120, model="gpt-4o",
                 tokens=(9188, 215), cost=0.0172, inputs=chat, outputs=reply),
            span(16, 1, "parse_answer", "PARSER", 3400, 14),
        ]
    )  # fmt: skip


def later_agent_trace() -> Trace:
    """The agent's next run: faster, the lookup works, one retrieval less."""
    found = agent_trace()
    made = [
        one for one in found.data.spans if one.name != "rerank" and one.span_key != 9
    ]
    for one in made:
        if one.name == "lookup_city":
            one.status_code, one.status_message = SpanStatusCode.OK, ""
            one.raw_events = []
            one.raw_outputs = captured({"city": "Graz", "country": "Austria"})
        if one.model_name == "gpt-4o":
            one.end_time_ns -= 700_000_000
            one.raw_attributes["mlflow.chat.tokenUsage"] = captured(
                {"input_tokens": 7020, "output_tokens": 180, "total_tokens": 7200}
            )
            one.raw_outputs = captured(
                {"choices": [{"message": {"role": "assistant", "content": "Vienna."}}]}
            )
    made[0].end_time_ns -= 700_000_000
    made.append(span(17, 1, "check_answer", "GUARDRAIL", 2710, 8))
    later = trace(made)
    later.info.trace_id = "tr-" + "5" * 32
    for one in made:
        one.trace_key = int("5" * 32, 16)
    return later


def renumber(spans: list[Span]) -> None:
    """Spread the ids over 64 bits, as real ones are."""
    for one in spans:
        one.span_key = one.span_key * 0x9E3779B97F4A7C15 % 2**64
        if one.parent_key is not None:
            one.parent_key = one.parent_key * 0x9E3779B97F4A7C15 % 2**64


def wide_trace(count: int, value: object = None) -> Trace:
    """A root over groups of ten; every span has inputs, outputs and attributes."""
    value = captured(value)
    spans = [
        span(
            1,
            None,
            "root",
            "AGENT",
            0,
            10_000,
            inputs=value or "all of it",
            outputs=value,
        )
    ]
    for at in range(1, count):
        parent = 1 if at % 10 == 1 else (at - 1) // 10 * 10 + 2
        given = {"query": f"question {at * 7919 % 9973}"} if value is None else value
        gave = {"answer": f"text {at * 104729 % 99991}"} if value is None else value
        spans.append(
            span(at + 1, parent, f"step_{at % 23}", ("TOOL", "LLM", "CHAIN")[at % 3],
                 at * 0.9, 5 + at % 7, inputs=given, outputs=gave,
                 attributes={"attempt": at, "region": f"eu-{at % 5}"},
                 model="gpt-x" if at % 3 == 1 else None,
                 tokens=(at % 900, at % 90) if at % 3 == 1 else None)
        )  # fmt: skip
    renumber(spans)
    return trace(spans)
