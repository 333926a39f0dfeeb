"""Trees of cells that still run: what the front end is sent, message by message."""

from __future__ import annotations

import json

import pytest

MIME = "application/vnd.spantree.trace.v1+json"
TRACED = """
import asyncio, contextvars, threading, time
import spantree

@spantree.trace
def step(n):
    time.sleep(n)

@spantree.trace
def work(steps, seconds):
    for _ in range(steps):
        step(seconds)
"""


@pytest.fixture
def kernel(new_kernel):
    found = new_kernel()
    found.run("%load_ext spantree")
    found.run(TRACED)
    return found


def drawings(messages: list[dict]) -> list[dict]:
    return [m for m in messages if MIME in m["content"].get("data", {})]


def payloads(messages: list[dict]) -> list[dict]:
    return [m["content"]["data"][MIME] for m in drawings(messages)]


def names(payload: dict) -> list[str]:
    return [trace["name"] for trace in payload["traces"]]


def test_a_short_cell_is_drawn_once(kernel):
    messages = kernel.run("work(3, 0.001)")

    kinds = [m["header"]["msg_type"] for m in drawings(messages)]
    assert kinds == ["display_data"]
    assert payloads(messages)[0]["live"] is False


def test_a_long_cell_is_drawn_while_it_runs_in_one_place(kernel):
    messages = kernel.run("work(8, 0.25); print('end')")

    drawn = drawings(messages)
    kinds = [m["header"]["msg_type"] for m in drawn]
    assert kinds[0] == "display_data"
    assert set(kinds[1:]) == {"update_display_data"}
    assert len({m["content"]["transient"]["display_id"] for m in drawn}) == 1
    sent = payloads(messages)
    assert [p["live"] for p in sent] == [True] * (len(sent) - 1) + [False]
    assert [p["rev"] for p in sent] == list(range(len(sent)))
    assert sent[0]["traces"][0]["state"] == "IN_PROGRESS"
    assert sent[-1]["traces"][0]["state"] == "OK"
    # Two seconds, four times a second, and the end.
    assert 3 <= len(sent) <= 9
    printed = [m["content"].get("text") for m in messages]
    assert printed.index("end\n") > messages.index(drawn[0])


def test_each_message_belongs_to_the_cell(kernel):
    messages = kernel.run("work(2, 0.4)")

    parents = {m["parent_header"]["msg_id"] for m in messages}
    assert len(parents) == 1


def test_an_update_takes_at_most_20_kb(kernel):
    messages = kernel.run(
        "with spantree.start_span('many'):\n"
        "    for i in range(20_000): step(0)\n"
        "    time.sleep(5)"  # the pause after a drawing is twenty times its work
    )

    live = [m for m in drawings(messages) if m["content"]["data"][MIME]["live"]]
    assert live
    for message in live:
        assert len(json.dumps(message["content"]["data"], ensure_ascii=False)) < 20_000
    trace = payloads(live)[-1]["traces"][0]
    assert trace["n"] >= 1000
    assert trace["cut"]["rows"] > 0


def test_the_end_is_drawn_after_a_traceback(kernel):
    messages = kernel.run("work(2, 0.4); 1 / 0")

    kinds = [m["header"]["msg_type"] for m in messages]
    assert kinds[0] == "display_data"
    assert kinds[-1] == "update_display_data"
    assert "error" in kinds
    assert payloads(messages)[-1]["live"] is False


def test_an_interrupt_ends_the_spans_it_crosses(kernel):
    messages = kernel.run(
        "print('begun', flush=True)\nwork(1, 30)", interrupt_after="begun"
    )

    last = payloads(messages)[-1]
    assert last["live"] is False
    assert last["traces"][0]["state"] == "ERROR"
    assert last["traces"][0]["errors"] == 2
    assert (
        "KeyboardInterrupt" in drawings(messages)[-1]["content"]["data"]["text/plain"]
    )


def test_an_interrupt_ends_what_was_left_open_as_interrupted(kernel):
    messages = kernel.run(
        "span = spantree.start_span_no_context('detached')\n"
        "print('begun', flush=True)\ntime.sleep(30)",
        interrupt_after="begun",
    )

    last = payloads(messages)[-1]
    assert last["traces"][0]["state"] == "ERROR"
    text = kernel.run("%trace last --json")[-1]["content"]["data"]["text/plain"]
    assert '"interrupted"' in text


def test_an_interrupt_leaves_threads_and_tasks_running(kernel):
    messages = kernel.run(
        "leave = threading.Event()\n"
        "@spantree.trace\n"
        "def in_thread(): leave.wait(60)\n"
        "@spantree.trace\n"
        "async def in_task():\n"
        "    while not leave.is_set(): await asyncio.sleep(0.01)\n"
        "thread = threading.Thread("
        "target=contextvars.copy_context().run, args=(in_thread,))\n"
        "thread.start()\n"
        "task = asyncio.ensure_future(in_task())\n"
        "await asyncio.sleep(0.05)\n"
        "print('begun', flush=True)\n"
        "time.sleep(3)",  # after an await ipykernel's interrupt waits for its end
        interrupt_after="begun",
    )
    states = {t["name"]: t["state"] for t in payloads(messages)[-1]["traces"]}
    assert states == {"in_thread": "IN_PROGRESS", "in_task": "IN_PROGRESS"}

    after = kernel.run("leave.set(); thread.join(); await task")

    states = {t["name"]: t["state"] for t in payloads(after)[-1]["traces"]}
    assert states == {"in_thread": "OK", "in_task": "OK"}
    assert {m["header"]["msg_type"] for m in drawings(after)} == {"update_display_data"}


def test_an_interrupted_await_is_drawn_as_failed(kernel):
    messages = kernel.run(
        "@spantree.trace\n"
        "async def waits(): await asyncio.sleep(3)\n"
        "print('begun', flush=True)\nawait waits()",
        interrupt_after="begun",
    )

    assert payloads(messages)[-1]["traces"][0]["state"] == "ERROR"


def test_live_can_be_switched_off(kernel):
    kernel.run("%trace_display --no-live")

    messages = kernel.run("work(1, 0.8)")

    assert [p["live"] for p in payloads(messages)] == [False]


def test_captured_cells_are_not_drawn_live(kernel):
    kernel.run("%%capture out\nwork(1, 0.8)")

    messages = kernel.run("len(out.outputs)")

    assert messages[-1]["content"]["data"]["text/plain"] == "1"


def test_unloading_ends_the_ticker(kernel):
    kernel.run("work(1, 0.5)")

    kernel.run("%unload_ext spantree")

    messages = kernel.run(
        "time.sleep(0.1)\n[t.name for t in threading.enumerate() if 'ticker' in t.name]"
    )
    assert messages[-1]["content"]["data"]["text/plain"] == "[]"
