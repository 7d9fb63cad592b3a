"""The bounds on what is kept for late messages, over all chains."""

from __future__ import annotations

import pytest
from support.ratchets import End, talking

from ratchetlib import AuthenticationError, MessageKeyEvicted
from ratchetlib.limits import MAX_CLOSED_CHAINS, MAX_STORED_SKIPPED
from ratchetlib.ratchet import forgotten
from ratchetlib.ratchet.codec import encode
from ratchetlib.ratchet.skipped import bounded


def lose(alice: End, bob: End, count: int) -> None:
    """A chain of Alice's of which Bob gets nothing but its last message."""
    for _ in range(count):
        alice.send()
    bob.receive(alice.send())
    alice.receive(bob.send())


def stored(end: End) -> list[list[int]]:
    return [[*chain.skipped] for chain in end.state.chains]


def test_a_state_within_its_bounds_is_left_alone() -> None:
    alice, bob = talking()
    lose(alice, bob, 3)
    assert bounded(bob.state) == bob.state


@pytest.mark.attack("A35", "A36")
def test_the_oldest_chain_and_its_lowest_numbers_go_first() -> None:
    alice, bob = talking()
    lose(alice, bob, 1000)
    lose(alice, bob, 1000)
    assert (bob.state.skipped_stored, bob.state.evicted) == (MAX_STORED_SKIPPED, 0)
    lose(alice, bob, 3)
    assert stored(bob)[:3] == [[0, 1, 2], [*range(1000)], [*range(3, 1000)]]
    assert (bob.state.skipped_stored, bob.state.evicted, bob.state.last_eviction) == (MAX_STORED_SKIPPED, 3, 3)
    lose(alice, bob, 1000)
    assert stored(bob)[:4] == [[*range(1000)], [0, 1, 2], [*range(3, 1000)], []]
    assert (bob.state.skipped_stored, bob.state.evicted, bob.state.last_eviction) == (MAX_STORED_SKIPPED, 1003, 1000)


def test_a_gap_on_the_open_chain_is_bounded_too() -> None:
    alice, bob = talking()
    for _ in range(3):
        for _ in range(999):
            alice.send()
        bob.receive(alice.send())
    assert bob.state.skipped_stored == MAX_STORED_SKIPPED
    assert bob.state.evicted == 997
    assert stored(bob)[0][0] == 997


@pytest.mark.attack("A35")
def test_one_key_more_than_a_full_store_holds_displaces_one() -> None:
    alice, bob = talking()
    for _ in range(2):
        for _ in range(1000):
            alice.send()
        bob.receive(alice.send())
    assert (bob.state.skipped_stored, bob.state.evicted) == (MAX_STORED_SKIPPED, 0)
    for lost in range(1, 4):
        alice.send()
        bob.receive(alice.send())
        assert (bob.state.skipped_stored, bob.state.evicted) == (MAX_STORED_SKIPPED, lost)
    assert stored(bob)[0][0] == 3


@pytest.mark.attack("A55")
def test_the_sixth_closed_chain_is_dropped_with_its_keys() -> None:
    alice, bob = talking(0)
    late = alice.send()
    for _ in range(MAX_CLOSED_CHAINS + 1):
        lose(alice, bob, 2)
    assert len(bob.state.closed) == MAX_CLOSED_CHAINS
    assert bob.state.evicted == 0
    lose(alice, bob, 2)
    assert len(bob.state.closed) == MAX_CLOSED_CHAINS
    assert (bob.state.evicted, bob.state.last_eviction) == (3, 3)
    with pytest.raises(AuthenticationError):
        bob.receive(late)


def test_forgetting_drops_every_key_and_says_so() -> None:
    alice, bob = talking()
    late = alice.send()
    lose(alice, bob, 4)
    current = alice.send()
    bob.receive(alice.send())
    before = encode(bob.state)
    emptied = forgotten(bob.state)
    assert encode(bob.state) == before
    bob.state = emptied
    assert bob.state.skipped_stored == 0
    assert (bob.state.evicted, bob.state.last_eviction) == (6, 6)
    for frame in (late, current):
        with pytest.raises(MessageKeyEvicted):
            bob.receive(frame)


def test_forgetting_nothing_changes_nothing() -> None:
    alice, bob = talking(0)
    assert forgotten(bob.state) == bob.state
    bob.receive(alice.send())
    assert forgotten(bob.state) == bob.state
