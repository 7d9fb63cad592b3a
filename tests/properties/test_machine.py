"""The state machines, run: everything that can happen to two devices, against the model and the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis.stateful import run_state_machine_as_test
from properties.machine import Conversations, Handshakes, NarrowConversations, OrderlyConversations
from properties.runs import LEAST_STEPS, RUN, STEPS

if TYPE_CHECKING:
    from hypothesis.stateful import RuleBasedStateMachine


@pytest.mark.parametrize("machine", [Conversations, NarrowConversations, OrderlyConversations, Handshakes])
def test_the_invariants_hold(machine: type[RuleBasedStateMachine]) -> None:
    before = STEPS[machine.__name__]
    run_state_machine_as_test(machine, settings=RUN)
    assert STEPS[machine.__name__] - before >= LEAST_STEPS
