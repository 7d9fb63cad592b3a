"""The same store for many workers on many machines, on PostgreSQL: rows locked, generations compared.

    store = postgres_store("postgresql://...", vault=vault, owner=b"alice/laptop", anchor=PostgresAnchor("another one"))

One object is one connection. The database learns when something is written and how large it is, and neither names nor
contents: see storage.md for what its own copies (dead rows, logs, backups) keep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
from records import StoreBusy, StoreConflict
from store import LOCK_TIMEOUT, Store

if TYPE_CHECKING:
    from records import Post, Write

    from ratchetlib import MonotonicAnchor, StateVault, UnsafeNoRollbackProtection

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS ratchet_records (
    shelf bytea NOT NULL, name bytea NOT NULL, generation bigint NOT NULL, blob bytea NOT NULL,
    PRIMARY KEY (shelf, name));
CREATE TABLE IF NOT EXISTS ratchet_letters (
    number bigserial PRIMARY KEY, id bytea NOT NULL UNIQUE, box smallint NOT NULL, blob bytea NOT NULL);
"""
"""Run it once, by whoever may create tables; the workers need no more than the four usual rights on the two tables."""

_SETTINGS: Final = (
    "SET synchronous_commit = on",  # a commit is on the disk when it returns
    f"SET lock_timeout = '{int(LOCK_TIMEOUT)}s'",
    f"SET idle_in_transaction_session_timeout = '{int(2 * LOCK_TIMEOUT)}s'",  # a worker that hangs lets go
)

_LOCK: Final = "SELECT FROM ratchet_records WHERE shelf = %s ORDER BY name FOR UPDATE"
_LOAD: Final = "SELECT name, blob FROM ratchet_records WHERE shelf = %s"
_CHECKED: Final = "WITH done AS ({} RETURNING 1) SELECT 1 / count(*) FROM done"  # fails where no row was written,
_INSERT: Final = _CHECKED.format(  # so that the commit can travel in the same round trip
    "INSERT INTO ratchet_records (shelf, name, generation, blob) VALUES (%s, %s, 1, %s) ON CONFLICT DO NOTHING"
)
_UPDATE: Final = _CHECKED.format(
    "UPDATE ratchet_records SET generation = %s, blob = %s WHERE shelf = %s AND name = %s AND generation = %s"
)
_DELETE: Final = _CHECKED.format("DELETE FROM ratchet_records WHERE shelf = %s AND name = %s AND generation = %s")
_POST: Final = "INSERT INTO ratchet_letters (id, box, blob) VALUES (%s, %s, %s)"
_FINISH: Final = "DELETE FROM ratchet_letters WHERE id = ANY(%s)"
_LETTERS: Final = "SELECT id, blob FROM ratchet_letters WHERE box = %s ORDER BY number LIMIT %s"


def postgres_store(
    conninfo: str, *, vault: StateVault, owner: bytes, anchor: MonotonicAnchor | UnsafeNoRollbackProtection
) -> Store:
    """A store in a database whose tables `SCHEMA` has made; one owner to a database or schema."""
    return Store(PostgresDatabase(conninfo), vault=vault, owner=owner, anchor=anchor)


class PostgresDatabase:
    """Sealed blobs in PostgreSQL. What is locked is one shelf, so workers get on with other peers meanwhile."""

    def __init__(self, conninfo: str) -> None:
        """Connect; the connection is made anew when it was lost."""
        self._conninfo = conninfo
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._in_transaction = False
        self._connected()

    def load(self, shelf: bytes) -> dict[bytes, bytes]:
        """See `Database`. Lock first, then read: a worker that has waited must see what the other one wrote."""
        connection = self._connected()
        try:
            with connection.pipeline():
                if not self._in_transaction:
                    connection.execute("BEGIN")
                    self._in_transaction = True
                connection.execute(_LOCK, (shelf,), binary=True)
                rows = connection.execute(_LOAD, (shelf,), binary=True)
            return dict(rows.fetchall())
        except psycopg.Error as error:
            connection.close()  # what a broken pipeline had prepared is not known any more
            if isinstance(error, psycopg.errors.LockNotAvailable):
                raise StoreBusy("another worker has the peer") from error
            raise

    def commit(self, writes: list[Write], posts: list[Post], finished: list[bytes]) -> None:
        """See `Database`."""
        connection = self._connected()
        try:
            with connection.pipeline():
                if not self._in_transaction:
                    connection.execute("BEGIN")
                    self._in_transaction = True
                for write in writes:
                    connection.execute(*_statement(write))
                for post in posts:
                    connection.execute(_POST, post)
                if finished:
                    connection.execute(_FINISH, (finished,))
                connection.execute("COMMIT")
        except psycopg.Error as error:
            connection.close()
            if isinstance(error, psycopg.errors.DivisionByZero):
                raise StoreConflict("a record was written since it was read") from error
            raise
        self._in_transaction = False

    def rollback(self) -> None:
        """See `Database`."""
        in_transaction, self._in_transaction = self._in_transaction, False
        connection = self._connection
        if connection is None or not in_transaction:
            return
        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:  # the connection is lost, and its transaction with it
            connection.close()

    def letters(self, box: int, limit: int) -> list[tuple[bytes, bytes]]:
        """See `Database`."""
        return self._connected().execute(_LETTERS, (box, limit), binary=True).fetchall()

    def close(self) -> None:
        """See `Database`."""
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._in_transaction and self._connection is not None:
            return self._connection  # never a new connection in the middle of a transaction
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=1)
            for setting in _SETTINGS:
                self._connection.execute(setting)
        return self._connection


def _statement(write: Write) -> tuple[str, tuple[object, ...]]:
    if write.expected == 0:
        return _INSERT, (write.shelf, write.name, write.blob)
    if write.blob is None:
        return _DELETE, (write.shelf, write.name, write.expected)
    return _UPDATE, (write.expected + 1, write.blob, write.shelf, write.name, write.expected)
