"""The figures of a run, with those that the code itself has."""

from __future__ import annotations

from properties.planted import DEFECTS
from properties.runs import figures
from properties.table import INVARIANTS
from properties.variants import MACHINES


def counted() -> list[dict[str, str | int]]:
    """As `tests/properties/figures.json` has them."""
    return figures([machine.__name__ for machine in MACHINES], len(INVARIANTS), len(DEFECTS))
