"""The state machines, run."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings, Phase
from hypothesis.stateful import run_state_machine_as_test
from properties.machine import STEPS, Conversations, NarrowConversations
import os
N=int(os.environ.get("N","100"))
P=tuple(Phase) if os.environ.get("SHRINK") else (Phase.generate,)

@pytest.mark.parametrize("machine", [Conversations, NarrowConversations])
def test_m(machine):
    run_state_machine_as_test(machine, settings=settings(max_examples=N, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True,phases=P))
    print(STEPS)
