"""Why a mutant may live: the reasons in survivors.toml, one by one."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mutation.mutants import Mutant


class Reason(NamedTuple):
    """An explanation.

    Attributes:
        function: whose mutants; `*` stands for anything.
        change: the lines of the diff; empty for all mutants of the function.
        reason: why no test can, or should, notice.
    """

    function: str
    change: str
    reason: str

    def fits(self, mutant: Mutant) -> bool:
        """Whether it explains that one."""
        return fnmatchcase(mutant.function, self.function) and self.change.strip() in ("", mutant.change.strip())


@cache
def reasons() -> tuple[Reason, ...]:
    """All of them."""
    listed = tomllib.loads((Path(__file__).parent / "survivors.toml").read_text(encoding="utf-8"))
    return tuple(Reason(entry["function"], entry.get("change", ""), entry["reason"]) for entry in listed["survivor"])


def reason(mutant: Mutant) -> str:
    """Why this one lives; empty if nobody said."""
    return next((entry.reason for entry in reasons() if entry.fits(mutant)), "")
