"""Which process this is: live sessions must not continue in a forked child."""

from __future__ import annotations

import os

_forks = 0


def _count_fork() -> None:
    global _forks  # noqa: PLW0603  # the only state that a fork hook can reach
    _forks += 1


def identity() -> tuple[int, int]:
    """A value that differs between a process and every child forked from it.

    The process id sees forks made outside Python; the count survives a reused process id.
    """
    return os.getpid(), _forks


os.register_at_fork(after_in_child=_count_fork)
