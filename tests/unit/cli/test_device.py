from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.pair import ALICE, BOB, make_pair, snapshot

from ratchetlib import StateRolledBack
from ratchetlib.cli.device import Job, Outcome, in_new_process, serve
from ratchetlib.cli.storage import Record, Storage

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from support.pair import Pair

KEY = bytes(range(32))


class Home:
    """Alice's session on disk."""

    def __init__(self, pair: Pair, directory: Path) -> None:
        self.record = Record(ALICE, BOB, directory / "alice.session", directory)
        self.storage = Storage(KEY, self.record)
        self.storage.save(pair.alice, 1)

    def job(self, incoming: list[bytes], texts: list[str], generation: int = 2) -> Job:
        owner, peer, blob, anchors = self.record
        messages = [message.hex() for message in incoming]
        return Job(owner.decode(), peer.decode(), str(blob), str(anchors), generation, messages, texts)


@pytest.fixture
def pair() -> Pair:
    return make_pair()


@pytest.fixture
def home(pair: Pair, tmp_path: Path) -> Home:
    return Home(pair, tmp_path)


def served(job: Job) -> Outcome:
    stdout = io.StringIO()
    code = serve(io.StringIO(f"{KEY.hex()}\n{json.dumps(job._asdict())}\n"), stdout)
    assert code == 0
    return Outcome(**json.loads(stdout.getvalue()))


def test_a_device_reads_then_writes(pair: Pair, home: Home) -> None:
    outcome = served(home.job([pair.bob.encrypt("zażółć".encode())], ["one", "two"]))
    assert outcome.process == os.getpid()
    assert outcome.read == ["zażółć"]
    assert outcome.opened
    assert [pair.bob.decrypt(bytes.fromhex(message)) for message in outcome.written] == [b"one", b"two"]


def test_a_device_on_an_open_chain(home: Home) -> None:
    assert not served(home.job([], ["one"])).opened
    assert not served(home.job([], [], generation=3)).opened


def test_a_device_saves_what_it_did(pair: Pair, home: Home) -> None:
    served(home.job([], ["lost"]))
    assert snapshot(home.storage.load()) != snapshot(pair.alice)
    outcome = served(home.job([], ["arrives"], generation=3))
    pair.bob.decrypt(bytes.fromhex(outcome.written[0]))
    assert pair.bob.health().skipped_stored == 1


def test_a_device_saves_before_it_speaks(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    stdout = io.StringIO()
    monkeypatch.setattr(Storage, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        serve(io.StringIO(f"{KEY.hex()}\n{json.dumps(home.job([], ['unsaved'])._asdict())}\n"), stdout)
    assert stdout.getvalue() == ""


def test_a_generation_that_is_not_the_next_is_refused(home: Home) -> None:
    with pytest.raises(StateRolledBack):
        served(home.job([], [], generation=4))


def test_a_new_process(pair: Pair, home: Home) -> None:
    outcome = in_new_process(KEY, home.job([pair.bob.encrypt(b"hi")], ["back"]))
    assert outcome.process != os.getpid()
    assert outcome.read == ["hi"]
    assert pair.bob.decrypt(bytes.fromhex(outcome.written[0])) == b"back"


def test_a_process_that_fails_says_why(home: Home) -> None:
    home.record.blob.write_bytes(b"no blob")
    with pytest.raises(ChildProcessError, match=r"StateTampered"):
        in_new_process(KEY, home.job([], []))


def test_a_process_that_fails_without_a_word(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ChildProcessError, match="no reason given"):
        in_new_process(KEY, home.job([], []))


def test_the_storage_key_is_in_no_argument_and_no_variable(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    run = subprocess.run

    def spy(command: list[str], *, env: dict[str, str], **options: Any) -> Any:
        seen.extend([*command, *env, *env.values()])
        assert KEY.hex() in options["input"]
        return run(command, env=env, **options)

    monkeypatch.setattr(subprocess, "run", spy)
    in_new_process(KEY, home.job([], []))
    assert seen
    assert not any(KEY.hex() in text for text in seen)


@pytest.mark.attack("A103")
def test_a_new_process_looks_for_modules_nowhere_else(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hmac", "json", "ratchetlib"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    assert in_new_process(KEY, home.job([], [])).read == []
