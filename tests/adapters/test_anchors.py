"""Anchors: what each remembers, that it compares, and that it survives what it should."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING
from unittest.mock import Mock

import postgres_anchor
import psycopg
import pytest
from adapters.conversations import ALICE, BOB, NOW, bundle_of, make_device, meet, send
from adapters.crashes import Mouth, run_child
from adapters.places import SqlitePlace, run, scratch, server
from anchors import FileAnchor, KeyringAnchor
from postgres_anchor import PostgresAnchor
from psycopg import sql
from records import StoreDamaged, StoreError, StoreUnavailable
from support.forked import in_child

from ratchetlib import AnchorEntry, StateRolledBack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ratchetlib import MonotonicAnchor

RECORD = bytes(range(32))
FIRST = AnchorEntry(1, bytes(32))
SECOND = AnchorEntry(2, b"\2" * 32)


class DictionaryKeyring:
    """A keyring backend in memory: the tests of a library must not write into somebody's keyring."""

    def __init__(self) -> None:
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password


def test_a_keyring_that_is_locked_is_unavailable(tmp_path: Path) -> None:
    class KeyringLocked(Exception):  # as a backend calls it
        """Not one that the anchor could know."""

    keyring = Mock(get_password=Mock(return_value=None), set_password=Mock(side_effect=KeyringLocked))
    anchor = KeyringAnchor(keyring, "ratchetlib", tmp_path / "lock")
    with pytest.raises(StoreUnavailable):
        anchor.compare_and_advance(RECORD, None, FIRST)
    keyring.get_password.side_effect = KeyringLocked
    with pytest.raises(StoreUnavailable):
        anchor.read(RECORD)


@pytest.mark.attack("A71")
@pytest.mark.parametrize("entry", ["", "garbage", "1", "1:zz", "x:00", "1:00:00"])
def test_a_damaged_entry_of_the_keyring_is_no_new_record(tmp_path: Path, entry: str) -> None:
    keyring = DictionaryKeyring()
    keyring.set_password("ratchetlib", RECORD.hex(), entry)
    anchor = KeyringAnchor(keyring, "ratchetlib", tmp_path / "lock")
    with pytest.raises(StoreDamaged):
        anchor.read(RECORD)
    with pytest.raises(StoreDamaged):
        anchor.compare_and_advance(RECORD, None, FIRST)


@pytest.mark.attack("A78")
@pytest.mark.parametrize("supported", [True, False])
def test_an_entry_goes_through_the_disks_cache_where_fsync_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, supported: bool
) -> None:
    """As on macOS."""
    calls: list[object] = []

    def full(_: int, command: object) -> None:
        if not supported:
            raise OSError
        calls.append(command)

    monkeypatch.setattr("fcntl.F_FULLFSYNC", "full", raising=False)
    monkeypatch.setattr("fcntl.fcntl", full)
    monkeypatch.setattr("os.fsync", lambda _: calls.append("fsync"))
    FileAnchor(tmp_path).compare_and_advance(RECORD, None, FIRST)
    assert calls == (["full", "full"] if supported else ["fsync", "fsync"])  # the file's, and its directory's


@pytest.mark.attack("A78")
def test_an_entry_that_was_written_by_half_is_not_taken_for_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anchor = FileAnchor(tmp_path)
    monkeypatch.setattr("os.pwrite", lambda *_: 3)
    with pytest.raises(StoreUnavailable):
        anchor.compare_and_advance(RECORD, None, FIRST)


@pytest.mark.attack("A71")
def test_a_damaged_file_of_one_peer_stops_nobody_elses_letters(tmp_path: Path, sqlite_place: SqlitePlace) -> None:
    anchor = FileAnchor(tmp_path / "anchor")
    alice, bob, carol = sqlite_place.open(ALICE, anchor=anchor), sqlite_place.open(BOB), sqlite_place.open(b"carol")
    meet(alice, bob)
    send(alice, BOB, b"to bob")
    send(alice, BOB, b"once more")
    before = {path: path.read_bytes() for path in (tmp_path / "anchor").iterdir()}
    send(alice, BOB, b"so that the session's file is known")
    (path,) = (path for path in before if path.read_bytes() != before[path])
    make_device(carol, b"carol")
    with alice.peer(b"carol") as locked:
        locked.begin(bundle_of(carol), now=NOW, first=b"to carol")
    path.write_bytes(bytes(len(before[path])))
    again = sqlite_place.open(ALICE, anchor=anchor)
    assert again.outbox() == locked.outgoing
    assert {peer: type(error) for peer, error in again.refused.items()} == {BOB: StoreDamaged}


@pytest.fixture(params=["file", "postgres", "keyring"])
def anchor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MonotonicAnchor]:
    if request.param == "file":
        yield FileAnchor(tmp_path / "anchor")
    elif request.param == "keyring":
        yield KeyringAnchor(DictionaryKeyring(), "ratchetlib", tmp_path / "lock")
    else:
        schema = f"anchor_{os.getpid()}_{tmp_path.name}".lower()
        run(server(), sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        conninfo = psycopg.conninfo.make_conninfo(server(), options=f"-csearch_path={schema}")
        run(conninfo, sql.SQL(postgres_anchor.SCHEMA))
        remembering = PostgresAnchor(conninfo)
        yield remembering
        remembering.close()
        run(server(), sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


@pytest.mark.attack("A71")
def test_an_entry_is_replaced_only_by_who_knows_it(anchor: MonotonicAnchor) -> None:
    assert anchor.read(RECORD) is None
    assert not anchor.compare_and_advance(RECORD, FIRST, SECOND)
    assert anchor.read(RECORD) is None
    assert anchor.compare_and_advance(RECORD, None, FIRST)
    assert anchor.read(RECORD) == FIRST
    for wrong in (None, SECOND, AnchorEntry(1, b"\1" * 32)):
        assert not anchor.compare_and_advance(RECORD, wrong, SECOND)
        assert anchor.read(RECORD) == FIRST
    assert anchor.compare_and_advance(RECORD, FIRST, SECOND)
    assert anchor.read(RECORD) == SECOND
    assert not anchor.compare_and_advance(RECORD, FIRST, AnchorEntry(3, bytes(32)))
    assert anchor.read(bytes(32)) is None


def test_many_generations(anchor: MonotonicAnchor) -> None:
    entry = None
    for generation in range(1, 40):
        new = AnchorEntry(generation, os.urandom(32))
        assert anchor.compare_and_advance(RECORD, entry, new)
        assert anchor.read(RECORD) == new
        entry = new


@pytest.mark.attack("A71")
def test_a_restored_backup_is_refused(anchor: MonotonicAnchor) -> None:
    place = SqlitePlace()
    try:
        alice, bob = place.open(ALICE, anchor=anchor), place.open(BOB)
        meet(alice, bob)
        alice.flush()
        alice._database.tidy()  # type: ignore[attr-defined]
        backup = place.path(ALICE).read_bytes()
        send(alice, BOB, b"after the backup")
        alice.close()
        place.path(ALICE).write_bytes(backup)
        restored = place.open(ALICE, anchor=anchor)
        with pytest.raises(StateRolledBack):
            send(restored, BOB, b"with an old key")
        assert restored.outbox() == []
    finally:
        place.close()


@pytest.mark.attack("A78")
def test_a_file_torn_by_a_crash_shows_the_entry_before(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path)
    for entry, expected in ((FIRST, None), (SECOND, FIRST)):
        anchor.compare_and_advance(RECORD, expected, entry)
    path = tmp_path / RECORD.hex()
    whole = path.read_bytes()
    third = AnchorEntry(3, b"\3" * 32)
    anchor.compare_and_advance(RECORD, SECOND, third)
    after = path.read_bytes()
    for torn in range(len(whole) // 2):
        path.write_bytes(after[:torn] + whole[torn:])
        assert anchor.read(RECORD) == SECOND
    path.write_bytes(after)
    assert anchor.read(RECORD) == third


@pytest.mark.attack("A78")
def test_a_file_killed_at_every_step_shows_the_entry_or_the_one_before(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path)
    expected = None
    for kill_at in range(1, 9):
        new = AnchorEntry(kill_at, os.urandom(32))

        def work(_: Mouth, expected: AnchorEntry | None = expected, new: AnchorEntry = new) -> None:
            assert anchor.compare_and_advance(RECORD, expected, new)

        run_child(work, kill_at=kill_at)
        assert anchor.read(RECORD) in {expected, new}
        if anchor.read(RECORD) == expected:
            assert anchor.compare_and_advance(RECORD, expected, new)
        expected = new


@pytest.mark.attack("A71")
def test_a_damaged_file_is_no_new_record(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path)
    anchor.compare_and_advance(RECORD, None, FIRST)
    anchor.compare_and_advance(RECORD, FIRST, SECOND)
    path = tmp_path / RECORD.hex()
    path.write_bytes(bytes(len(path.read_bytes())))
    with pytest.raises(StoreDamaged):
        anchor.read(RECORD)
    with pytest.raises(StoreDamaged):
        anchor.compare_and_advance(RECORD, None, FIRST)


@pytest.mark.attack("A85")
def test_files_are_for_their_user_only_and_no_link_is_followed(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        anchor = FileAnchor(tmp_path / "new")
        anchor.compare_and_advance(RECORD, None, FIRST)
    finally:
        os.umask(before)
    path = tmp_path / "new" / RECORD.hex()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    shutil.move(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable):
        anchor.read(RECORD)


@pytest.mark.attack("A85")
@pytest.mark.parametrize("mode", [0o777, 0o750, 0o705])
def test_a_directory_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "anchor"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(StoreError, match="no access"):
        FileAnchor(directory)


@pytest.mark.attack("A85")
def test_a_directory_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(StoreError, match="no link"):
        FileAnchor(tmp_path / "link")


@pytest.mark.attack("A71")
def test_a_directory_that_is_gone_is_no_new_device(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "anchor")
    anchor.compare_and_advance(RECORD, None, FIRST)
    shutil.rmtree(tmp_path / "anchor")
    with pytest.raises(StoreUnavailable):
        anchor.read(RECORD)


def test_a_row_goes_on_after_a_lost_connection_and_in_a_forked_child() -> None:
    schema = f"anchor_lost_{os.getpid()}"
    run(server(), sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    conninfo = psycopg.conninfo.make_conninfo(server(), options=f"-csearch_path={schema}")
    run(conninfo, sql.SQL(postgres_anchor.SCHEMA))
    anchor = PostgresAnchor(conninfo)
    assert anchor.compare_and_advance(RECORD, None, FIRST)
    ours = anchor._connected().info.backend_pid
    run(server(), sql.SQL("SELECT pg_terminate_backend({})").format(ours))
    assert anchor.compare_and_advance(RECORD, FIRST, SECOND)
    assert in_child(lambda: str(anchor.read(RECORD))) == str(SECOND)
    assert anchor.read(RECORD) == SECOND
    anchor.close()
    run(server(), sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def test_a_database_that_does_not_answer_says_so() -> None:
    with pytest.raises(StoreUnavailable):
        PostgresAnchor("host=127.0.0.1 port=1 connect_timeout=1").read(RECORD)


def test_a_missing_directory_is_made_for_this_user_only() -> None:
    directory = scratch()
    FileAnchor(directory / "a" / "b")
    assert (directory / "a" / "b").stat().st_mode & 0o777 == 0o700
    shutil.rmtree(directory)
