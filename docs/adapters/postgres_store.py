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
    id bytea PRIMARY KEY, number bigserial, box smallint NOT NULL, shelf bytea NOT NULL,
    blob bytea NOT NULL);
"""
"""Run it once, by whoever may create tables; the workers need no more than the four usual rights on the two tables."""

_SETTINGS: Final = (
    "SET synchronous_commit = on",  # a commit is on the disk when it returns
    f"SET lock_timeout = '{int(LOCK_TIMEOUT)}s'",
    f"SET idle_in_transaction_session_timeout = '{int(2 * LOCK_TIMEOUT)}s'",  # a worker that hangs lets go
)

_CHECKED: Final = "WITH done AS ({} RETURNING 1) SELECT 1 / count(*) FROM done"
"""Fails where no row was written, so that writes and commit can travel in one round trip."""

_PREPARED: Final = {
    "ratchet_lock": "SELECT FROM ratchet_records WHERE shelf = $1 ORDER BY name FOR UPDATE",
    "ratchet_load": "SELECT name, blob FROM ratchet_records WHERE shelf = $1",
    "ratchet_insert": _CHECKED.format(
        "INSERT INTO ratchet_records (shelf, name, generation, blob) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING"
    ),
    "ratchet_update": _CHECKED.format(
        "UPDATE ratchet_records SET generation = $3 + 1, blob = $4 WHERE shelf = $1 AND name = $2 AND generation = $3"
    ),
    "ratchet_delete": _CHECKED.format("DELETE FROM ratchet_records WHERE shelf = $1 AND name = $2 AND generation = $3"),
    "ratchet_post": "INSERT INTO ratchet_letters (id, box, shelf, blob) VALUES ($1, $2, $3, $4)",
    "ratchet_finish": "DELETE FROM ratchet_letters WHERE id = $1",
    "ratchet_letters": "SELECT id, shelf, blob FROM ratchet_letters WHERE box = $1 ORDER BY number LIMIT $2",
}


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
        try:
            return dict(self._run([*self._begin(), ("ratchet_lock", shelf), ("ratchet_load", shelf)]))
        except psycopg.errors.LockNotAvailable as error:
            raise StoreBusy("another worker has the peer") from error

    def commit(self, writes: list[Write], posts: list[Post], finished: list[bytes]) -> None:
        """See `Database`."""
        calls = [*self._begin(), *map(_call, writes)]
        calls += [("ratchet_post", *post) for post in posts]
        calls += [("ratchet_finish", key) for key in finished]
        try:
            self._run([*calls, ("COMMIT",)])
        except psycopg.errors.DivisionByZero as error:
            raise StoreConflict("a record was written since it was read") from error
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

    def letters(self, box: int, limit: int) -> list[tuple[bytes, bytes, bytes]]:
        """See `Database`."""
        return self._run([("ratchet_letters", box, limit)])

    def close(self) -> None:
        """See `Database`."""
        if self._connection is not None:
            self._connection.close()

    def _begin(self) -> list[tuple[object, ...]]:
        """What opens a transaction, unless one is open."""
        begin: list[tuple[object, ...]] = [] if self._in_transaction else [("BEGIN",)]
        self._connected()
        self._in_transaction = True
        return begin

    def _run(self, calls: list[tuple[object, ...]]) -> list[tuple[Any, ...]]:
        """Statements in one round trip; the rows of the last one."""
        connection = self._connected()
        try:
            cursor = connection.execute("; ".join(map(_statement, calls)).encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error:
            connection.close()  # and with it whatever was begun
            raise

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._in_transaction and self._connection is not None:
            return self._connection  # never a new connection in the middle of a transaction
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._conninfo, autocommit=True)
            for setting in _SETTINGS:
                self._connection.execute(setting)
            for name, statement in _PREPARED.items():
                self._connection.execute(f"PREPARE {name} AS {statement}".encode())
        return self._connection


def _call(write: Write) -> tuple[object, ...]:
    if write.expected == 0:
        return "ratchet_insert", write.shelf, write.name, write.blob
    if write.blob is None:
        return "ratchet_delete", write.shelf, write.name, write.expected
    return "ratchet_update", *write


def _statement(call: tuple[object, ...]) -> str:
    name, *values = call
    return f"EXECUTE {name} ({', '.join(map(_literal, values))})" if values else str(name)


def _literal(value: object) -> str:
    """Bytes and numbers only: nothing in a literal needs to be escaped."""
    return f"'\\x{value.hex()}'" if isinstance(value, bytes) else format(value, "d")
