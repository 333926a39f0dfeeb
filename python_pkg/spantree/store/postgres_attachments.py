"""Keeps the bytes of attachments in PostgreSQL, the same ones once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from spantree.store.protocol import StoreUnavailableError
from spantree.store.rows import id_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spantree.store.postgres_connections import PostgresConnections


class AttachmentRows:
    """See :class:`~spantree.store.attachments.Attachments`.

    Args:
        connections: Of the store.
    """

    def __init__(self, connections: PostgresConnections) -> None:
        self._connections = connections

    def put(self, key: int, attachment_id: str, content: bytes) -> None:
        """See the protocol."""
        digest = hashlib.sha256(content).digest()
        try:
            with self._connections.transaction() as connection:
                connection.execute(
                    "INSERT INTO content(hash, body) VALUES(?, ?) ON CONFLICT(hash) "
                    # Locks the row: nobody deletes it before it has its user.
                    "DO UPDATE SET hash = excluded.hash",
                    (digest, content),
                )
                connection.execute(
                    "INSERT INTO attachment(trace_id, id, hash) VALUES(?, ?, ?) "
                    "ON CONFLICT DO NOTHING",
                    (id_bytes(key), attachment_id, digest),
                )
        except StoreUnavailableError as error:
            raise OSError(error.message) from error

    def get(self, key: int, attachment_id: str) -> bytes | None:
        """See the protocol."""
        with self._connections.reader() as connection:
            if connection is None:
                return None
            found = connection.execute(
                "SELECT body FROM attachment JOIN content USING(hash) "
                "WHERE trace_id = ? AND id = ?",
                (id_bytes(key), attachment_id),
            ).fetchone()
            return bytes(found[0]) if found else None

    def delete(self, keys: Iterable[int]) -> None:
        """See the protocol."""
        with self._connections.transaction() as connection:
            for key in keys:
                gone = connection.execute(
                    "DELETE FROM attachment WHERE trace_id = ? RETURNING hash",
                    (id_bytes(key),),
                ).fetchall()
                for (digest,) in gone:
                    connection.execute(
                        "DELETE FROM content WHERE hash = ? "
                        "AND hash NOT IN (SELECT hash FROM attachment)",
                        (digest,),
                    )
