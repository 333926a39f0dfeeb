from __future__ import annotations

import threading
from contextlib import nullcontext

from spantree.shipping import sender as sender_module
from spantree.shipping.sender import Sender
from spantree.store import SqliteStore, parse_tracking_uri


def test_all_threads_use_one_outbox(tmp_path, monkeypatch):
    # With two of them the thread that sends did not find what it had leased, sent it,
    # and never took it out.
    store = SqliteStore(tmp_path / "traces.db")
    together = threading.Barrier(4)
    made = []

    class Counted(sender_module.Outbox):
        def __init__(self, *arguments):
            made.append(self)
            super().__init__(*arguments)

    def opened():
        together.wait(60)
        return store

    monkeypatch.setattr(sender_module, "Outbox", Counted)
    sender = Sender(parse_tracking_uri("http://127.0.0.1:9"), opened, nullcontext())
    threads = [threading.Thread(target=sender.counts) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 1
