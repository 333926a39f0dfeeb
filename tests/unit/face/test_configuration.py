"""What a program sets, by call and by environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

import spantree
from spantree._runtime import RUNTIME
from spantree.exceptions import SpantreeException


def inputs_of(value):
    with spantree.start_span("s") as span:
        span.set_inputs(value)
    return spantree.get_trace(span.trace_id).data.root.inputs


class Money:
    def __init__(self, cents):
        self.cents = cents


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_item": 5}, "Did you mean 'max_items'?"),
        ({"max_items": "5"}, "max_items is a whole number, not '5'."),
        ({"max_items": 0}, "max_items must be above 0"),
        ({"sampling_ratio": 2}, "sampling_ratio is 0 to 1, not 2."),
        ({"span_processors": [1]}, "A span processor is a function"),
        ({"serializers": {"Money": str}}, "serializers are functions by class"),
        ({"redact": "password"}, "redact is True, False or a list"),
        ({"redact": [1]}, "redact lists keys"),
        ({"mask": 1}, "mask is a function"),
        ({"max_events": 0}, "max_events must be above 0"),
        ({"capture_inputs": "no"}, "capture_inputs is True or False, not 'no'."),
        ({"durability": "ful"}, "not 'ful'. Did you mean 'full'?"),
        ({"durability": 2}, "durability is 'normal' or 'full', not 2."),
        ({"prices": {"m": {"input": 1}}}, "prices are given by (provider, model)"),
        ({"prices": {("p", "m"): {}}}, "a price of input is a number of USD, not None"),
        ({"prices": {("p", "m"): {"imput": 1}}}, "Did you mean 'input'?"),
        ({"prices": {("p", "m"): {"input": -1}}}, "a price of input is a number"),
    ],
)
def test_an_impossible_option_is_refused_and_changes_nothing(options, said):
    with pytest.raises(SpantreeException, match=re.escape(said)):
        spantree.configure(max_depth=3, **options)

    assert inputs_of([[[[1]]]]) == [[[[1]]]]


def test_full_durability_waits_for_the_disk_with_each_commit(tmp_path):
    spantree.set_tracking_uri(tmp_path / "traces.db")

    def level():
        inputs_of("kept")
        spantree.flush()
        writer = RUNTIME.store()._connections.writer
        return RUNTIME.write(
            lambda _: writer().execute("PRAGMA synchronous").fetchone()
        )

    # SQLite's numbers: 1 is NORMAL, 2 FULL.
    assert level() == (1,)
    spantree.configure(durability="full")
    assert level() == (2,)
    spantree.configure(durability=None)
    assert level() == (1,)


def test_limits_can_be_set_and_put_back():
    spantree.configure(max_items=2)
    cut = inputs_of([1, 2, 3])
    spantree.configure(max_items=None)

    assert cut[:2] == [1, 2]
    assert cut[2]["items"] == 3
    assert inputs_of([1, 2, 3]) == [1, 2, 3]


def test_a_serializer_decides_what_is_recorded():
    spantree.configure(serializers={Money: lambda m: f"{m.cents} ct"})
    try:
        assert inputs_of({"price": Money(5)}) == {"price": "5 ct"}
    finally:
        from spantree.recording.capture import register_serializer

        register_serializer(Money)


def test_redaction_can_be_widened_and_turned_off():
    spantree.configure(redact=["patient", re.compile(r"case-\d+")])
    widened = inputs_of({"patient": "Ada", "note": "case-77"})
    spantree.configure(redact=False)

    assert widened["patient"] == "<masked: patient>"
    assert "77" not in widened["note"]
    assert inputs_of({"password": "hunter2"}) == {"password": "hunter2"}


def test_a_mask_sees_each_scalar():
    spantree.configure(mask=lambda path, value: "x" if path.endswith("name") else value)

    assert inputs_of({"name": "Ada", "age": 36}) == {"name": "x", "age": 36}


def test_sampling_leaves_roots_out():
    spantree.configure(sampling_ratio=0)

    with spantree.start_span("s") as span, spantree.start_span("child") as child:
        inside = spantree.get_current_active_span()

    assert (bool(span), bool(child), bool(inside)) == (False, False, False)


def test_processors_of_the_process():
    spantree.configure(span_processors=[lambda span: span.set_attribute("seen", 1)])

    with spantree.start_span("s") as span:
        pass

    assert spantree.get_trace(span.trace_id).data.root.get_attribute("seen") == 1


def test_a_processor_that_raises_is_skipped_alone_and_counted(caplog):
    def broken(span):
        raise SystemExit(span.name)

    before = spantree.stats()["warnings"]
    processors = [broken, lambda span: span.set_attribute("seen", 1)]
    with spantree.tracing.configure(span_processors=processors):
        with spantree.start_span("s") as span, spantree.start_span("child"):
            pass
    with spantree.start_span("after") as after:
        pass

    seen = [
        s.get_attribute("seen") for s in spantree.get_trace(span.trace_id).data.spans
    ]
    assert seen == [1, 1]
    assert spantree.get_trace(after.trace_id).data.root.get_attribute("seen") is None
    assert spantree.stats()["warnings"] == before + 2
    assert caplog.text.count("A span processor raised SystemExit") == 1


@spantree.trace
def doubled(n):
    return 2 * n


@spantree.trace(capture_inputs=True, capture_outputs=True)
def tripled(n):
    return 3 * n


@spantree.trace
def counted(n):
    yield from range(n)


def test_capturing_can_be_turned_off_for_functions_decorated_before():
    spantree.configure(capture_inputs=False, capture_outputs=False)

    with spantree.start_span("s") as span:
        doubled(2), tripled(2), list(counted(2))
        span.set_inputs("kept")

    spans = spantree.get_trace(span.trace_id).data.spans
    assert [(s.name, s.inputs, s.outputs) for s in spans] == [
        ("s", "kept", None),
        ("doubled", None, None),
        ("tripled", {"n": 2}, 6),
        ("counted", None, None),
    ]


def test_own_prices_come_before_the_known_ones():
    spantree.configure(
        prices={
            ("openai", "my-ft"): {"input": 1.0, "output": 2.0},
            ("OpenAI", "gpt-4o-mini"): {"input": 1, "output": 2},
        }
    )

    def cost(model):
        used = {"input_tokens": 1_000_000, "output_tokens": 1_000_000}
        with spantree.start_span(
            attributes={"mlflow.llm.model": model, "mlflow.chat.tokenUsage": used}
        ) as span:
            pass
        return span.llm_cost["total_cost"], span

    assert cost("my-ft")[0] == 3.0
    assert cost("gpt-4o-mini")[0] == 3.0


def test_events_and_attributes_above_the_limit_are_counted():
    spantree.configure(max_events=5)

    with spantree.start_span("s") as span:
        for n in range(8):
            span.add_event(spantree.entities.SpanEvent(f"e{n}"))
            span.set_attribute(f"a{n}", n)
        span.record_exception("boom")

    root = spantree.get_trace(span.trace_id).data.root
    assert [e.name for e in root.events] == ["e0", "e1", "e2", "e3", "e4", "exception"]
    assert root.get_attribute("spantree.truncated") == [
        {"path": "events", "kept": 5, "total": 8, "unit": "items"},
        {"path": "attributes", "kept": 5, "total": 8, "unit": "items"},
    ]


def test_a_stream_makes_as_many_events_as_are_configured():
    spantree.configure(max_events=10)

    list(counted(50))

    root = spantree.get_trace(spantree.get_last_active_trace_id()).data.root
    numbers = [int(e.name.rpartition(".")[2]) for e in root.events]
    assert numbers == [0, 1, 2, 3, 4, 5, 6, 7, 8, 49]
    assert root.outputs == list(range(50))


def test_reset_puts_the_options_back():
    spantree.configure(max_items=2, sampling_ratio=0, redact=False)

    spantree.tracing.reset()

    assert inputs_of({"password": "hunter2", "l": [1, 2, 3]}) == {
        "password": "<masked: password>",
        "l": [1, 2, 3],
    }


def test_reset_forgets_where_and_how_but_no_trace():
    spantree.set_experiment("elsewhere")
    spantree.tracing.set_destination("farther")
    spantree.tracing.set_destination("here", context_local=True)
    spantree.configure(span_processors=[lambda span: span.set_attribute("seen", 1)])
    with spantree.start_span("before") as before:
        pass
    spantree.tracing.disable()

    spantree.tracing.reset()
    with spantree.start_span("after") as after:
        pass

    found = spantree.get_trace(after.trace_id)
    assert found.info.experiment_id == "0"
    assert found.data.root.get_attribute("seen") is None
    assert spantree.get_trace(before.trace_id).name == "before"


REPORT = """
import json, spantree
with spantree.start_span("s") as span:
    span.set_inputs({"password": "x", "l": [1, 2, 3]})
trace = spantree.get_trace(span.trace_id, silent=True)
print(json.dumps(trace and {
    "experiment": spantree.get_experiment(trace.info.experiment_id).name,
    "inputs": trace.data.root.inputs,
}))
"""


def report(tmp_path, **environment):
    done = subprocess.run(
        [sys.executable, "-c", REPORT],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "SPANTREE_DATA_DIR": str(tmp_path), **environment},
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "environment",
    [{"SPANTREE_ENABLED": "0"}, {"MLFLOW_TRACE_SAMPLING_RATIO": "0"}],
)
def test_the_environment_can_turn_recording_off(tmp_path, environment):
    assert report(tmp_path, **environment) is None


def test_the_environment_sets_limits_and_redaction(tmp_path):
    found = report(tmp_path, SPANTREE_MAX_ITEMS="2", SPANTREE_REDACT="0")

    assert found["inputs"]["password"] == "x"
    assert found["inputs"]["l"][:2] == [1, 2]
    assert found["inputs"]["l"][2]["items"] == 3


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"SPANTREE_EXPERIMENT": "a", "MLFLOW_EXPERIMENT_NAME": "b"}, "a"),
        ({"MLFLOW_EXPERIMENT_NAME": "b"}, "b"),
        ({"MLFLOW_EXPERIMENT_ID": "0"}, "Default"),
        ({}, "Default"),
    ],
)
def test_the_environment_names_the_experiment(tmp_path, environment, name):
    assert report(tmp_path, **environment)["experiment"] == name


def test_a_value_that_does_not_parse_is_warned_of_and_left_out(tmp_path):
    found = report(tmp_path, SPANTREE_MAX_ITEMS="many", SPANTREE_ENABLED="perhaps")

    assert found["inputs"]["l"] == [1, 2, 3]


def test_the_experiment_is_found_again_in_another_store(tmp_path):
    spantree.create_experiment("first")
    spantree.set_experiment("second")
    spantree.set_tracking_uri(tmp_path / "other.db")

    with spantree.start_span("s") as span:
        pass

    info = spantree.get_trace(span.trace_id).info
    assert spantree.get_experiment(info.experiment_id).name == "second"


def test_a_destination_by_name():
    spantree.tracing.set_destination("by name")

    with spantree.start_span("s") as span:
        pass

    info = spantree.get_trace(span.trace_id).info
    assert spantree.get_experiment(info.experiment_id).name == "by name"
