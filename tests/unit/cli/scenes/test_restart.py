from __future__ import annotations

import io
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ratchetlib import StateVault
from ratchetlib.cli.device import Job, Outcome, serve
from ratchetlib.cli.scenes import restart
from ratchetlib.primitives.random import random_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.sheet import Sheet

    from ratchetlib.cli.talk import Talk

    Start = Callable[[bytes, Job], Outcome]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for temporary directories in which nothing else is."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Start:
    """The devices' end without the cost of an interpreter each."""

    def here(storage_key: bytes, job: Job) -> Outcome:
        stdout = io.StringIO()
        serve(io.StringIO(f"{storage_key.hex()}\n{json.dumps(job._asdict())}\n"), stdout)
        return Outcome(**json.loads(stdout.getvalue()))

    monkeypatch.setattr(restart, "in_new_process", here)
    return here


def test_the_conversation_goes_on(talk: Talk, page: Sheet, elsewhere: Path) -> None:
    restart.play(talk)
    assert (page.checks, page.failures) == (7, 0)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.usefixtures("in_this_process")
def test_one_process_for_all_fails(talk: Talk, page: Sheet) -> None:
    restart.play(talk)
    assert page.failed == ["processes"]
    assert f"{os.getpid()}, {os.getpid()}" in page.lines[6]


@pytest.mark.usefixtures("in_this_process")
def test_the_anchor_lies_in_another_directory(talk: Talk, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    real = restart._put_back

    def look(*arguments: object) -> None:
        seen.extend(sorted(entry.name for entry in path.iterdir()) for path in sorted(elsewhere.glob("*/*")))
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(restart, "_put_back", look)
    restart.play(talk)
    anchors, blobs = seen
    assert blobs == ["alice.session", "bob.session"]
    assert [Path(name).suffix for name in anchors] == [".anchor", ".anchor"]


@pytest.mark.usefixtures("in_this_process")
def test_names_in_clear_fail(talk: Talk, page: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    real = restart._sealed

    def with_a_name(page: Sheet, *devices: restart._Device) -> None:
        path = devices[1].record.blob
        sealed = path.read_bytes()
        path.write_bytes(sealed + devices[1].record.peer)
        real(page, *devices)
        path.write_bytes(sealed)

    monkeypatch.setattr(restart, "_sealed", with_a_name)
    restart.play(talk)
    assert "sealed" in page.failed


@pytest.mark.usefixtures("in_this_process")
def test_damage_that_is_accepted_fails(talk: Talk, page: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "with_a_bit_flipped", lambda newest, _index: newest)
    restart.play(talk)
    assert "tampering" in page.failed


@pytest.mark.usefixtures("in_this_process")
def test_a_rollback_that_is_accepted_fails(talk: Talk, page: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    real = StateVault.open

    def without_protection(vault: StateVault, blob: bytes, **options: object) -> object:
        options["anchor"] = None
        return real(vault, blob, minimum_generation=0, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(StateVault, "open", without_protection)
    restart.play(talk)
    assert "rollback" in page.failed
    assert any("put back: ACCEPTED" in line for line in page.lines)


def test_a_text_that_does_not_arrive_fails(
    talk: Talk, page: Sheet, in_this_process: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(storage_key: bytes, job: Job) -> Outcome:
        return in_this_process(storage_key, job)._replace(read=[])

    monkeypatch.setattr(restart, "in_new_process", deaf)
    restart.play(talk)
    assert {"Alice → Bob", "Bob → Alice"} <= set(page.failed)


@pytest.mark.usefixtures("in_this_process")
def test_no_storage_key_is_printed_or_stored(
    talk: Talk, page: Sheet, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[bytes] = []
    real_put_back = restart._put_back

    def draw(length: int) -> bytes:
        keys.append(random_bytes(length))
        return keys[-1]

    def look(*arguments: object) -> None:
        stored = b"".join(path.read_bytes() for path in elsewhere.rglob("*.*") if path.is_file())
        assert not any(key in stored or key.hex().encode() in stored for key in keys)
        real_put_back(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(restart, "random_bytes", draw)
    monkeypatch.setattr(restart, "_put_back", look)
    restart.play(talk)
    assert len(set(keys)) == 2
    shown = "\n".join(page.lines)
    assert not any(key.hex()[:8] in shown for key in keys)
