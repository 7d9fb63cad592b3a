"""One caller at a time, in one process: what every stateful object asks before it moves."""

from __future__ import annotations

import threading

from ratchetlib.errors import ConcurrentUse, ForkedProcess
from ratchetlib.primitives import process


class Guard:
    """A context manager that refuses rather than waits.

    Waiting would hide a program in which two threads use one session; the order of their messages would be an
    accident. A forked child would reuse the parent's keys, so it may not use the parent's objects at all.
    """

    __slots__ = ("_forks", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forks = process.forks

    def __enter__(self) -> None:
        if process.forks != self._forks:
            raise ForkedProcess("made before this process was forked: open it from sealed state")
        if not self._lock.acquire(blocking=False):
            raise ConcurrentUse("in use by another thread")

    def __exit__(self, *_: object) -> None:
        self._lock.release()
