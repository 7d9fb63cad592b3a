"""Inputs run once, in this process, without atheris."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Final

from runner.targets import one_input

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
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
