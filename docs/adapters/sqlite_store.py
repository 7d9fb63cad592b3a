"""The embedded default: one SQLite file, readable by its owner only, every commit durable before it returns.

store = sqlite_store("alice.db", vault=vault, owner=b"alice/laptop", anchor=FileAnchor("/elsewhere/anchor"))
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from records import Row, StoreBusy, StoreConflict, StoreDamaged, StoreError, StoreUnavailable
from sqlite_file import SqliteFile
from store import LOCK_TIMEOUT, Store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from records import Post, Write

    from ratchetlib import MonotonicAnchor, StateVault, UnsafeNoRollbackProtection

SCHEMA_VERSION: Final = 1
"""A file of another version is refused and not written to."""

LOG_PAGES: Final = 256
"""Pages of the write-ahead log, about 50 messages, after which it is used again from its beginning. It holds replaced
blobs until then; a deletion, `tidy` and `close` empty it at once. Emptying it each time would halve the speed."""

_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS records (
    shelf BLOB NOT NULL, name BLOB NOT NULL, generation INTEGER NOT NULL, blob BLOB NOT NULL,
    PRIMARY KEY (shelf, name));
CREATE TABLE IF NOT EXISTS letters (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, box INTEGER NOT NULL, shelf BLOB NOT NULL,
    blob BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS letters_in_order ON letters (box, number);
PRAGMA user_version = {SCHEMA_VERSION};
"""

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a commit is on the disk when it returns
    "PRAGMA fullfsync = ON",  # macOS: through the disk's cache too
    "PRAGMA secure_delete = ON",  # what is deleted or replaced is overwritten in the file
    f"PRAGMA wal_autocheckpoint = {LOG_PAGES}",
    f"PRAGMA journal_size_limit = {LOG_PAGES * 4096}",  # nor is anything left behind that
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
)


def sqlite_store(
    path: str | Path, *, vault: StateVault, owner: bytes, anchor: MonotonicAnchor | UnsafeNoRollbackProtection
) -> Store:
    """A store in a file, made if it is not there."""
    return Store(SqliteDatabase(Path(path)), vault=vault, owner=owner, anchor=anchor)


class SqliteDatabase:
    """Sealed blobs in SQLite. One writer at a time in the whole file, which for one device is what is wanted."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; see `SqliteFile`."""
        self._file = SqliteFile(path)
        self._untidy = False
        try:
            self._connection = _connect(path)
        except BaseException:
            self._file.free()
            raise
        try:
            with _translated():
                self._set_up()
        except BaseException:
            self._disconnect()
            raise

    def _set_up(self) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise StoreError(f"the file is of schema version {version}")
        for pragma in _PRAGMAS:
            self._connection.execute(pragma).fetchall()
        if version == 0:
            self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def load(self, shelf: bytes, *, wait: bool = True) -> dict[bytes, Row]:  # noqa: ARG002  # one lock for all: waits
        """See `Database`. The lock is the file's: it goes when the process goes."""
        with _translated():
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            query = "SELECT name, generation, blob FROM records WHERE shelf = ?"
            return {name: Row(*row) for name, *row in self._connection.execute(query, (shelf,))}

    def commit(self, writes: list[Write], posts: list[Post], finished: list[bytes]) -> None:
        """See `Database`."""
        execute = self._connection.execute
        with _translated():
            if not self._connection.in_transaction:
                execute("BEGIN IMMEDIATE")
            for write in writes:
                self._write(write)
            for post in posts:
                execute("INSERT INTO letters (id, box, shelf, blob) VALUES (?, ?, ?, ?)", post)
            for key in finished:
                execute("DELETE FROM letters WHERE id = ?", (key,))
            execute("COMMIT")
        if any(write.blob is None for write in writes):
            self._untidy = True  # the log is emptied at the block's end: the anchor must not wait for that

    def rollback(self) -> None:
        """See `Database`."""
        with suppress(sqlite3.Error):  # the transaction is over in any case
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if self._untidy:
                self.tidy()

    def letters(self, box: int, limit: int, skip: Collection[bytes] = ()) -> list[tuple[bytes, bytes, bytes]]:
        """See `Database`."""
        skipped = json.dumps([shelf.hex() for shelf in skip])
        query = (
            "SELECT id, shelf, blob FROM letters WHERE box = ?"
            " AND lower(hex(shelf)) NOT IN (SELECT value FROM json_each(?)) ORDER BY number LIMIT ?"
        )
        with _translated():
            return self._connection.execute(query, (box, skipped, limit)).fetchall()

    def tidy(self) -> None:
        """See `Database`: empty the write-ahead log into the file.

        While others read it cannot be done, and is not waited for: it is tried again at the end of the next block.
        """
        execute = self._connection.execute
        self._untidy = True
        execute("PRAGMA busy_timeout = 0")
        try:
            self._untidy = bool(execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
        except sqlite3.OperationalError:
            pass
        finally:
            execute(f"PRAGMA busy_timeout = {int(LOCK_TIMEOUT * 1000)}")

    def close(self) -> None:
        """See `Database`."""
        self.tidy()
        self._disconnect()

    def _disconnect(self) -> None:
        self._connection.close()
        self._file.free()

    def _write(self, write: Write) -> None:
        execute = self._connection.execute
        if write.expected == 0:
            sql = "INSERT OR IGNORE INTO records (shelf, name, generation, blob) VALUES (?, ?, ?, ?)"
            done = execute(sql, (write.shelf, write.name, write.generation, write.blob))
        elif write.blob is None:
            sql = "DELETE FROM records WHERE shelf = ? AND name = ? AND generation = ?"
            done = execute(sql, (write.shelf, write.name, write.expected))
        else:
            sql = "UPDATE records SET generation = ?, blob = ? WHERE shelf = ? AND name = ? AND generation = ?"
            done = execute(sql, (write.generation, write.blob, write.shelf, write.name, write.expected))
        if done.rowcount != 1:
            raise StoreConflict("a record was written since it was read")


def _connect(path: Path) -> sqlite3.Connection:
    with _translated():
        return sqlite3.connect(path, timeout=LOCK_TIMEOUT, isolation_level=None, check_same_thread=False)


@contextmanager
def _translated() -> Iterator[None]:
    """SQLite's errors, as the store's."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreBusy("another process is in the database") from error
        raise StoreUnavailable(f"the database does not work: {error.sqlite_errorname}") from error
    except sqlite3.DatabaseError as error:
        raise StoreDamaged("the database's file is damaged") from error
