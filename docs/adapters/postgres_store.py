"""The same store for many workers on many machines, on PostgreSQL: rows locked, generations compared.

    store = postgres_store("postgresql://...", vault=vault, owner=b"alice/laptop", anchor=PostgresAnchor("another one"))

One object is one connection. The database learns when something is written and how large it is, and neither names nor
contents: see storage.md for what its own copies (dead rows, logs, backups) keep.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg
from postgres_connection import connect
from records import Row, StoreBusy, StoreConflict, StoreError, StoreUnavailable
from store import LOCK_TIMEOUT, Store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from records import Post, Write

    from ratchetlib import MonotonicAnchor, StateVault, UnsafeNoRollbackProtection

SCHEMA_VERSION: Final = 1
"""Tables of another version are refused and not written to."""

SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS ratchet_records (
    shelf bytea NOT NULL, name bytea NOT NULL, generation bigint NOT NULL, blob bytea NOT NULL,
    PRIMARY KEY (shelf, name)) WITH (toast_tuple_target = 8160, fillfactor = 50);
CREATE TABLE IF NOT EXISTS ratchet_schema (version integer PRIMARY KEY);
INSERT INTO ratchet_schema SELECT {SCHEMA_VERSION} WHERE NOT EXISTS (SELECT FROM ratchet_schema);
CREATE TABLE IF NOT EXISTS ratchet_letters (
    id bytea PRIMARY KEY, number bigserial, box smallint NOT NULL, shelf bytea NOT NULL,
    blob bytea NOT NULL);
CREATE INDEX IF NOT EXISTS ratchet_letters_in_order ON ratchet_letters (box, number);
"""  # noqa: S608  # a number of ours
"""Run it once, by whoever may create tables; the workers need no more than the four usual rights on the tables.

A session fits into its row, with room beside it for the next one: kept elsewhere, each message would cost more writes.
"""

_SETTINGS: Final = (
    f"SET lock_timeout = '{int(LOCK_TIMEOUT)}s'",
    f"SET idle_in_transaction_session_timeout = '{int(2 * LOCK_TIMEOUT)}s'",  # a worker that hangs lets go
)

_BEGIN: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
"""Whatever the server's default: a worker that has waited for a lock must see what the other one wrote."""

_CHECKED: Final = "WITH done AS ({} RETURNING 1) SELECT 1 / count(*) FROM done"
"""Fails where no row was written, so that writes and commit can travel in one round trip."""

_LOCK: Final = "SELECT name FROM ratchet_records WHERE shelf = %s ORDER BY name FOR UPDATE"
_LOCK_FREE: Final = f"{_LOCK} SKIP LOCKED"
_LOAD: Final = "SELECT name, generation, blob FROM ratchet_records WHERE shelf = %s"
_INSERT: Final = _CHECKED.format(
    "INSERT INTO ratchet_records (shelf, name, generation, blob) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_UPDATE: Final = _CHECKED.format(
    "UPDATE ratchet_records SET generation = %s, blob = %s WHERE shelf = %s AND name = %s AND generation = %s"
)
_DELETE: Final = _CHECKED.format("DELETE FROM ratchet_records WHERE shelf = %s AND name = %s AND generation = %s")
_POST: Final = (
    "WITH finished AS (DELETE FROM ratchet_letters WHERE id = ANY(%s::bytea[]))"
    " INSERT INTO ratchet_letters (id, box, shelf, blob) SELECT id, box, shelf, blob"
    " FROM unnest(%s::bytea[], %s::smallint[], %s::bytea[], %s::bytea[])"
    " WITH ORDINALITY AS letter (id, box, shelf, blob, place) ORDER BY place"
)
"""All letters of a block in one statement: it is their number that would cost, not their size."""

_LETTERS: Final = (
    "SELECT id, shelf, blob FROM ratchet_letters WHERE box = %s AND shelf <> ALL(%s::bytea[]) ORDER BY number LIMIT %s"
)

_Call = tuple[str, tuple[object, ...]]
"""A statement and its values. Values travel beside the statement: a server logs the statement of an error."""


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
        with _translated():
            self._connected()

    def load(self, shelf: bytes, *, wait: bool = True) -> dict[bytes, Row]:
        """See `Database`. Lock first, then read: a worker that has waited must see what the other one wrote."""
        *_, locked, rows = self._run([*self._begin(), (_LOCK if wait else _LOCK_FREE, (shelf,)), (_LOAD, (shelf,))])
        found = {name: Row(*row) for name, *row in rows}
        if not wait and found.keys() != {name for (name,) in locked}:
            raise StoreBusy("another worker has the peer")
        return found

    def commit(self, writes: list[Write], posts: list[Post], finished: list[bytes]) -> None:
        """See `Database`."""
        calls = [*self._begin(), *map(_call, writes)]
        if posts or finished:
            columns = [list(column) for column in zip(*posts, strict=True)] or [[], [], [], []]
            calls += [(_POST, (finished, *columns))]
        self._run([*calls, ("COMMIT", ())])
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

    def letters(self, box: int, limit: int, skip: Collection[bytes] = ()) -> list[tuple[bytes, bytes, bytes]]:
        """See `Database`."""
        (rows,) = self._run([(_LETTERS, (box, list(skip), limit))])
        return rows

    def tidy(self) -> None:
        """See `Database`: dead rows are the server's, until it vacuums."""

    def close(self) -> None:
        """See `Database`."""
        if self._connection is not None:
            self._connection.close()

    def _begin(self) -> list[_Call]:
        """What opens a transaction, unless one is open."""
        begin: list[_Call] = [] if self._in_transaction else [(_BEGIN, ())]
        with _translated():
            self._connected()
        self._in_transaction = True
        return begin

    def _run(self, calls: list[_Call]) -> list[list[tuple[Any, ...]]]:
        """Statements in one round trip, each only if all before it went well; the rows of each."""
        with _translated():
            connection = self._connected()
            try:
                with connection.pipeline():
                    cursors = [
                        connection.execute(query.encode(), values, prepare=True, binary=True) for query, values in calls
                    ]
                return [cursor.fetchall() if cursor.description else [] for cursor in cursors]
            except psycopg.Error:
                connection.close()  # and with it whatever was begun
                raise

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        if self._in_transaction and self._connection is not None:
            return self._connection  # never a new connection in the middle of a transaction
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection = connect(self._conninfo)
        try:
            _set_up(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _set_up(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    for setting in _SETTINGS:
        connection.execute(setting)
    ((version,),) = connection.execute("SELECT max(version) FROM ratchet_schema").fetchall()
    if version != SCHEMA_VERSION:
        raise StoreError(f"the tables are of schema version {version}")


@contextmanager
def _translated() -> Iterator[None]:
    """The server's and the network's errors, as the store's. What else a server says is a mistake in its set-up."""
    try:
        yield
    except psycopg.errors.DivisionByZero as error:
        raise StoreConflict("a record was written since it was read") from error
    except psycopg.errors.LockNotAvailable as error:
        raise StoreBusy("another worker has the peer") from error
    except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
        raise StoreConflict("another worker was in the way") from error
    except psycopg.Error as error:
        raise StoreUnavailable(f"the database does not work: {error.sqlstate or type(error).__name__}") from error


def _call(write: Write) -> _Call:
    if write.expected == 0:
        return _INSERT, (write.shelf, write.name, write.generation, write.blob)
    if write.blob is None:
        return _DELETE, (write.shelf, write.name, write.expected)
    return _UPDATE, (write.generation, write.blob, write.shelf, write.name, write.expected)
