"""The machines see: each defect that is planted in the library makes one of them fail, soon."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from properties import variants
from properties.devices import stock
from properties.planted import DEFECTS, planted
from properties.runs import RUN
from properties.sides import Alone, InLockstep

from ratchetlib import RatchetError

EXAMPLES = 100
"""A fraction of what CI runs, so that a defect which one machine finds by luck counts as unseen."""


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_found(name: str) -> None:
    stock()  # not made with the defect
    defect = DEFECTS[name]
    sides = InLockstep if defect.lockstep else Alone
    chosen = type("Chosen", (getattr(variants, defect.machine),), {"SIDES": sides, "COUNTED": False})
    quick = settings(RUN, derandomize=True, max_examples=EXAMPLES, phases=[Phase.generate], report_multiple_bugs=False)
    with planted(defect), pytest.raises((AssertionError, RatchetError, BaseExceptionGroup)):
        run_state_machine_as_test(chosen, settings=quick)


def test_every_part_has_defects_planted() -> None:
    assert {defect.part for defect in DEFECTS.values()} >= {"ratchet", "handshake", "prekeys", "state", "post-quantum"}
