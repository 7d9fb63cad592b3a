"""The phases as values: where an exchange begins, and that nothing in it shows a secret."""

from __future__ import annotations

import pytest
from support.leaks import leaked, secrets_in
from support.pq import OWNER_PHASES, PHASES, exchange

from ratchetlib.ratchet.pq.states import Collecting, Idle, PqState, initial_pq_state


def test_the_initiator_owns_the_first_epoch() -> None:
    assert initial_pq_state(initiator=True) == PqState(0, Idle(), 0)
    assert initial_pq_state(initiator=False) == PqState(0, Collecting({}), 0)


def test_an_exchange_has_three_phases_on_each_side() -> None:
    phases = [type(state.phase) for state in exchange()]
    assert tuple(phases) == PHASES
    assert len(OWNER_PHASES) == 3


@pytest.mark.attack("A90")
def test_a_state_prints_none_of_its_secrets() -> None:
    secrets = secrets_in(*exchange())
    assert {len(secret) for secret in secrets} == {64, 32}  # the seed, and the secret, which both sides share
    for state in exchange():
        assert not leaked(repr(state), secrets)
        assert not leaked(f"{state}", secrets)
