"""Forks while the first store is being opened and written; tells what the child saved."""

from __future__ import annotations

import os
import time

if __name__ == "__main__":
    # The first to register is the last to run: all of ours have had their turn.
    os.register_at_fork(before=lambda: time.sleep(0.3))

    import spantree
    import spantree.store

    open_store = spantree.store.open_store

    def write_long(connection):
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(1)
        connection.execute("COMMIT")

    def open_slowly(target):
        time.sleep(0.5)
        store = open_store(target)
        store._connections.serve(write_long)
        return store

    spantree.store.open_store = open_slowly
    with spantree.start_span("in the parent"):
        pass
    time.sleep(0.1)
    pid = os.fork()
    if pid == 0:
        with spantree.start_span("in the child"):
            pass
        is_saved = spantree.flush(30)
        print("child saved" if is_saved else "child lost", flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
    print("parent saved" if spantree.flush(30) else "parent lost")
