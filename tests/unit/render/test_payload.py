"""The payload that the viewer draws."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import jsonschema
import pytest
from unit.render.drawn_traces import (
    TRACE_KEY,
    agent_trace,
    renumber,
    span,
    trace,
    wide_trace,
)

from spantree.entities import (
    AssessmentSource,
    Expectation,
    Feedback,
    Link,
    TraceState,
)
from spantree.render import COMPLETE, FULL, LIVE, Budget, build_output
from spantree.render.budget import notebook_bytes

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "js" / "src" / "model" / "payload.schema.json"
FIXTURES = [
    path
    for path in sorted((ROOT / "tests" / "fixtures" / "payload" / "v1").glob("*.json"))
    if path.stem != "hostile"  # breaks the schema on purpose; a viewer must draw it
]
KEY = "0123456789abcdef"


def section(value):
    """Read a part that may be packed."""
    if isinstance(value, str):
        assert value.startswith("z:")
        return json.loads(zlib.decompress(base64.b64decode(value[2:])))
    return value


def built(*spans, **options):
    info = {
        key: options.pop(key)
        for key in ("tags", "trace_metadata", "assessments", "state", "request_preview")
        if key in options
    }
    output = build_output([trace(list(spans), **info)], key=KEY, **options)
    return output["traces"][0]


def hostile_traces():
    text = "</script>\x00\u202e\ud800__proto__"
    broken = span(
        1,
        None,
        text * 40,
        text * 9,
        error=(text, text),
        model=text,
        inputs="x" * 99_999,
    )
    broken.raw_inputs = b"{" * 70_000
    broken.raw_attributes[text] = b"\xff\xfe"
    broken.raw_events.append((text, 10**30, {text: text}))
    broken.links = [Link("tr-1", text, {text: "x"})]
    far = span(2, 1, "far", start_ms=1e12, ms=1e15, tokens=(-5, 1), cost=1e308)
    judged = [
        Feedback(value={"deep": [text]}, rationale=text, span_id=f"{1:016x}"),
        Expectation(name=text, value=2**60),
        Feedback(name="nan", value=float("nan")),
    ]
    return trace(
        [broken, far, span(3, 99, "orphan")],
        tags={text: text * 99, **{f"t{at}": "x" for at in range(30)}},
        trace_metadata={
            "spantree.lost": "7",
            "spantree.lost.why": text,
            "mlflow.trace.session": text,
        },
        assessments=judged,
    )


def test_the_envelope_says_how_to_draw():
    output = build_output(
        [agent_trace()],
        key=KEY,
        rev=3,
        live=True,
        mode="rows",
        depth=4,
        open_errors=False,
        total=9,
    )

    del output["traces"]
    assert output == {
        "v": 1,
        "by": "spantree 0.1.0",
        "key": KEY,
        "rev": 3,
        "live": True,
        "view": {"mode": "rows", "depth": 4, "open_errors": False},
        "total": 9,
    }


def test_columns_have_one_entry_a_row():
    cols = section(build_output([agent_trace()], key=KEY)["traces"][0]["cols"])

    assert cols["p"] == [-1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 10, 10, 10, 0, 0]
    assert [cols["names"][n] for n in cols["n"]][:3] == [
        "answer_question",
        "plan",
        "openai.chat",
    ]
    assert cols["types"][:2] == ["AGENT", "CHAIN"]
    assert cols["s"][:4] == [0, 2000, 20_000, 320_000]
    assert cols["d"][:4] == [3_420_000, 310_000, 290_000, 39_000]
    assert cols["e"] == [2] + [1] * 11 + [2, 1, 1, 1]
    assert cols["id"][:32] == f"{1:016x}{2:016x}"
    assert cols["m"] == [[2, 11, 13, 14], [0, 0, 0, 1]]
    assert cols["u"][:4] == [
        [2, 11, 13, 14],
        [360, 1100, 1200, 9188],
        [52, 104, 111, 215],
        [412, 1204, 1311, 9403],
    ]
    assert cols["c"] == [[2, 11, 13, 14], [0.0002, 0.0008, 0.0028, 0.0172]]
    assert cols["x"] == [[0, 12], ["KeyError"] * 2, ["'city'"] * 2]
    assert cols["ev"][:2] == [[0, 12], [0, 1_390_000]]
    assert "k" not in cols


def test_the_trace_carries_totals_and_previews():
    made = build_output([agent_trace()], key=KEY)["traces"][0]

    assert made["id"] == f"tr-{TRACE_KEY:032x}"
    assert (made["name"], made["state"], made["dur"], made["n"], made["errors"]) == (
        "answer_question", "ERROR", 3_420_000, 16, 2,
    )  # fmt: skip
    assert made["t0"] == "1763726592000000000"
    assert made["usage"] == {"in": 11_848, "out": 482, "total": 12_330}
    assert made["cost"] == 0.021
    assert made["resp"] == '"The Vienna office is nearest."'
    assert made["cut"] == {}


def test_previews_show_the_last_message_of_a_model_call():
    text = section(build_output([agent_trace()], key=KEY)["traces"][0]["text"])

    at = text["r"].index(2)
    assert text["i"][at] == "Which of our offices is nearest to the customer in Graz?"
    assert text["o"][at] == "The Vienna office."


def test_bodies_are_json_text():
    big = 12345678901234567890123
    one = span(
        1,
        None,
        "a",
        inputs={"x": 1},
        outputs="done",
        attributes={"n": 1, "__proto__": [1]},
    )
    one.raw_attributes["big"] = big
    one.links = [Link("tr-1", "2", {"why": "retry"})]
    one.raw_events = [("note", one.start_time_ns + 5000, {"k": b"[1]"})]

    bodies = section(built(one)["bodies"])

    assert bodies["r"] == [0]
    assert bodies["b"] == [
        {
            "in": '{"x":1}',
            "out": '"done"',
            "attrs": '{"n":1,"__proto__":[1],"big":12345678901234567890123}',
            "events": '[{"name":"note","us":5,"attributes":{"k":[1]}}]',
            "links": '[{"trace_id":"tr-1","span_id":"2","attributes":{"why":"retry"}}]',
        }
    ]


def test_an_exception_has_type_message_and_stack():
    bodies = section(built(span(1, None, "a", error=("KeyError", "'city'")))["bodies"])

    assert bodies["b"][0]["exc"] == {
        "type": "KeyError",
        "message": "'city'",
        "stack": "Traceback:\nKeyError: 'city'",
    }


def test_an_error_without_a_recorded_exception_is_read_from_the_status():
    one = span(1, None, "a", error=("KeyError", "'city'"))
    one.raw_events = []

    assert section(built(one)["cols"])["x"] == [[0], ["KeyError"], ["'city'"]]


@pytest.mark.parametrize("value", ["é" * 50_000, [["x" * 99_000]]])
def test_a_value_above_32_kb_is_cut_with_its_true_size(value):
    made = built(span(1, None, "a", inputs=value, outputs="ok"), budget=FULL)

    body = section(made["bodies"])["b"][0]
    text = json.dumps(value, ensure_ascii=False)
    assert len(body["in"].encode()) in (31_999, 32_000)
    assert text.startswith(body["in"])
    assert body["in_n"] == len(text.encode())
    assert "out_n" not in body
    assert made["cut"]["body_bytes"] == body["in_n"] - len(body["in"].encode())


def test_media_is_taken_out_of_values_and_listed_once():
    data = base64.b64encode(bytes(range(256)) * 4).decode()
    url = f"data:image/png;base64,{data}"
    spans = [
        span(
            1, None, "a", inputs={"image": url, "key": 'not "data:image/png;base64,AA"'}
        ),
        span(2, 1, "b", inputs=url, outputs={url: "a key stays"}),
    ]

    made = built(*spans, budget=FULL)

    bodies = section(made["bodies"])["b"]
    assert json.loads(bodies[0]["in"])["image"] == {"$blob": 0}
    assert bodies[1]["in"] == '{"$blob":0}'
    assert url in bodies[1]["out"]
    assert len(made["blobs"]) == 1
    assert made["blobs"][0]["mime"] == "image/png"
    assert made["blobs"][0]["bytes"] == 1024
    assert made["blobs"][0]["data"] == data
    assert made["blobs"][0]["ref"].startswith("sha256:")


def test_large_media_is_listed_without_its_data():
    data = base64.b64encode(bytes(30_000)).decode()

    made = built(
        span(1, None, "a", inputs=f"data:image/png;base64,{data}"), budget=FULL
    )

    assert "data" not in made["blobs"][0]
    assert made["cut"] == {"blobs": 1}


def test_orphans_have_a_placeholder_row_with_the_missing_id():
    cols = section(built(span(1, None, "a"), span(2, 0x3FA9, "b", start_ms=5))["cols"])

    assert cols["p"] == [-1, -1, 1]
    assert cols["f"] == [0, 4, 2]
    assert cols["d"] == [1000, -1, 1000]
    assert cols["e"] == [1, 0, 1]
    assert cols["id"][16:32] == f"{0x3FA9:016x}"


def test_open_spans_run_or_have_no_recorded_end():
    spans = [span(1, None, "a", ms=None), span(2, 1, "b")]

    running = built(*spans, state=TraceState.IN_PROGRESS)
    ended = built(*spans, state=TraceState.INTERRUPTED)

    assert running["dur"] is None
    assert section(running["cols"])["e"] == [3, 1]
    assert section(running["cols"])["d"] == [-1, 1000]
    assert section(ended["cols"])["e"] == [4, 1]


def test_flags_tell_early_ends_cuts_and_processes():
    cols = section(
        built(
            span(1, None, "a", attributes={"process.pid": 1}),
            span(
                2,
                1,
                "b",
                start_ms=1,
                attributes={"spantree.stream.end": "garbage_collected"},
            ),
            span(3, 1, "c", start_ms=2, attributes={"spantree.truncated": []}),
            span(4, 1, "d", start_ms=3, attributes={"process.pid": 2}),
        )["cols"]
    )

    assert cols["f"] == [0, 1, 8, 16]


def test_assessments_name_their_row():
    judged = [
        Feedback("right", True, source=AssessmentSource("HUMAN", "ada"), rationale="seen",
                 span_id=f"{2:016x}", assessment_id="a-1", create_time_ms=5),
        Expectation("answer", value={"text": "x"}, assessment_id="a-2", create_time_ms=6),
        Feedback("old", False, valid=False),
    ]  # fmt: skip

    made = built(span(1, None, "a"), span(2, 1, "b"), assessments=judged)

    assert made["assess"] == [
        {"id": "a-1", "name": "right", "kind": "FEEDBACK", "value": True, "source": "HUMAN ada",
         "why": "seen", "at_ms": 5, "row": 1},
        {"id": "a-2", "name": "answer", "kind": "EXPECTATION", "value": '{"text": "x"}',
         "source": "HUMAN", "why": "", "at_ms": 6},
    ]  # fmt: skip


def test_tags_beyond_twenty_are_counted():
    tags = {f"t{at}": "v" * 300 for at in range(25)}

    made = built(
        span(1, None, "a"), tags={**tags, "mlflow.traceName": "n"}, budget=FULL
    )

    assert len(made["tags"]) == 20
    assert len(made["tags"]["t0"]) == 200
    assert made["cut"] == {"tags": 5}
    assert made["name"] == "n"


def test_lost_spans_and_cell_are_carried():
    metadata = {
        "spantree.lost": "7",
        "spantree.lost.why": "queue",
        "spantree.cell.id": "c1",
        "spantree.cell.exec_count": "3",
        "mlflow.trace.session": "s",
        "mlflow.trace.user": "u",
    }

    made = built(span(1, None, "a"), trace_metadata=metadata)

    assert made["lost"] == {"n": 7, "why": "queue"}
    assert made["cell"] == {"id": "c1", "n": 3}
    assert (made["session"], made["user"]) == ("s", "u")


def test_long_sections_are_packed_and_short_ones_readable():
    short = built(span(1, None, "a", inputs="x"))
    long = build_output([wide_trace(1000)], key=KEY)["traces"][0]

    assert [type(short[part]) for part in ("cols", "text", "bodies")] == [dict] * 3
    assert [type(long[part]) for part in ("cols", "text", "bodies")] == [str] * 3
    assert len(section(long["cols"])["p"]) == 1000
    assert sorted(section(long["bodies"])["r"]) == list(range(1000))


def test_rows_that_do_not_fit_are_cut_after_everything_else():
    made = build_output(
        [wide_trace(3000)], key=KEY, budget=Budget(15_000, by_size=False)
    )["traces"][0]

    cols = section(made["cols"])
    kept = len(cols["p"])
    assert notebook_bytes(made, 8) <= 15_000
    assert 100 < kept < 3000
    assert made["cut"]["rows"] == 3000 - kept
    assert made["cut"]["bodies"] == 3000 - len(
        section(made.get("bodies", {"r": []}))["r"]
    )
    assert len(cols["k"]) == kept
    assert all(parent < row for row, parent in enumerate(cols["p"]))


def test_error_paths_survive_the_cut():
    made = wide_trace(3000)
    failed = made.data.spans[1234]
    failed.status_code = agent_trace().data.spans[0].status_code
    failed.name = "the failed one"

    cols = section(
        build_output([made], key=KEY, budget=Budget(15_000, by_size=False))["traces"][
            0
        ]["cols"]
    )

    assert "the failed one" in cols["names"]
    assert 2 in cols["e"]


def test_a_live_update_keeps_what_runs_and_what_is_new():
    spans = [span(1, None, "root", ms=None), span(2, 1, "running", start_ms=1, ms=None)]
    spans += [span(at, 1, f"s{at}", start_ms=at, ms=5000 - at) for at in range(3, 3000)]
    renumber(spans)

    output = build_output(
        [trace(spans, TraceState.IN_PROGRESS)], key=KEY, live=True, budget=LIVE
    )

    cols = section(output["traces"][0]["cols"])
    names = [cols["names"][n] for n in cols["n"]]
    assert names[:2] == ["root", "running"]
    assert names[-1] == "s2999"
    assert notebook_bytes(output) <= 20_000


def test_complete_payloads_leave_nothing_out():
    value = "x" * 200_000

    made = build_output([wide_trace(50, value)], key=KEY, budget=COMPLETE)["traces"][0]

    assert made["cut"] == {}
    assert {len(body["in"]) for body in section(made["bodies"])["b"]} == {200_002}


def test_ids_are_left_out_above_20000_rows():
    spans = [span(at, None if at == 1 else 1, "s") for at in range(1, 20_002)]

    made = build_output([trace(spans)], key=KEY, budget=COMPLETE)["traces"][0]

    assert "id" not in section(made["cols"])


def test_at_most_500_events_are_carried():
    one = span(1, None, "a")
    one.raw_events = [("tick", one.start_time_ns + at * 1000, {}) for at in range(700)]

    made = built(one)

    assert len(section(made["cols"])["ev"][0]) == 500
    assert len(json.loads(section(made["bodies"])["b"][0]["events"])) == 700


def test_table_mode_summarises_and_carries_the_notable_traces():
    traces = [trace([span(1, None, f"name_{at % 25}", ms=at + 1)]) for at in range(100)]

    output = build_output([*traces, agent_trace()], key=KEY, mode="table", total=120)

    table = output["table"]
    assert output["total"] == 120
    assert len(table["groups"]) == 20
    assert table["groups"][0] == {
        "name": "name_0", "count": 4, "errors": 0, "p50": 26_000, "p95": 76_000, "tokens": None, "cost": None,
    }  # fmt: skip
    assert [row["dur"] for row in table["slowest"]] == [
        3_420_000,
        100_000,
        99_000,
        98_000,
        97_000,
    ]
    assert table["failed"][0]["error"] == "KeyError: 'city'"
    assert len(output["traces"]) == 5


def test_at_most_twenty_traces_are_carried():
    output = build_output([agent_trace()] * 30, key=KEY, mode="rows")

    assert len(output["traces"]) == 20
    assert output["total"] == 30


def test_hostile_traces_make_a_payload_that_can_be_saved():
    output = build_output([hostile_traces()], key=KEY, budget=FULL)

    text = json.dumps(output, ensure_ascii=False, allow_nan=False)
    assert text.encode("utf-8")
    cols = section(output["traces"][0]["cols"])
    assert all(-(2**53) < number < 2**53 for key in "sd" for number in cols[key])
    assert len(cols["names"][0]) <= 250


def samples():
    deep = [span(at, at - 1 or None, "s", ms=2000 - at) for at in range(1, 301)]
    running = trace([span(1, None, "a", ms=None)], TraceState.IN_PROGRESS)
    quick = [trace([span(1, None, "q", ms=at)]) for at in range(40)]
    yield build_output([], key=KEY)
    yield build_output([agent_trace()], key=KEY)
    yield build_output([running], key=KEY, live=True, budget=LIVE)
    yield build_output([wide_trace(1500)], key=KEY, budget=Budget(8_000, by_size=False))
    yield build_output([hostile_traces()], key=KEY, budget=FULL)
    yield build_output([trace(deep)], key=KEY)
    yield build_output([*quick, agent_trace()], key=KEY, mode="table")
    yield build_output([agent_trace(), wide_trace(100)], key=KEY, budget=COMPLETE)


def valid_parts(schema, payload):
    """Check a payload, then its packed parts in place of their text."""
    jsonschema.validate(payload, schema)
    for one in payload["traces"]:
        for part in ("cols", "text", "bodies"):
            if part in one:
                one[part] = section(one[part])
    jsonschema.validate(payload, schema)


def test_payloads_follow_the_schema():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    for payload in samples():
        valid_parts(schema, payload)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_fixtures_follow_the_schema(path):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))

    valid_parts(schema, json.loads(path.read_text(encoding="utf-8")))
