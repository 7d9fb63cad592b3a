"""The anchor of many workers: rows in another database than the store's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import psycopg
from postgres_connection import connect
from records import StoreUnavailable

from ratchetlib import AnchorEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS ratchet_anchor (
    record bytea PRIMARY KEY, generation bigint NOT NULL, commitment bytea NOT NULL);
"""
"""The table of `PostgresAnchor`, in a database that is not backed up and restored with the store's."""

_READ: Final = "SELECT generation, commitment FROM ratchet_anchor WHERE record = %s"
_INSERT: Final = "INSERT INTO ratchet_anchor VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
_UPDATE: Final = (
    "UPDATE ratchet_anchor SET generation = %s, commitment = %s"
    " WHERE record = %s AND generation = %s AND commitment = %s"
)


class PostgresAnchor:
    """One round trip to read, one durable statement to advance.

    It connects when it is first used, anew in each process and after a lost connection.
    """

    def __init__(self, conninfo: str) -> None:
        """Use a database whose table `SCHEMA` has made."""
        self._conninfo = conninfo
        self._connections: dict[int, psycopg.Connection[tuple[Any, ...]]] = {}  # a forked child leaves its parent's be

    def read(self, record: bytes) -> AnchorEntry | None:
        """See `MonotonicAnchor`."""
        row = self._execute(_READ, (record,)).fetchone()
        return None if row is None else AnchorEntry(*row)

    def compare_and_advance(self, record: bytes, expected: AnchorEntry | None, new: AnchorEntry) -> bool:
        """See `MonotonicAnchor`."""
        if expected is None:
            return self._execute(_INSERT, (record, *new)).rowcount == 1
        return self._execute(_UPDATE, (*new, record, *expected)).rowcount == 1

    def close(self) -> None:
        """Close this process's connection."""
        connection = self._connections.pop(os.getpid(), None)
        if connection is not None:
            connection.close()

    def _execute(self, query: str, values: Sequence[object]) -> psycopg.Cursor[tuple[Any, ...]]:
        """Once more on a new connection if this one was lost: all three statements can be repeated.

        An advance that took effect before the connection was lost answers False then, and its caller reads again.
        """
        try:
            return self._connected().execute(query, values, binary=True)
        except psycopg.OperationalError:
            try:
                return self._connected().execute(query, values, binary=True)
            except psycopg.OperationalError as error:
                raise StoreUnavailable("the anchor's database does not answer") from error

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection = self._connections.get(os.getpid())
        if connection is None or connection.closed:
            connection = connect(self._conninfo)
            self._connections[os.getpid()] = connection
        return connection
