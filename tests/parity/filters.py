"""Every form of a search that MLflow's grammar knows, and traces that tell them apart.

A form is a key in one of its spellings, an operator and a value in one of its
spellings; then orders, pages and lists of experiments. Nothing here imports spantree or
MLflow: see ``lab``.
"""

from __future__ import annotations

import itertools
from typing import Any

START_MS = 1_700_000_000_000
NUMBERS = ("=", "!=", "<", "<=", ">", ">=")
PATTERNS = ("LIKE", "ILIKE", "RLIKE")
TEXTS = ("=", "!=", *PATTERNS)
LISTS = ("IN", "NOT IN")
NULLS = ("IS NULL", "IS NOT NULL")
PREFIXES = ("", "trace.", "attribute.", "attributes.")


def record(m: Any) -> None:
    """Record traces whose names say what they are for, a second after each other."""
    make = _Maker(m)
    make.trace("plain", tags={"team": "red", "n": "12"}, took_ms=1000)
    make.trace("Plain", tags={"team": "Red", "n": "5"}, took_ms=1500, status="ERROR")
    make.trace("per%cent_x", tags={"team": "r%d", "n": "abc"}, took_ms=2000)
    make.trace("perXcent-x", tags={"team": "*[?]", "n": "1.5"}, took_ms=2001)
    make.trace("it's", tags={"team": "it's", "dotted.key": "a.b"}, took_ms=3000)
    make.trace("naïve 漢字", tags={"team": "漢", "my key": "spaced"}, took_ms=4000)
    make.trace(
        "chat",
        tags={"dotted.key": "c", "empty": ""},
        metadata={"mlflow.trace.session": "s-1", "mlflow.trace.user": "ada", "k": "v"},
        took_ms=5000,
    )
    make.trace(
        "chat again",
        metadata={"mlflow.trace.session": "s-1", "mlflow.trace.user": "bob", "k": "V2"},
        took_ms=6000,
    )
    make.trace("of a run", metadata={"mlflow.sourceRun": "run-7", "dotted.meta": "m.n"})
    make.trace(
        "nested",
        spans=[
            ("retrieve", "RETRIEVER", "OK", {"k": 5, "lang": "en"}),
            ("tool", "TOOL", "ERROR", {"lang": "de", "deep": {"er": "x"}}),
            ("Chat", "CHAT_MODEL", "OK", {"model": "gpt-4o", "dotted.attr": "d"}),
        ],
    )
    make.trace("tool chain", spans=[("tool", "TOOL", "OK", {"lang": "en", "ok": True})])
    make.judged("good", True, 0.9, "yes", 12)
    make.judged("bad", False, 0.1, "no", "12")
    make.judged("fair", True, 5, "Yes it is", [1])
    make.whole_session("s-1")
    make.judged_session("s-3")
    make.deleted_judge("s-4")
    make.requested("requested", "req-1")
    make.requested("requested too", "REQ-2")
    m.flush_trace_async_logging()


class _Maker:
    def __init__(self, m: Any) -> None:
        self.m = m
        self.count = 0

    def trace(
        self, name, *, tags=None, metadata=None, took_ms=500, status="OK", spans=()
    ):
        self.count += 1
        at = (START_MS + 1000 * self.count) * 1_000_000
        root = self.m.start_span_no_context(
            name,
            span_type="AGENT",
            inputs={"question": f"what is {name}?"},
            tags={"dated": "yes", **(tags or {})},
            metadata=metadata,
            start_time_ns=at,
        )
        for place, (child, kind, state, attributes) in enumerate(spans, 1):
            span = self.m.start_span_no_context(
                child,
                span_type=kind,
                parent_span=root,
                inputs={"needle": f"{child} in {name}"},
                attributes=attributes,
                start_time_ns=at + place,
            )
            span.end(status=state, end_time_ns=at + place + 1)
        root.end(status=status, end_time_ns=at + took_ms * 1_000_000)
        return root.trace_id

    def judged(self, name, right, score, word, answer):
        trace_id = self.trace(name)
        self.m.flush_trace_async_logging()
        for key, value in {"right": right, "score": score, "word": word}.items():
            self.m.log_feedback(trace_id=trace_id, name=key, value=value)
        self.m.log_expectation(trace_id=trace_id, name="answer", value=answer)
        old = self.m.log_feedback(trace_id=trace_id, name="revised", value="old")
        self.m.override_feedback(
            trace_id=trace_id, assessment_id=old.assessment_id, value=f"new {name}"
        )

    def whole_session(self, session, judgement="coherent"):
        """Judge a conversation by one of its traces, as MLflow's judges do."""
        trace_id = self.trace("last of s-1", metadata={"mlflow.trace.session": session})
        self.m.flush_trace_async_logging()
        self.m.log_feedback(
            trace_id=trace_id,
            name=judgement,
            value=True,
            metadata={"mlflow.trace.session": session},
        )

    def judged_session(self, session):
        """Judge a conversation in each way that differs, by the first of its traces."""
        of_session = {"mlflow.trace.session": session}
        trace_id = self.trace("first of s-3", metadata=of_session)
        self.trace("second of s-3", metadata=of_session)
        stray = self.trace("of no session")
        self.m.flush_trace_async_logging()
        feedback, override = self.m.log_feedback, self.m.override_feedback

        def say(name, value, metadata=None, trace_id=trace_id):
            made = feedback(
                trace_id=trace_id, name=name, value=value, metadata=metadata
            )
            return {"trace_id": trace_id, "assessment_id": made.assessment_id}

        failed = ValueError("the judge is away")
        feedback(trace_id=trace_id, name="failed", error=failed, metadata=of_session)
        say("helpful", 0.7, of_session)
        say("own", "a word", {"k": "mlflow.trace.session"})
        say("moved", "elsewhere", {"mlflow.trace.session": "s-1"})
        say("stray", "a word", of_session, stray)
        override(**say("tone", "rude", of_session), value="kind", metadata=of_session)
        override(**say("mood", "bad", of_session), value="fine")
        self.m.delete_assessment(**say("deleted", "yes", of_session))
        self.m.log_expectation(
            trace_id=trace_id, name="goal", value="booked", metadata=of_session
        )

    def deleted_judge(self, session):
        """Delete the trace by which a conversation was judged."""
        of_session = {"mlflow.trace.session": session}
        judge = self.trace("deleted", metadata=of_session)
        self.trace("left of s-4", metadata=of_session)
        self.m.flush_trace_async_logging()
        self.m.log_feedback(
            trace_id=judge, name="gone", value="yes", metadata=of_session
        )
        here = self.m.get_trace(judge).info.experiment_id
        client = self.m.MlflowClient()
        client.delete_traces(experiment_id=here, trace_ids=[judge])

    def requested(self, name, client_request_id):
        with self.m.start_span(name) as span:
            self.m.update_current_trace(client_request_id=client_request_id)
            # At once: a busy machine would make it any length.
            span.end(end_time_ns=span.start_time_ns)


def quoted(text: str) -> list[str]:
    """Write a text in each of the quotes that can hold it."""
    return [f"{q}{text}{q}" for q in "'\"" if q not in text]


def compared(keys, operators, values) -> list[str]:
    return [" ".join(p) for p in itertools.product(keys, operators, values)]


def each(keys, operators, texts) -> list[str]:
    """Compare with each text, in the double quotes too for the first key and text."""
    values = [quoted(text)[0] for text in texts]
    found = compared(keys, operators, values)
    return found + compared(keys[:1], operators, quoted(texts[0])[1:])


def listed(keys, texts) -> list[str]:
    values = [quoted(t)[0] for t in texts]
    both = [f"({values[0]})", f"({', '.join(values)})", f"({','.join(values)})"]
    return compared(keys, LISTS, both)


def spelled(key: str) -> list[str]:
    return [f"{prefix}{key}" for prefix in PREFIXES]


def _times() -> list[str]:
    at = START_MS + 3000
    values = [str(at), str(at + 500), "0", f"{at}.5", "-1", "9999999999999"]
    return [
        *compared(spelled("timestamp_ms"), NUMBERS, values[:3]),
        *compared(["timestamp", "attributes.timestamp"], NUMBERS, values),
        *compared(["end_time", "end_time_ms"], NUMBERS, [str(at + 2000), str(at)]),
        *compared(spelled("end_time_ms"), NUMBERS[:3], [str(at + 2000)]),
    ]


def _durations() -> list[str]:
    values = ["1500", "2000", "2000.5", "0", "-5", "1e3"]
    return [
        *compared(["execution_time_ms", "execution_time"], NUMBERS, values),
        *compared(spelled("execution_time"), ["=", ">="], ["1500"]),
    ]


def _fields() -> list[str]:
    patterns = [
        "plain",
        "P%",
        "%ai%",
        "_lain",
        "%'%".replace("'", ""),
        "per%_x",
        "chat",
    ]
    return [
        *each(spelled("name"), TEXTS, ["plain", "Plain"]),
        *each(["name"], PATTERNS[:2], [*patterns, "NAÏVE%", "%漢字", "%", "", "it's"]),
        *each(["name"], ["RLIKE"], ["^p", "x$", "^pl.*n$", "[0-9]", "cent.x", "漢"]),
        *each(["name"], ["=", "!="], ["it's", "naïve 漢字", "", "per%cent_x"]),
        *listed(["name"], ["plain", "chat"]),
        *each(spelled("status"), ["=", "!="], ["OK", "ERROR"]),
        *each(["status"], TEXTS, ["OK", "ok", "E%", "IN_PROGRESS", "nonsense"]),
        *listed(spelled("status"), ["OK", "ERROR"]),
        *listed(["status"], ["ERROR", "ok"]),
        *each(["client_request_id"], TEXTS, ["req-1", "REQ%", "%-_", "req"]),
        *each(spelled("client_request_id"), ["="], ["REQ-2"]),
        *listed(["client_request_id"], ["req-1", "x"]),
        *each(["run_id", "attributes.run_id"], TEXTS, ["run-7", "run%", "x"]),
        *listed(["run_id"], ["run-7", "x"]),
        *each(["request_id", "trace.request_id"], TEXTS, ["tr-%", "nothing", "%"]),
        *listed(["request_id"], ["nothing", "x"]),
        *each(["prompt"], ["=", "!=", "LIKE"], ["p/1", "p"]),
    ]


def _keyed() -> list[str]:
    tags = ["tag.team", "tags.team", "tags.`team`", 'tags."team"', "`tags`.team"]
    dotted = ["tag.dotted.key", "tags.`dotted.key`", 'tags."dotted.key"']
    session = [
        "metadata.`mlflow.trace.session`",
        "request_metadata.mlflow.trace.session",
    ]
    return [
        *each(tags, TEXTS, ["red", "r%", "R%"]),
        *compared([*tags, *dotted, "tag.none", "tags.`my key`"], NULLS, [""]),
        *each(["tag.team"], TEXTS, ["it's", "*[?]", "漢", "r%d", "_ed", ""]),
        *each(dotted, TEXTS, ["a.b", "%.%"]),
        *each(["tags.n"], TEXTS, ["12", "1.5", "%1%", "^[0-9]+$"]),
        *each(["tags.`my key`", "tags.empty", "tag.none"], TEXTS, ["spaced", "", "%"]),
        *each(["tags.`mlflow.traceName`"], TEXTS, ["plain", "%x"]),
        *each(["metadata.k", "request_metadata.k"], TEXTS, ["v", "V%", "%"]),
        *each(["metadata.dotted.meta", "metadata.`dotted.meta`"], TEXTS, ["m.n", "m%"]),
        *each(session, TEXTS, ["s-1", "S%", "s-2"]),
        *each(["metadata.`mlflow.trace.user`"], TEXTS, ["ada", "%b%"]),
        *compared(["metadata.k", "metadata.none", *session], NULLS, [""]),
        *compared(["metadata.`mlflow.sourceRun`"], NULLS, [""]),
    ]


def _of_spans() -> list[str]:
    return [
        *each(["span.name"], TEXTS, ["tool", "T%", "%a%", "^t", "plain"]),
        *each(["span.type"], TEXTS, ["TOOL", "tool", "%_MODEL", "AGENT", "X"]),
        *each(["span.status"], TEXTS, ["OK", "ERROR", "UNSET", "E%"]),
        *listed(["span.name", "span.type"], ["tool", "TOOL"]),
        *listed(["span.status"], ["ERROR", "UNSET"]),
        *each(["span.content", "trace.text"], PATTERNS[:2], ["%needle%", "%TOOL in%"]),
        *each(["span.content"], PATTERNS[:2], ["%what is chat%", "%nothing%", "tool"]),
        *each(["span.attributes.lang"], TEXTS, ["en", "d%", "%e%", "^en$", "xx"]),
        *each(["span.attributes.k"], TEXTS, ["5", "%5%"]),
        *each(["span.attributes.`dotted.attr`"], ["LIKE", "RLIKE"], ["%d%", "d"]),
        *listed(["span.attributes.lang"], ["en", "de"]),
    ]


def _judgements() -> list[str]:
    return [
        *each(["feedback.right"], ["=", "!="], ["true", "false", "True"]),
        *each(["feedback.score"], ["=", "!="], ["0.9", "5", "5.0", "x"]),
        *compared(["feedback.score"], NUMBERS[2:], ["0.5", "5", "-1", "'0.5'"]),
        *compared(["feedback.right"], NUMBERS[2:], ["0", "1"]),
        *compared(["feedback.word"], NUMBERS[2:], ["0"]),
        *each(["feedback.word"], TEXTS, ["yes", "%yes%", "%YES%", "no", "e"]),
        *each(["feedback.`word`"], ["="], ["no"]),
        *each(["feedback.revised"], TEXTS, ["old", "%old%", "%new%", "new good"]),
        *each(["expectation.answer"], TEXTS, ["12", "%12%"]),
        *compared(["expectation.answer"], NUMBERS[2:], ["11", "12"]),
        *compared(["feedback.right", "feedback.none", "feedback.revised"], NULLS, [""]),
        *compared(["expectation.answer", "expectation.none"], NULLS, [""]),
        *each(["issue.id"], ["=", "!="], ["i-1"]),
        *each(["feedback.coherent"], ["=", "!="], ["true", "false"]),
        *compared(["feedback.coherent"], NULLS, [""]),
        *compared(["feedback.helpful"], NUMBERS[2:], ["0.5", "0.7"]),
        *each(["feedback.helpful"], ["=", "!="], ["0.7"]),
        *each(["feedback.tone", "feedback.mood"], TEXTS, ["%bad%", "%kind%", "fine"]),
        *each(["feedback.own", "feedback.moved", "feedback.stray"], TEXTS, ["%wo%"]),
        *each(["feedback.failed"], TEXTS, ["x", "null", "%u%"]),
        *compared(["feedback.failed"], NUMBERS[2:], ["0"]),
        *each(["expectation.goal"], TEXTS, ["booked", "%OOK%"]),
        *compared(
            [
                *(f"feedback.{name}" for name in "helpful tone mood own moved".split()),
                *(
                    f"feedback.{name}"
                    for name in "stray deleted gone goal failed".split()
                ),
                "expectation.goal",
                "expectation.helpful",
            ],
            NULLS,
            [""],
        ),
    ]


def _joined() -> list[str]:
    parts = [
        "status = 'OK'",
        "name LIKE '%a%'",
        f"timestamp_ms > {START_MS + 4000}",
        "execution_time >= 1000",
        "tags.team = 'red'",
        "metadata.k LIKE 'v%'",
        "span.type = 'TOOL'",
        "span.status = 'ERROR'",
        "span.name = 'tool'",
        "feedback.right = 'true'",
        "tag.none IS NULL",
        "tag.n IS NOT NULL",
        "span.content LIKE '%nested%'",
        "client_request_id != 'x'",
        "feedback.helpful > 0.5",
    ]
    pairs = [" AND ".join(p) for p in itertools.combinations(parts, 2)]
    return [
        *pairs,
        " and ".join(parts[:3]),
        "span.type = 'TOOL' AND span.status = 'ERROR' AND span.name = 'tool'",
        "span.type = 'TOOL' AND span.name = 'Chat'",
        "tags.team = 'red' AND tags.n = '12' AND tags.dated = 'yes'",
        "  status   =   'OK'  ",
        "status='OK'",
        "status = 'OK' AND",
        "status = 'OK'\nAND name = 'plain'",
        "",
        "STATUS = 'OK'",
        "Name = 'plain'",
        "status in ('OK')",
        "status not in ('OK')",
        "name like 'p%'",
        "name Like 'p%'",
        "tags.none is null",
        "tags.none is  not  null",
        "tag.TEAM = 'red'",
        "Tags.team = 'red'",
        "TAGS.team = 'red'",
        "`status` = 'OK'",
        "attributes.`status` = 'OK'",
        "\"status\" = 'OK'",
        "span.`name` = 'tool'",
        "feedback.\"word\" = 'no'",
        "metadata.\"k\" = 'v'",
        "execution_time > 1.5",
        "execution_time = '1500'",
        "status = 'OK' AND status = 'ERROR'",
        "status = 'OK';",
        "status <> 'OK'",
        "timestamp <> 5",
        "status IS NULL",
        "status IS NOT NULL",
        "name IS NULL",
        "span.name IS NULL",
        "name NOT LIKE 'p%'",
        "tag.team NOT LIKE 'p%'",
        "feedback.score BETWEEN 0 AND 1",
        "feedback.right = true",
        "feedback.score = 5",
        # What MLflow refuses; ours may give anything but an internal error.
        "status = 'OK' OR status = 'ERROR'",
        "NOT status = 'OK'",
        "(status = 'OK')",
        "timestamp BETWEEN 1 AND 2",
        "status == 'OK'",
        "tags.team IN ('red')",
        "state = 'OK'",
        "session_id = 's-1'",
        "nonsense",
        "nothing.x = 'y'",
        "status > 'OK'",
        "timestamp = 'now'",
        "name = plain",
        "AND",
        "tags. = 'x'",
        "status = ",
        "= 'OK'",
    ]


FILTERS = list(
    dict.fromkeys(
        [
            *_times(),
            *_durations(),
            *_fields(),
            *_keyed(),
            *_of_spans(),
            *_judgements(),
            *_joined(),
        ]
    )
)
ORDERS = [
    [f"{key}{direction}"]
    for key in (
        "timestamp",
        "timestamp_ms",
        "execution_time",
        "execution_time_ms",
        "end_time",
        "end_time_ms",
        "status",
        "name",
        "run_id",
        "experiment_id",
        "attributes.timestamp",
        "trace.name",
        "tags.team",
        "tag.n",
        "tags.`dotted.key`",
        "metadata.k",
        "request_metadata.k",
        "metadata.`mlflow.trace.session`",
        "tags.none",
        "nonsense",
        "cost",
        "tags.",
    )
    for direction in ("", " ASC", " DESC", " desc")
] + [
    ["status DESC", "execution_time"],
    ["status", "tags.team DESC", "timestamp ASC"],
    ["tags.team", "metadata.k", "name DESC"],
    [],
]
PAGES = [1, 2, 3, 7, 100]


def answers(m: Any, client: Any) -> dict[str, Any]:
    """Ask each form; what is refused is ``"refused"``.

    Args:
        m: The module, with the traces of :func:`record` in its active experiment.
        client: Its ``MlflowClient``.
    """
    here = m.search_traces(return_type="list")[0].info.experiment_id
    found = {text: _asked(m, filter_string=text) for text in FILTERS}
    dated = "tags.dated = 'yes'"
    for order in ORDERS:
        found[f"ORDER BY {order}"] = _asked(m, filter_string=dated, order_by=order)
    for size in PAGES:
        found[f"PAGES OF {size}"] = _pages(client, here, size, None)
        found[f"PAGES OF {size}, ORDERED"] = _pages(client, here, size, ["status"])
    other = m.create_experiment("filters elsewhere")
    m.set_experiment(experiment_id=other)
    make = _Maker(m)
    make.count = 50
    make.trace("elsewhere", metadata={"mlflow.trace.session": "s-3"})
    make.whole_session("s-1", "abroad")
    m.flush_trace_async_logging()
    lists = {
        "here": [here],
        "there": [other],
        "both": [here, other],
        "unknown": ["999999"],
        "here and unknown": [here, "999999"],
    }
    for name, ids in lists.items():
        found[f"LOCATIONS {name}"] = _asked(m, filter_string=dated, locations=ids)
        found[f"EXPERIMENT_IDS {name}"] = _asked(
            m, filter_string=dated, experiment_ids=ids
        )
        for judged in ("helpful", "abroad"):
            for test in ("= 'true'", "> 0.5", *NULLS):
                text = f"feedback.{judged} {test}"
                found[f"LOCATIONS {name}: {text}"] = _asked(
                    m, filter_string=text, locations=ids
                )
    return found


def _asked(m: Any, **options: Any) -> Any:
    try:
        traces = m.search_traces(**options, return_type="list", include_spans=False)
    except Exception as error:
        code = getattr(error, "error_code", None)
        return "refused" if code == "INVALID_PARAMETER_VALUE" else f"{error!r}"
    return [_name(trace) for trace in traces]


def _pages(client: Any, here: str, size: int, order: Any) -> list[list[str]]:
    pages, token = [], None
    while True:
        page = client.search_traces(
            locations=[here],
            filter_string="tags.dated = 'yes'",
            max_results=size,
            order_by=order,
            page_token=token,
            include_spans=False,
        )
        pages.append([_name(trace) for trace in page])
        token = page.token
        if not token:
            return pages


def _name(trace: Any) -> str:
    return trace.info.tags["mlflow.traceName"]
