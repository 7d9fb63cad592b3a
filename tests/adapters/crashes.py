"""Children that work on a store and are killed: at a step of their own that the test names, or at any moment."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from support.forked import fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INSTRUCTIONS = 200
"""Of SQLite's virtual machine, between two steps inside a statement."""


class Ended(NamedTuple):
    """What became of a child, and what it said before."""

    killed: bool
    said: list[bytes]

    @property
    def steps(self) -> int:
        """How many steps it took, if it lived to its end."""
        (steps,) = (int(message[1:]) for message in self.said if message[:1] == b"#")
        return steps


class Steps:
    """Counts whatever a child does to a database, a file or the world, and kills it before one of it."""

    def __init__(self, last: int | None) -> None:
        self._last = last
        self.taken = 0

    def __call__(self, *_: object) -> int:
        self.taken += 1
        if self.taken == self._last:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self()
            return function(*arguments, **named)

        return counted

    def watch(self) -> None:
        """From now on, in this process, which does not live to see the end of it."""
        connect = sqlite3.connect

        def connect_watched(*arguments: Any, **named: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*arguments, **named)
            connection.set_trace_callback(self)
            connection.set_progress_handler(self, INSTRUCTIONS)
            return connection

        sqlite3.connect = connect_watched  # type: ignore[assignment]
        psycopg.Connection.execute = self.before(psycopg.Connection.execute)  # type: ignore[method-assign]
        for name in ("pwrite", "fsync"):
            setattr(os, name, self.before(getattr(os, name)))


class Mouth:
    """Where a child says what the world can see of it."""

    def __init__(self, descriptor: int, steps: Steps) -> None:
        self._descriptor = descriptor
        self._steps = steps

    def say(self, kind: bytes, content: bytes = b"") -> None:
        self._steps()
        os.write(self._descriptor, len(content).to_bytes(4, "big") + kind + content)
        self._steps()


def run_child(work: Callable[[Mouth], None], *, kill_at: int | None = None, kill_after: float | None = None) -> Ended:
    """Fork, work, and die; a child that fails otherwise fails the test."""
    reading, writing = os.pipe()
    child = fork()
    if child == 0:
        _work(work, writing, kill_at)
    os.close(writing)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading, "rb") as pipe:
        said = list(_frames(pipe.read()))
    _, status = os.waitpid(child, 0)
    errors = [message for message in said if message[:1] == b"!"]
    if errors:
        raise AssertionError(errors[0].decode())
    return Ended(os.WIFSIGNALED(status), said)


def _work(work: Callable[[Mouth], None], writing: int, kill_at: int | None) -> None:
    steps = Steps(kill_at)
    mouth = Mouth(writing, Steps(None))
    try:
        steps.watch()
        work(Mouth(writing, steps))
        mouth.say(b"#", b"%d" % steps.taken)
    except BaseException:  # noqa: BLE001  # nothing may climb from here into the parent's test run
        mouth.say(b"!", traceback.format_exc().encode())
    os._exit(0)


def _frames(data: bytes) -> Iterator[bytes]:
    """Kind and content of each whole frame; the last may be torn."""
    while len(data) >= 5:
        end = 5 + int.from_bytes(data[:4], "big")
        if end > len(data):
            return
        yield data[4:end]
        data = data[end:]
