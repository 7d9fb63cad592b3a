"""Running a piece of a test in a forked child."""

from __future__ import annotations

import os
import traceback
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def fork() -> int:
    """`os.fork`; Python 3.12 warns of other threads, and those of a test runner do not matter to our children."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def in_child(step: Callable[[], str]) -> str:
    """What `step` returns in a forked child; its traceback if it raises."""
    reading, writing = os.pipe()
    child = fork()
    if child == 0:
        os.close(reading)
        try:
            answer = step()
        except BaseException:  # noqa: BLE001  # nothing may climb from here into the parent's test run
            answer = traceback.format_exc()
        with os.fdopen(writing, "w") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer
