"""Pictures and sound are kept beside the trace, read again, and deleted with it."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys

import pytest
from spantree.tracing.attachments import Attachment

import spantree
from spantree.entities import Trace
from spantree.exceptions import SpantreeException

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
ADDRESS = re.compile(
    r"mlflow-attachment://[0-9a-f-]{36}\?content_type=image%2Fpng"
    r"&trace_id=(tr-[0-9a-f]{32})&size=5128"
)


@pytest.fixture(params=["memory:", "file"])
def place(request, tmp_path):
    spantree.set_tracking_uri(
        "memory:" if request.param == "memory:" else tmp_path / "traces.db"
    )
    return tmp_path / "traces.db.attachments"


def record(value=URI):
    with spantree.start_span("s") as span:
        span.set_inputs({"image": value})
    return span


def files(place):
    return sorted(path for path in place.rglob("*") if path.is_file())


def test_a_picture_is_found_again_by_its_address(place):
    span = record()
    before = spantree.get_trace(span.trace_id)
    spantree.flush()
    stored = spantree.get_trace(span.trace_id)

    for trace in (before, stored):
        address = trace.data.root.inputs["image"]
        assert ADDRESS.fullmatch(address)[1] == span.trace_id
        assert trace.get_attachment(address) == Attachment("image/png", PNG)


def test_what_was_recorded_for_a_place_rests_there(tmp_path):
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    spantree.set_tracking_uri(first)
    span = record()
    spantree.set_tracking_uri(second)

    assert spantree.search_traces(return_type="list") == []
    assert not files(tmp_path / "second.db.attachments")
    spantree.set_tracking_uri(first)
    trace = spantree.get_trace(span.trace_id)
    address = trace.data.root.inputs["image"]
    assert trace.get_attachment(address) == Attachment("image/png", PNG)


def test_wherever_it_was_recorded(place):
    @spantree.trace(output_reducer=list, attributes={"icon": {"a": URI}})
    def stream(image):
        yield Attachment("image/png", PNG)

    list(stream(PNG))
    with spantree.start_span("s") as span:
        span.add_event(spantree.entities.SpanEvent("e", attributes={"i": [URI]}))

    root = spantree.get_trace(spantree.get_last_active_trace_id()).data.root
    (streamed,) = (
        t for t in spantree.search_traces(return_type="list") if t.name == "stream"
    )
    top = streamed.data.root
    for trace, address in (
        (streamed, top.inputs["image"]),
        (streamed, top.outputs[0]),
        (streamed, top.get_attribute("icon")["a"]),
        (spantree.get_trace(root.trace_id), root.events[0].attributes["i"][0]),
    ):
        assert trace.get_attachment(address).content_bytes == PNG


def test_a_running_trace_has_its_pictures(place):
    with spantree.start_span("s") as span:
        span.set_inputs([URI])
        trace = spantree.get_trace(span.trace_id)

        content = trace.get_attachment(trace.data.root.inputs[0])

    assert content.content_bytes == PNG


def test_the_same_content_is_kept_once_and_goes_with_its_last_trace(tmp_path):
    spantree.set_tracking_uri(tmp_path / "traces.db")
    place = tmp_path / "traces.db.attachments"
    first, second = record(), record()
    spantree.flush()
    (shared,) = [path for path in files(place) if path.parts[-3] == "content"]

    assert [len(files(place)), shared.stat().st_nlink] == [3, 3]
    assert {path.stat().st_mode & 0o77 for path in place.rglob("*")} == {0}

    spantree.delete_traces([first.trace_id])
    kept = spantree.get_trace(second.trace_id)
    assert kept.get_attachment(kept.data.root.inputs["image"]).content_bytes == PNG
    spantree.delete_traces([second.trace_id])
    assert files(place) == []


def test_deleted_with_the_trace_it_can_not_be_read(place):
    span = record()
    trace = spantree.get_trace(span.trace_id)
    spantree.flush()

    spantree.delete_traces([span.trace_id])

    with pytest.raises(SpantreeException, match="Nothing is kept for") as raised:
        trace.get_attachment(trace.data.root.inputs["image"])
    assert raised.value.error_code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/a.png",
        "mlflow-attachment://",
        "mlflow-attachment://../../traces.db",
        "mlflow-attachment://" + "../" * 12,
        5,
    ],
)
def test_what_is_no_address_is_refused(place, address):
    trace = spantree.get_trace(record().trace_id)

    with pytest.raises(SpantreeException):
        trace.get_attachment(address)


def test_an_address_in_traced_text_gives_nothing_of_another_trace(place):
    first = spantree.get_trace(record().trace_id)
    address = first.data.root.inputs["image"]
    spantree.flush()

    other = spantree.get_trace(record(address).trace_id)

    assert other.data.root.inputs["image"] == address
    with pytest.raises(SpantreeException, match="Nothing is kept"):
        other.get_attachment(address)


def test_it_stays_an_address_in_the_json_of_the_trace(place):
    trace = spantree.get_trace(record().trace_id)

    assert Trace.from_json(trace.to_json()).data.root.inputs == trace.data.root.inputs


PROGRAM = """
import base64, spantree
with spantree.start_span("s") as span:
    span.set_inputs({"image": "data:image/png;base64," + "iVBORw0KGgo=" * 400})
print(spantree.get_trace(span.trace_id).data.root.inputs["image"])
"""


@pytest.mark.parametrize(
    ("environment", "is_kept"),
    [
        ({}, True),
        ({"MLFLOW_TRACE_EXTRACT_ATTACHMENTS": "false"}, False),
        ({"SPANTREE_TRACE_MAX_ATTACHMENT_SIZE": "1000"}, False),
        ({"SPANTREE_TRACE_MAX_ATTACHMENT_SIZE": "100000"}, True),
    ],
)
def test_the_environment_switches_and_limits_it(tmp_path, environment, is_kept):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SPANTREE_DATA_DIR": str(tmp_path), **environment},
    )

    assert done.stdout.startswith("mlflow-attachment://") == is_kept
    assert ("'content_type': 'image/png', 'size': 3599" in done.stdout) != is_kept
    assert bool(files(tmp_path / "traces.db.attachments")) == is_kept
