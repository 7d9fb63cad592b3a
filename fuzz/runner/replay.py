"""Inputs run once, in this process, without atheris."""

from __future__ import annotations

import faulthandler
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runner.libfuzzer import MEGABYTES, SECONDS
from runner.targets import one_input

if TYPE_CHECKING:
    from collections.abc import Iterable

BROKEN: Final = "broken by "
"""In front of the path of an input that breaks something."""


def replay(name: str, paths: Iterable[Path]) -> int:
    """How many of the inputs break something; each of them with its traceback."""
    run, broken = one_input(name), 0
    for path in paths:
        try:
            run(path.read_bytes())
        except Exception:  # noqa: BLE001  # whatever escapes a target is the finding
            broken += 1
            print(f"{BROKEN}{path}\n{traceback.format_exc()}")
    return broken


def replay_within_limits(name: str, paths: list[Path]) -> int:
    """The same under the fuzzer's limits: a hang ends the process with its stack, too much memory is a MemoryError."""
    one_input(name)(b"")  # what is prepared once does not count
    _limit_memory()
    broken = 0
    for path in paths:
        print(f"{path}: {path.stat().st_size} bytes", flush=True)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        broken += replay(name, [path])
        faulthandler.cancel_dump_traceback_later()
    return broken


def _limit_memory() -> None:
    """As much more as the fuzzer allows in all; where the system tells how much there is already."""
    try:
        import resource  # noqa: PLC0415  # not on Windows

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except (ImportError, OSError):
        return
    limit = pages * resource.getpagesize() + MEGABYTES * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
