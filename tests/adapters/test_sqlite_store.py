"""What only the SQLite store promises: about its file."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from adapters.conversations import ALICE, BOB, NOW, bundle_of, carry, meet, send
from peer_sessions import OLD_SESSION_LIFETIME
from records import StoreBusy, StoreDamaged, StoreError, StoreUnavailable
from sqlite_store import LOG_PAGES, SqliteDatabase

if TYPE_CHECKING:
    from adapters.places import SqlitePlace


def files(place: SqlitePlace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.directory.glob(f"{ALICE.hex()}.db*")}


def holds(place: SqlitePlace, blobs: list[bytes]) -> int:
    """How many of the blobs stand in the files, as far as a forensic search would find them: by any 64 bytes."""
    everything = b"".join(files(place).values())
    return sum(any(blob[at : at + 64] in everything for at in range(150, len(blob) - 64, 256)) for blob in blobs)


@pytest.mark.attack("A87")
def test_a_deleted_session_is_gone_from_every_file(sqlite_place: SqlitePlace) -> None:
    alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
    meet(alice, bob)
    with alice.peer(BOB) as locked:
        (entry,) = locked.notes.entries
        assert locked.identity is not None
        identity = locked.identity
    rows = sqlite_place.interfere(ALICE, "SELECT blob FROM records WHERE shelf = ?", alice._sealing.shelf(BOB))
    blobs = [bytes(blob) for (blob,) in rows]  # type: ignore[call-overload]
    assert holds(sqlite_place, blobs) == 2
    with alice.peer(BOB) as locked:
        locked.repin(identity)
    assert entry not in locked.notes.entries
    assert holds(sqlite_place, blobs) == 0


@pytest.mark.attack("A55", "A87")
def test_an_old_session_is_gone_from_every_file_after_its_time(sqlite_place: SqlitePlace) -> None:
    alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
    meet(alice, bob)
    blobs = sqlite_place.interfere(ALICE, "SELECT blob FROM records WHERE shelf = ?", alice._sealing.shelf(BOB))
    old = max((bytes(blob) for (blob,) in blobs), key=len)  # type: ignore[call-overload]
    with bob.peer(ALICE) as locked:
        locked.report_broken()
        assert locked.request_reset(NOW)
    with bob.peer(ALICE) as locked:
        locked.begin(bundle_of(alice), now=NOW)
    assert carry(bob, BOB, alice) == [b""]
    assert holds(sqlite_place, [old]) == 1
    send(alice, BOB, b"", now=NOW + OLD_SESSION_LIFETIME - 1)
    assert holds(sqlite_place, [old]) == 1
    send(alice, BOB, b"", now=NOW + OLD_SESSION_LIFETIME)
    assert holds(sqlite_place, [old]) == 0


@pytest.mark.attack("A87")
def test_replaced_blobs_leave_the_files_after_a_number_of_commits(sqlite_place: SqlitePlace) -> None:
    alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
    meet(alice, bob)
    seen: list[bytes] = []
    for n in range(300):
        send(alice, BOB, b"%d" % n)
        rows = alice._database.load(alice._sealing.shelf(BOB))
        alice._database.rollback()
        seen.append(max((row.blob for row in rows.values()), key=len))
    # Of 300 blobs of the session, those of the last pages of the log, at least two pages a message, and the newest.
    assert holds(sqlite_place, seen[: -LOG_PAGES // 2]) == 0
    alice.flush()
    assert holds(sqlite_place, seen) == 1
    alice.close()
    assert set(files(sqlite_place)) == {f"{ALICE.hex()}.db"}


@pytest.mark.attack("A87")
def test_the_settings_hold_on_the_open_connection(sqlite_place: SqlitePlace) -> None:
    connection = sqlite_place.open(ALICE)._database._connection  # type: ignore[attr-defined]
    found = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "secure_delete")
    }
    assert found == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


@pytest.mark.attack("A85")
def test_the_files_are_for_their_user_only_whatever_the_umask(sqlite_place: SqlitePlace) -> None:
    before = os.umask(0)
    try:
        alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
        meet(alice, bob)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in sqlite_place.directory.glob("*.db*")}
    assert len(modes) == 6
    assert set(modes.values()) == {0o600}


@pytest.mark.attack("A85")
@pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal"])
def test_a_symbolic_link_is_refused(tmp_path: Path, beside: str) -> None:
    target = tmp_path / "target"
    target.touch(mode=0o600)
    (tmp_path / f"alice.db{beside}").symlink_to(target)
    with pytest.raises(StoreError, match="symbolic link"):
        SqliteDatabase(tmp_path / "alice.db")
    assert target.read_bytes() == b""


@pytest.mark.attack("A85")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "alice.db"
    path.touch()
    path.chmod(mode)
    with pytest.raises(StoreError, match="no access"):
        SqliteDatabase(path)


def test_a_store_is_not_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match="in a file"):
        SqliteDatabase(Path(":memory:"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.attack("A87")
def test_a_plaintext_that_was_done_with_is_gone_from_every_file_after_a_flush(sqlite_place: SqlitePlace) -> None:
    alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
    meet(alice, bob)
    send(bob, ALICE, b"private")
    with alice.peer(BOB) as locked:
        locked.receive(bob.outbox()[0].content, now=NOW)
    ((blob,),) = sqlite_place.interfere(ALICE, "SELECT blob FROM letters WHERE box = 1")
    alice.done(*locked.incoming)
    assert holds(sqlite_place, [bytes(blob)]) == 1  # type: ignore[call-overload]
    alice.flush()
    assert holds(sqlite_place, [bytes(blob)]) == 0  # type: ignore[call-overload]


@pytest.mark.attack("A85")
def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    with pytest.raises(StoreError):
        SqliteDatabase(tmp_path / "fifo")
    with pytest.raises(StoreError):
        SqliteDatabase(tmp_path)


@pytest.mark.attack("A74")
def test_a_later_schema_is_refused_and_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "alice.db"
    path.touch(mode=0o600)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="version 2"):
        SqliteDatabase(path)
    assert path.read_bytes() == before


@pytest.mark.attack("A87")
def test_a_reader_is_not_waited_for_and_the_log_is_emptied_after_it(sqlite_place: SqlitePlace) -> None:
    alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
    meet(alice, bob)
    reader = sqlite3.connect(sqlite_place.path(ALICE), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM records").fetchone()
    log = sqlite_place.directory / f"{ALICE.hex()}.db-wal"
    with alice.peer(BOB) as locked:
        assert locked.identity is not None
        locked.repin(locked.identity)  # would wait for 30 seconds
    assert log.stat().st_size
    reader.execute("COMMIT")
    reader.close()
    alice.flush()
    assert log.stat().st_size == 0


def test_what_sqlite_refuses_is_an_error_of_the_stores(sqlite_place: SqlitePlace, tmp_path: Path) -> None:
    alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
    meet(alice, bob)
    alice._database._connection.execute("PRAGMA query_only = ON")  # type: ignore[attr-defined]
    with pytest.raises(StoreUnavailable):
        send(alice, BOB, b"")
    alice._database._connection.execute("PRAGMA query_only = OFF")  # type: ignore[attr-defined]
    send(alice, BOB, b"")
    path = tmp_path / "damaged.db"
    path.write_bytes(b"no database" * 100)
    path.chmod(0o600)
    with pytest.raises(StoreDamaged):
        SqliteDatabase(path)


def test_the_oldest_letters_of_a_box_are_found_whatever_waits_in_the_other(sqlite_place: SqlitePlace) -> None:
    database = sqlite_place.open(ALICE)._database
    asked: list[str] = []
    database._connection.set_trace_callback(asked.append)  # type: ignore[attr-defined]
    database.letters(1, 100)
    plan = sqlite_place.interfere(ALICE, f"EXPLAIN QUERY PLAN {asked[0]}")
    assert any("USING INDEX letters_in_order (box=?)" in str(step[-1]) for step in plan)
    assert not any("TEMP B-TREE" in str(step[-1]) for step in plan)


def test_who_waits_too_long_is_told(sqlite_place: SqlitePlace) -> None:
    alice, bob = sqlite_place.open(ALICE), sqlite_place.open(BOB)
    meet(alice, bob)
    other = sqlite_place.open(ALICE)
    other._database._connection.execute("PRAGMA busy_timeout = 1")  # type: ignore[attr-defined]
    with alice.peer(BOB) as locked:
        with pytest.raises(StoreBusy):
            send(other, BOB, b"waits")
        locked.send(b"goes on", now=NOW)
    assert carry(alice, ALICE, bob) == [b"goes on"]
    assert bundle_of(bob).one_time is not None
