"""How often this process was forked: live sessions must not continue in a forked child."""

from __future__ import annotations

import os

_forks = 0


def forks() -> int:
    """Forks between the start of the first process and this one: differs between a process and its children.

    `os.fork` and whatever is built on it count. A process id would cost a system call with every message.
    """
    return _forks


def _count_fork() -> None:
    global _forks  # noqa: PLW0603  # the only state that a fork hook can reach
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)
