"""The viewer as a widget."""

from __future__ import annotations

import subprocess
import sys

from unit.render.drawn_traces import agent_trace

from spantree.render import MIME
from spantree.render.widget import TraceWidget

VIEW = "application/vnd.jupyter.widget-view+json"


def test_the_widget_carries_the_payload():
    widget = TraceWidget([agent_trace()], key="0" * 16, height=300, mode="rows")

    assert widget.payload["key"] == "0" * 16
    assert widget.payload["view"]["mode"] == "rows"
    assert widget.payload["traces"][0]["n"] == 16
    assert (widget.selected, widget.height) == ([], 300)


def test_the_selection_is_observable_from_python():
    widget = TraceWidget([agent_trace()])
    seen = []
    widget.observe(lambda change: seen.append(change["new"]), "selected")

    widget.selected = ["0" * 15 + "2"]

    assert seen == [["0000000000000002"]]


def test_its_output_has_the_view_and_the_three_types():
    data, _ = TraceWidget([agent_trace()])._repr_mimebundle_()

    assert set(data) == {VIEW, MIME, "text/html", "text/plain"}
    assert data["text/plain"].startswith("answer_question")


def test_the_key_follows_from_the_traces():
    one, other = TraceWidget([agent_trace()]), TraceWidget([agent_trace()])

    assert one.payload["key"] == other.payload["key"]
    assert len(one.payload["key"]) == 16


def test_rendering_does_not_import_anywidget():
    code = "import sys, spantree.render; print([m for m in ('anywidget','ipywidgets','IPython') if m in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
