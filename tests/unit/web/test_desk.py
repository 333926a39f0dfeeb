"""Writes of many at once: one commit for what waits, nobody's error is another's."""

from __future__ import annotations

import asyncio

import pytest
from support.traces import make_trace

from spantree.entities import Trace, TraceData
from spantree.store import SqliteStore
from spantree.web.desk import Desk


@pytest.fixture
def desk(tmp_path):
    desk = Desk(SqliteStore(tmp_path / "traces.db"), "here")
    yield desk
    desk.close()


async def test_what_waits_is_committed_together(desk, monkeypatch):
    sizes = []
    write = desk.store.write
    monkeypatch.setattr(
        desk.store, "write", lambda traces: (sizes.append(len(traces)), write(traces))
    )

    await asyncio.gather(*(desk.add([make_trace(n)]) for n in range(1, 101)))

    assert sum(sizes) == 100
    assert len(sizes) < 50
    assert desk.added == 100


async def test_parts_of_one_trace_come_together(desk):
    whole = make_trace(1, spans=[{"name": f"s{n}"} for n in range(20)])
    parts = [Trace(whole.info, TraceData([span])) for span in whole.data.spans]

    await asyncio.gather(*(desk.add([part]) for part in parts))

    assert len(desk.get_trace(whole.trace_id).data.spans) == 21


async def test_a_trace_that_cannot_be_written_fails_alone(desk, monkeypatch):
    write = desk.store.write

    def refuse_two(traces):
        if any(trace.key == 2 for trace in traces):
            msg = "no"
            raise RuntimeError(msg)
        write(traces)

    monkeypatch.setattr(desk.store, "write", refuse_two)
    done = await asyncio.gather(
        *(desk.add([make_trace(n)]) for n in range(1, 5)), return_exceptions=True
    )

    assert [isinstance(one, RuntimeError) for one in done] == [
        False,
        True,
        False,
        False,
    ]
    assert desk.get_trace("tr-" + "1".zfill(32)) is not None
