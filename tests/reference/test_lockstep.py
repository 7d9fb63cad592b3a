"""The library and the reference stay equal; and where one is changed, the lockstep says so."""

from __future__ import annotations

import pytest
from reference.scenarios import SCENARIOS, random_traffic


@pytest.mark.parametrize("name", SCENARIOS)
def test_library_and_reference_stay_equal(name: str) -> None:
    SCENARIOS[name]()


@pytest.mark.parametrize("seed", range(12))
def test_library_and_reference_stay_equal_on_random_traffic(seed: int) -> None:
    random_traffic(seed)
