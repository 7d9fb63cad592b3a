"""How often this process was forked: live sessions must not continue in a forked child."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

forks = 0
"""Forks between the start of the first process and this one: differs between a process and its children.

`os.fork` and whatever is built on it count. A process id would cost a system call with every message.
"""


def _count_fork() -> None:
    global forks  # noqa: PLW0603  # the only state that a fork hook can reach
    forks += 1


def _no_forks(*, after_in_child: Callable[[], None]) -> None:
    """Where the system has no fork there is nothing to run after one."""


def in_child(callback: Callable[[], None]) -> None:
    """Have `callback` called in every child process, right after the fork."""
    register: Callable[..., None] = getattr(os, "register_at_fork", _no_forks)
    register(after_in_child=callback)


in_child(_count_fork)
