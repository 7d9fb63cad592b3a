"""The chat demonstration as a user starts it: two processes, two terminals' worth of lines, crashes included."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from queue import Empty, Queue
from typing import TYPE_CHECKING

import chat
import pytest
import redis
from adapters.redis_server import program
from adapters.relays import PATIENCE
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIGITS = re.compile(r"\d{5}(?: \d{5}){11}")


class Terminal:
    """A process that is typed into and read from."""

    def __init__(self, folder: Path, me: str, peer: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter
            [sys.executable, chat.__file__, me, "--to", peer, "--folder", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: Queue[str] = Queue()
        self.shown: list[str] = []
        self.ended = False
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def type(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def wait_for(self, text: str) -> str:
        """The next line that holds it."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                line = self._lines.get(timeout=0.2)
            except Empty:
                continue
            self.shown.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} has not come, but:\n{''.join(self.shown)}")

    def fingerprint(self) -> str:
        self.wait_for("in person")
        found = DIGITS.search(self.wait_for(" "))
        assert found is not None
        return found.group()

    def end(self, how: signal.Signals | None) -> int:
        """By a signal, or by the end of the input."""
        if how is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
        elif not self.ended:
            self._process.send_signal(how)
        code = self._process.wait(PATIENCE)
        if self.ended:
            return code
        self.ended = True
        self._reading.join(PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        while not self._lines.empty():
            self.shown.append(self._lines.get())
        assert "Traceback" not in "".join(self.shown), "".join(self.shown)
        return code


@contextmanager
def terminal(folder: Path, me: str, peer: str, how: signal.Signals | None = signal.SIGINT) -> Iterator[Terminal]:
    started = Terminal(folder, me, peer)
    try:
        yield started
    finally:
        assert started.end(how) == (-how if how is signal.SIGKILL else 0)


def end(left: redis.Redis) -> None:
    left.ping()
    left.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    program()  # skips where there is no Redis
    yield tmp_path / "chat"
    socket = str(tmp_path / "chat" / "relay" / "socket")
    with redis.Redis(unix_socket_path=socket, retry=Retry(NoBackoff(), 0)) as left:
        try:
            left.ping()
        except redis.RedisError:
            return
        left.shutdown()
    raise AssertionError("a Redis was left running")


def test_two_terminals_talk_and_compare_one_fingerprint(folder: Path) -> None:
    with terminal(folder, "alice", "bob") as alice, terminal(folder, "bob", "alice", None) as bob:
        alice.type("hello bob")
        bob.wait_for("alice: hello bob")
        assert alice.fingerprint() == bob.fingerprint()
        bob.type("hello alice \x1b[31mred\x1b[0m")
        assert "\x1b" not in alice.wait_for("bob: hello alice")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_is_said_while_the_other_is_away_arrives_once(folder: Path) -> None:
    with terminal(folder, "alice", "bob") as alice:
        with terminal(folder, "bob", "alice") as bob:
            alice.type("first")
            bob.wait_for("alice: first")
            bob.type("answer")
            alice.wait_for("bob: answer")
        alice.type("while you were away")
        time.sleep(1)
    with terminal(folder, "bob", "alice") as bob:
        bob.wait_for("alice: while you were away")
        with terminal(folder, "alice", "bob") as alice:
            bob.type("the end")
            alice.wait_for("bob: the end")
    shown = "".join(bob.shown)
    assert shown.count("while you were away") == 1
    assert "alice: first" not in shown


@pytest.mark.parametrize("killed", ["alice", "bob"], ids=["who runs the relay", "the other one"])
def test_a_killed_side_goes_on_where_it_was(folder: Path, killed: str) -> None:
    how = {name: signal.SIGKILL if name == killed else signal.SIGINT for name in ("alice", "bob")}
    with terminal(folder, "alice", "bob", how["alice"]) as alice:
        alice.wait_for("You are")
        time.sleep(0.5)  # it has the relay
        with terminal(folder, "bob", "alice", how["bob"]) as bob:
            for number in range(5):
                alice.type(f"a{number}")
                bob.wait_for(f"alice: a{number}")
                bob.type(f"b{number}")
                alice.wait_for(f"bob: b{number}")
            sides = {"alice": alice, "bob": bob}
            sides.pop(killed).end(signal.SIGKILL)
            ((name, left),) = sides.items()
            with terminal(folder, killed, name) as back:
                left.type("are you back?")
                back.wait_for("are you back?")
                back.type("yes")
                left.wait_for("yes")


def test_changed_keys_are_told_and_held_back_until_they_are_accepted(folder: Path) -> None:
    with terminal(folder, "alice", "bob") as alice:
        with terminal(folder, "bob", "alice") as bob:
            bob.type("first")
            alice.wait_for("bob: first")
            old = alice.fingerprint()
        (folder / "bob").rename(folder / "lost")
        (folder / "bob").mkdir(mode=0o700)
        (folder / "lost" / "credential").rename(folder / "bob" / "credential")
        with terminal(folder, "bob", "alice") as bob:
            bob.type("it is me")
            alice.wait_for("CHANGED")
            told = DIGITS.search(alice.wait_for("  "))
            alice.type("/accept")
            alice.wait_for("Accepted")
            alice.wait_for("bob: it is me")
            assert told is not None
            assert told.group() == bob.fingerprint() != old
    assert "it is me" not in "".join(alice.shown).partition("Accepted")[0]


def test_the_end_of_the_input_ends_a_side_whose_peer_has_never_been_there(folder: Path) -> None:
    with terminal(folder, "alice", "bob", None) as alice:
        alice.type("is anybody there?")
        alice.wait_for("has not been here yet: waiting")
    assert "Not sent: bob has not been here yet." in "".join(alice.shown)


def test_a_folder_whose_path_no_socket_takes_is_refused(tmp_path: Path) -> None:
    refused = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, chat.__file__, "alice", "--to", "bob", "--folder", str(tmp_path / ("x" * 100))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "too long" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_name_that_is_no_name_is_refused(folder: Path) -> None:
    refused = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, chat.__file__, "../alice", "--to", "bob", "--folder", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "a name is" in refused.stderr
    assert not folder.exists()


@pytest.mark.parametrize("content", [b"a\x1b[2Jb", b"a\nb: b", b"a\r", "a\u202eb".encode(), b"\xff", b"\0"])
def test_nothing_on_the_terminal_can_be_forged(content: bytes) -> None:
    assert chat.printable(content).isprintable()


def test_a_secret_is_made_once_and_for_one_user(tmp_path: Path) -> None:
    os.umask(os.umask(0o022))
    secret = chat.kept_secret(tmp_path / "key")
    assert chat.kept_secret(tmp_path / "key") == secret
    assert len(secret) == 32
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
