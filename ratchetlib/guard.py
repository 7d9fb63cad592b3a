"""One caller at a time, in one process: what every stateful object asks before it moves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ratchetlib.errors import ConcurrentUse, ForkedProcess
from ratchetlib.primitives import process

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Guard:
    """Refuses rather than waits.

    Waiting would hide a program in which two threads use one session; the order of their messages would be an
    accident. A forked child would reuse the parent's keys, so it may not use the parent's objects at all.
    """

    __slots__ = ("_forks", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forks = process.forks

    def entering(self) -> AbstractContextManager[object]:
        """The lock to hold while the object moves: `with guard.entering():`.

        The lock itself and no context manager of ours: an interrupt (Ctrl-C, an alarm) between our Python lines would
        leave it held for ever. Two threads that pass the check at the same instant take turns.

        Raises:
            ForkedProcess: the object was made before this process was forked.
            ConcurrentUse: another thread is inside.
        """
        if process.forks != self._forks:
            raise ForkedProcess("made before this process was forked: open it from sealed state")
        if self._lock.locked():
            raise ConcurrentUse("in use by another thread")
        return self._lock
