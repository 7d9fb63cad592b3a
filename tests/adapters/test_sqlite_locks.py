"""SQLite's locks between processes: really others, for a lock of one's own process keeps nobody out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from adapters.conversations import ALICE, BOB, carry, meet, send
from adapters.pages import ADAPTERS
from anchors import FileAnchor
from sqlite_store import SqliteDatabase
from support.forked import fork, in_child

if TYPE_CHECKING:
    from adapters.places import SqlitePlace

ANOTHER = """
import sys
from adapters.conversations import *
from adapters.places import VAULT
from anchors import FileAnchor
from sqlite_store import sqlite_store

path, anchor, plaintexts = sys.argv[1], sys.argv[2], sys.argv[3:]
store = sqlite_store(path, vault=VAULT, owner=ALICE, anchor=FileAnchor(anchor))
send(store, BOB, *[plaintext.encode() for plaintext in plaintexts])
store.close()
"""


def another_process(place: SqlitePlace, anchor: Path, *plaintexts: str) -> None:
    """Opens Alice's store, sends, and closes it."""
    path = os.pathsep.join([str(ADAPTERS), str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", ANOTHER, place.path(ALICE), anchor, *plaintexts],
        check=True, env={**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}, timeout=60,
    )  # fmt: skip


@pytest.mark.attack("A80")
def test_a_second_store_of_a_file_in_a_process_leaves_the_first_ones_locks(
    sqlite_place: SqlitePlace, tmp_path: Path
) -> None:
    anchor = FileAnchor(tmp_path / "anchor")
    alice, bob = sqlite_place.open(ALICE, anchor=anchor), sqlite_place.open(BOB)
    meet(alice, bob)
    second = sqlite_place.open(ALICE, anchor=anchor)
    another_process(sqlite_place, tmp_path / "anchor")
    send(alice, BOB, b"one")
    another_process(sqlite_place, tmp_path / "anchor", "two")
    send(second, BOB, b"three")
    second.close()
    send(alice, BOB, b"four")
    another_process(sqlite_place, tmp_path / "anchor", "five")
    assert carry(alice, ALICE, bob) == [b"one", b"two", b"three", b"four", b"five"]
    assert sqlite_place.interfere(ALICE, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.attack("A80", "A81")
def test_a_child_of_a_process_that_has_the_file_open_is_refused(sqlite_place: SqlitePlace, tmp_path: Path) -> None:
    alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
    meet(alice, bob)
    for _ in range(2):
        assert "fork first, then open" in in_child(lambda: str(sqlite_place.open(ALICE)))
        sqlite_place.open(ALICE).close()  # the other one is still open
    assert in_child(lambda: str(SqliteDatabase(tmp_path / "another"))).startswith("<sqlite_store.SqliteDatabase")
    send(alice, BOB, b"the parent goes on")
    assert carry(alice, ALICE, bob) == [b"the parent goes on"]


@pytest.mark.attack("A80", "A81")
def test_a_child_forked_before_the_file_is_opened_goes_on_when_its_parent_closes(sqlite_place: SqlitePlace) -> None:
    alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
    meet(alice, bob)
    alice.close()

    opened, closed = os.pipe(), os.pipe()
    child = fork()
    if child == 0:
        status = 1
        try:
            store = sqlite_place.open(ALICE)
            os.write(opened[1], b"o")
            os.read(closed[0], 1)
            send(store, BOB, b"from the child")
            status = 0
        finally:
            os._exit(status)
    assert os.read(opened[0], 1) == b"o"
    sqlite_place.open(ALICE).close()
    os.write(closed[1], b"c")
    assert os.waitpid(child, 0)[1] == 0
    again = sqlite_place.open(ALICE)
    send(again, BOB, b"from the parent")
    assert carry(again, ALICE, bob) == [b"from the child", b"from the parent"]
