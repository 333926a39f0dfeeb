from __future__ import annotations

import sqlite3

import orjson
import pytest

MESSAGES = [
    {"role": "user" if i % 2 == 0 else "assistant", "content": f"message {i} " * 40}
    for i in range(800)
]


def chat(messages, **more):
    return orjson.dumps({"model": "m", "messages": messages, **more})


def conversation(make_trace, turns, first=1):
    """Give a trace a turn, each with the whole history as a chat call has it."""
    return [
        make_trace(
            first + turn,
            spans=[
                {
                    "name": "chat",
                    "span_type": "CHAT_MODEL",
                    "raw_inputs": chat(MESSAGES[: 2 * turn + 1]),
                }
            ],
        )
        for turn in range(turns)
    ]


def count(file, table):
    connection = sqlite3.connect(file)
    (found,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.close()
    return found


def size(store, file):
    store.close()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return file.stat().st_size


def test_conversation_reads_back_byte_for_byte(sqlite_store, make_trace):
    traces = conversation(make_trace, 30)

    sqlite_store.write(traces)

    for trace in traces:
        found = sqlite_store.get(trace.key)
        assert found.data.spans[1].raw_inputs == trace.data.spans[1].raw_inputs


def content(file):
    """The bytes of all rows and indexes, without the room that pages have left."""
    connection = sqlite3.connect(file)
    (found,) = connection.execute("SELECT sum(payload) FROM dbstat").fetchone()
    connection.close()
    return found


def test_conversation_takes_a_twentieth_of_its_json_and_grows_linearly(
    sqlite_store, make_trace, file
):
    sqlite_store.write([make_trace(999)])
    empty = size(sqlite_store, file), content(file)
    traces = conversation(make_trace, 400)
    sqlite_store.write(traces[:200])
    half = size(sqlite_store, file), content(file)
    sqlite_store.write(traces[200:])
    size(sqlite_store, file)
    whole = content(file)

    written = sum(len(trace.data.spans[1].raw_inputs) for trace in traces[:200])
    assert (half[0] - empty[0]) * 20 <= written
    assert whole - empty[1] <= 2.2 * (half[1] - empty[1])


def test_deleting_one_trace_leaves_the_others_whole(sqlite_store, make_trace, file):
    traces = conversation(make_trace, 10)
    sqlite_store.write(traces)

    sqlite_store.delete([trace.key for trace in traces[::2]])

    for trace in traces[1::2]:
        found = sqlite_store.get(trace.key)
        assert found.data.spans[1].raw_inputs == trace.data.spans[1].raw_inputs


def test_messages_go_with_the_last_trace_that_has_them(sqlite_store, make_trace, file):
    traces = conversation(make_trace, 80)
    sqlite_store.write(traces)
    assert count(file, "msg") == 159

    sqlite_store.delete([trace.key for trace in traces[1:]])
    assert count(file, "msg") == 1
    sqlite_store.delete([traces[0].key])

    assert count(file, "msg") == count(file, "mlist") == 0


def test_deleted_message_leaves_no_byte(sqlite_store, make_trace, file):
    marker = "marker-77ab " * 12
    history = [{"role": "user", "content": marker}, MESSAGES[1]]
    sqlite_store.write([make_trace(1, root={"raw_inputs": chat(history)})])

    sqlite_store.delete([1])
    size(sqlite_store, file)

    assert b"marker-77ab" not in file.read_bytes()


def test_rewritten_span_lets_go_of_its_conversation(sqlite_store, make_trace, file):
    sqlite_store.write([make_trace(1, root={"raw_inputs": chat(MESSAGES[:3])})])

    sqlite_store.write([make_trace(1, root={"raw_inputs": chat(MESSAGES[5:7])})])

    assert count(file, "msg") == 2
    assert sqlite_store.get(1).data.root.raw_inputs == chat(MESSAGES[5:7])


@pytest.mark.parametrize(
    "value",
    [
        b'{"messages": [{"role": "user", "content": "spaces ' + b"x" * 200 + b'"}]}',
        b'{"messages":[{"role":"user","content":123456789012345678901234567890,"x":"'
        + b"y" * 200
        + b'"}]}',
        b'{"messages":[{"role":"a","role":"b","content":"' + b"z" * 200 + b'"}]}',
        b'{"a":{"$m":5},"messages":[{"role":"user"}]}',
        b'{"text":"[{\\"role\\":\\"user\\"}]","messages":' + chat(MESSAGES[:3])[24:],
        b'[{"role":"user","content":"' + b"w" * 200 + b'"}]',
        b'{"messages":[],"input":' + orjson.dumps(MESSAGES[:3]) + b"}",
        b'{"input":%b,"messages":%b}' % ((orjson.dumps(MESSAGES[:3]),) * 2),
    ],
)
def test_any_value_comes_back_as_it_was(sqlite_store, make_trace, value):
    sqlite_store.write([make_trace(1, root={"raw_inputs": value})])

    assert sqlite_store.get(1).data.root.raw_inputs == value


def test_text_that_looks_like_a_mark_is_not_expanded(sqlite_store, make_trace):
    value = b'{"x":{"$m":\t1},"messages":' + orjson.dumps(MESSAGES[:3]) + b"}"

    sqlite_store.write([make_trace(1, root={"raw_inputs": value})])

    found = sqlite_store.get(1).data.root.inputs
    assert found == {"x": {"$m": 1}, "messages": MESSAGES[:3]}
