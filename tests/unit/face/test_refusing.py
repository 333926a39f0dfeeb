"""Whatever calls that ask are given, they answer or raise ``SpantreeException``."""

from __future__ import annotations

import inspect

import pytest
from support.wrong_values import wrong_values

import spantree
from spantree.entities import Assessment, Span, Trace
from spantree.exceptions import SpantreeException

RECORDING = {
    "add_trace", "continue_trace", "headers", "log_trace", "propagate",
    "start_span_no_context", "trace", "update_current_trace",
}  # fmt: skip
OTHERS = {"load_ipython_extension", "unload_ipython_extension", "autolog", "configure"}


def asking():
    """Give the calls that ask, by name."""
    client = spantree.TraceClient()
    found = {
        name: getattr(spantree, name)
        for name in spantree.__all__
        if inspect.isfunction(getattr(spantree, name))
    }
    found |= {
        f"client.{name}": getattr(client, name)
        for name in dir(spantree.TraceClient)
        if not name.startswith("_") and not name.startswith(("start_", "end_"))
    }
    found["tracing.set_destination"] = spantree.tracing.set_destination
    found["tracing.configure"] = spantree.tracing.configure
    found["TraceClient"] = spantree.TraceClient
    found["Trace.from_dict"] = Trace.from_dict
    found["Trace.from_json"] = Trace.from_json
    found["Span.from_dict"] = Span.from_dict
    found["Assessment.from_dict"] = Assessment.from_dict
    return {n: f for n, f in found.items() if n not in RECORDING | OTHERS}


NAMES = list(asking())


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Give an argument that is right for each name of one."""
    folder = tmp_path_factory.mktemp("store")
    spantree.set_tracking_uri(folder / "traces.db")
    with spantree.start_span("root") as root:
        pass
    feedback = spantree.log_feedback(trace_id=root.trace_id, value=1)
    trace = spantree.get_trace(root.trace_id)
    spantree.export_traces(folder / "given.otlp.json")
    return {
        "assessment": feedback,
        "assessment_id": feedback.assessment_id,
        "data": trace.to_dict(),
        "experiment_id": "0",
        "folder": folder,
        "issue_id": "I-1",
        "key": "k",
        "location": "0",
        "name": "feedback",
        "older": "30d",
        "prompt_versions": [],
        "path": folder / "given.otlp.json",
        "run_id": "r",
        "text": trace.to_json(),
        "trace_id": root.trace_id,
        "trace_ids": [root.trace_id],
        "traces": trace,
        "value": 1,
        "uri": folder / "traces.db",
        "which": [root.trace_id],
    }


def arguments(name, function, good):
    """Give the arguments that a call can't do without."""
    needed = {
        parameter.name: good[parameter.name]
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
    }
    if name == "prune":
        needed["older"] = "30d"
    if name == "set_experiment":
        needed["experiment_id"] = "0"
    if name == "client.delete_traces":
        needed["trace_ids"] = []
    if name == "log_feedback" or name == "client.log_feedback":
        needed["value"] = 1
    return needed


def wrong_calls(name, good):
    """Give, by what is wrong, the arguments of calls with one wrong argument each."""
    function = asking()[name]
    right = arguments(name, function, good)
    # What the user's own function raises is the user's own.
    for parameter in inspect.signature(function).parameters.keys() - {"progress"}:
        for what, value in wrong_values().items():
            yield f"{parameter}={what}", {**right, parameter: value}


@pytest.mark.parametrize("name", NAMES)
def test_only_ours_comes_out(name, good, monkeypatch):
    monkeypatch.chdir(good["folder"])
    monkeypatch.setenv("SPANTREE_DATA_DIR", str(good["folder"]))
    spantree.set_tracking_uri(good["folder"] / "traces.db")
    escaped = {}
    for what, given in wrong_calls(name, good):
        try:
            asking()[name](**given)
        except SpantreeException as error:
            assert " 0x" not in error.message
        except OSError:
            assert what.startswith("path=")
        except BaseException as error:  # noqa: BLE001 - what the test looks for
            escaped[what] = repr(error)
    spantree.tracing.reset()

    assert escaped == {}


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda: spantree.search_traces(order_by=5),
            "order_by is a list of texts, text or None, not 5.",
        ),
        (
            lambda: spantree.search_traces(extract_fields="a.inputs"),
            "extract_fields is a list of texts or None, not 'a.inputs'.",
        ),
        (
            lambda: spantree.search_traces(experiment_names=["a", b"x"]),
            "experiment_names is a list of texts or None, not a list with a bytes in it.",
        ),
        (
            lambda: spantree.TraceClient().search_traces(page_token=[1]),
            "page_token is text or None, not a list.",
        ),
        (
            lambda: spantree.search_experiments(max_results=-1),
            "max_results is a whole number from 0 or None, not -1.",
        ),
        (
            lambda: spantree.create_experiment("x", tags=["a"]),
            "tags is a dict of texts or None, not a list.",
        ),
        (
            lambda: spantree.create_experiment("x", tags={"a": []}),
            "tags is a dict of texts or None, not a dict with a list in it.",
        ),
        (
            lambda: spantree.get_experiment_by_name({}),
            "name is text, not a dict.",
        ),
        (
            lambda: spantree.delete_traces(10**5000),
            "trace_ids is a list of texts, not a number of 16610 bits.",
        ),
        (
            lambda: spantree.set_tracking_uri(5),
            "uri is text, a path, a list of them or None, not 5.",
        ),
        (
            lambda: spantree.tracing.set_destination([]),
            "location is a trace location, or an experiment's id or name or None, "
            "not a list.",
        ),
        (
            lambda: spantree.autolog(exclude_flavors="openai"),
            "exclude_flavors is a list of texts or None, not 'openai'.",
        ),
        (
            lambda: spantree.search_sessions(include_spans="no"),
            "include_spans is True or False, not 'no'.",
        ),
        (
            lambda: spantree.get(5),
            "Traces are a frame with a column trace_id, or ids, not 5.",
        ),
        (
            lambda: spantree.search_traces(timeout="soon"),
            "timeout is a number from 0 or None, not 'soon'.",
        ),
    ],
)
def test_the_sentence_says_what_is_allowed_and_what_was_given(ask, said):
    with pytest.raises(SpantreeException) as caught:
        ask()

    assert caught.value.message == said
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "option",
    [
        "capture_inputs",
        "capture_outputs",
        "mask",
        "max_depth",
        "max_events",
        "max_items",
    ]
    + ["max_nodes", "max_value_bytes", "prices", "redact", "sampling_ratio"]
    + ["serializers", "span_processors"],
)
def test_an_option_is_taken_or_refused(option):
    escaped = {}
    for what, value in wrong_values().items():
        try:
            spantree.configure(**{option: value})
        except SpantreeException as error:
            assert " 0x" not in error.message
        except BaseException as error:  # noqa: BLE001 - what the test looks for
            escaped[what] = repr(error)
    spantree.tracing.reset()

    assert escaped == {}


def test_what_is_like_text_numbers_and_lists_is_taken_as_such():
    np = pytest.importorskip("numpy")
    pd = pytest.importorskip("pandas")
    spantree.set_tracking_uri("memory:")
    for _ in range(3):
        with spantree.start_span("root"):
            pass

    frame = spantree.search_traces(max_results=np.int64(2), timeout=np.float32(9))
    assert len(spantree.search_traces(order_by="timestamp ASC", max_results=1)) == 1
    assert len(spantree.search_traces([0])) == 3
    assert spantree.get_experiment(0).name == "Default"
    assert spantree.delete_traces(frame["trace_id"]) == 2
    assert spantree.delete_traces(pd.Index(["tr-" + "0" * 32])) == 0
    assert spantree.delete_traces(t for t in ()) == 0


def test_an_annotation_that_can_not_be_checked_is_refused_at_once():
    from spantree._arguments import asks

    def function(name: complex) -> None:
        """Ask."""

    with pytest.raises(KeyError, match="complex"):
        asks(function)
