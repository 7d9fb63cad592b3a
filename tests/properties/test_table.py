"""The table of invariants is complete, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from properties import invariants
from properties.table import INVARIANTS, MACHINES, OTHERS, Invariant

ROOT = Path(__file__).parents[2]


def test_each_of_the_32_has_its_place() -> None:
    assert [invariant.number for invariant in INVARIANTS] == list(range(1, 33))
    assert all(invariant.tests for invariant in INVARIANTS)


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda invariant: f"{invariant.number:02}")
def test_what_it_names_is_there(invariant: Invariant) -> None:
    checked = [holds.__name__ for holds in invariants.INVARIANTS]
    found = [name for name in checked if name.startswith(f"invariant_{invariant.number:02}_")]
    assert bool(found) == (MACHINES in invariant.tests)
    for test in invariant.tests:
        path, _, function = test.partition("::")
        source = (ROOT / path).read_text(encoding="utf-8")
        wanted = function or (f"test_invariant_{invariant.number:02}" if path == OTHERS else "test_")
        assert re.search(rf"^def {wanted}", source, re.MULTILINE)
