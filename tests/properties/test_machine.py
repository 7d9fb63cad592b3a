"""The state machines, run: everything that can happen to two devices, against the model and the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from properties.runs import ENOUGH, LEAST_STEPS, RUN, STEPS, TIMES
from properties.variants import MACHINES

if TYPE_CHECKING:
    from properties.machine import Conversations


@pytest.mark.parametrize("machine", MACHINES)
def test_the_invariants_hold(machine: type[Conversations]) -> None:
    before = STEPS[machine.__name__]
    examples = TIMES * machine.EXAMPLES
    run_state_machine_as_test(machine, settings=settings(RUN, max_examples=examples))
    assert STEPS[machine.__name__] - before >= LEAST_STEPS * examples


def test_all_machines_together_make_enough_steps() -> None:
    assert LEAST_STEPS * sum(machine.EXAMPLES for machine in MACHINES) >= ENOUGH
