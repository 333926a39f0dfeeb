"""Writes ``tests/fixtures/store-v<version>.sql``: a store as this version makes it.

    python tests/support/make_store_fixture.py

Run once for each released schema, before the next one changes it.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from traces import make_trace  # noqa: E402 - found by the line above

from spantree.entities import Feedback  # noqa: E402
from spantree.store import open_store, parse_tracking_uri  # noqa: E402
from spantree.store.schema import SCHEMA_VERSION  # noqa: E402


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "traces.db"
        store = open_store(parse_tracking_uri(file))
        store.write(
            [
                make_trace(
                    number,
                    root={"raw_inputs": f"question {number}"},
                    tags={"env": "prod"},
                    trace_metadata={"mlflow.trace.session": "s1"},
                    assessments=[Feedback(name="good", value=True)],
                    spans=[{"name": "chat", "span_type": "CHAT_MODEL"}],
                )
                for number in (1, 2, 3)
            ]
        )
        store.close()
        connection = sqlite3.connect(file)
        dump = "\n".join(connection.iterdump())
        connection.close()
    target = HERE.parent / "fixtures" / f"store-v{SCHEMA_VERSION}.sql"
    target.write_text(dump + "\n")


if __name__ == "__main__":
    main()
