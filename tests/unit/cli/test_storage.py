from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from support.pair import ALICE, BOB, make_pair, snapshot

from ratchetlib import AnchorEntry, StateError, StateRolledBack, StateTampered
from ratchetlib.cli import storage as module
from ratchetlib.cli.storage import FileAnchor, Record, Storage, write_durably

if TYPE_CHECKING:
    from pathlib import Path

    from ratchetlib import Session

KEY = bytes(range(32))
RECORD = bytes(32)
FIRST = AnchorEntry(1, b"\1" * 32)
SECOND = AnchorEntry(2**40, b"\2" * 32)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    anchors = tmp_path / "anchors"
    anchors.mkdir()
    return Record(ALICE, BOB, tmp_path / "alice.session", anchors)


@pytest.fixture
def session() -> Session:
    return make_pair().alice


def test_an_anchor_begins_empty(tmp_path: Path) -> None:
    assert FileAnchor(tmp_path).read(RECORD) is None


def test_an_anchor_remembers(tmp_path: Path) -> None:
    assert FileAnchor(tmp_path).compare_and_advance(RECORD, None, FIRST)
    assert FileAnchor(tmp_path).compare_and_advance(RECORD, FIRST, SECOND)
    assert FileAnchor(tmp_path).read(RECORD) == SECOND


@pytest.mark.parametrize("expected", [None, SECOND])
def test_an_anchor_keeps_what_was_not_expected(tmp_path: Path, expected: AnchorEntry | None) -> None:
    anchor = FileAnchor(tmp_path)
    anchor.compare_and_advance(RECORD, None, FIRST)
    assert not anchor.compare_and_advance(RECORD, expected, SECOND)
    assert anchor.read(RECORD) == FIRST


def test_records_are_apart(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path)
    anchor.compare_and_advance(RECORD, None, FIRST)
    assert anchor.read(b"\1" * 32) is None


def test_what_is_saved_is_loaded(record: Record, session: Session) -> None:
    storage = Storage(KEY, record)
    storage.save(session, 1)
    assert snapshot(Storage(KEY, record).load()) == snapshot(session)


def test_an_older_save_is_refused(record: Record, session: Session) -> None:
    storage = Storage(KEY, record)
    storage.save(session, 1)
    older = record.blob.read_bytes()
    storage.save(session, 2)
    record.blob.write_bytes(older)
    with pytest.raises(StateRolledBack):
        storage.load()


def test_a_crash_between_write_and_advance_is_rolled_forward(
    record: Record, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(KEY, record)
    storage.save(session, 1)
    with monkeypatch.context() as patched:
        patched.setattr(FileAnchor, "compare_and_advance", lambda *_: pytest.fail("power off"))
        with pytest.raises(pytest.fail.Exception):
            storage.save(session, 2)
    assert snapshot(storage.load()) == snapshot(session)


def test_the_blob_is_written_before_the_anchor(
    record: Record, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def spy(path: Path, content: bytes) -> None:
        written.append(path.suffix)
        write_durably(path, content)

    monkeypatch.setattr(module, "write_durably", spy)
    Storage(KEY, record).save(session, 1)
    assert written == [".session", ".anchor"]


def test_damage_is_refused(record: Record, session: Session) -> None:
    storage = Storage(KEY, record)
    storage.save(session, 1)
    record.blob.write_bytes(record.blob.read_bytes()[:-1])
    with pytest.raises(StateTampered):
        storage.load()


def test_another_key_opens_nothing(record: Record, session: Session) -> None:
    Storage(KEY, record).save(session, 1)
    with pytest.raises(StateError):
        Storage(bytes(32), record).load()


def test_a_write_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file.session"
    write_durably(path, b"long content")
    write_durably(path, b"short")
    assert path.read_bytes() == b"short"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.session"]


def test_a_write_that_breaks_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.session"
    write_durably(path, b"old")

    def fail(_descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_durably(path, b"new")
    assert path.read_bytes() == b"old"


def test_a_system_that_opens_no_directory_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_directory: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(module, "_sync", refuse)
    write_durably(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
