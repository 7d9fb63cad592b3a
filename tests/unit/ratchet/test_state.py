"""The ratchet's state: how it begins, and what it counts."""

from __future__ import annotations

from support.ratchets import ends, talking


def test_both_ends_begin_without_a_chain() -> None:
    for end in ends():
        assert end.state.sending is None
        assert [*end.state.chains] == []
        assert end.state.skipped_stored == 0


def test_each_end_sends_under_the_key_that_the_other_receives_under() -> None:
    alice, bob = ends()
    assert alice.state.turn.next_sending_key.raw == bob.state.turn.next_receiving_key.raw
    assert bob.state.turn.next_sending_key.raw == alice.state.turn.next_receiving_key.raw


def test_chains_are_told_newest_first() -> None:
    alice, bob = talking(2)
    bob.receive(alice.send())
    lengths = [chain.previous_length for chain in bob.state.chains]
    keys = [chain.ratchet_key for chain in bob.state.chains]
    assert lengths == [1, 1, 0]
    assert keys[0] == alice.sending.key_pair.public


def test_stored_keys_are_counted_over_all_chains() -> None:
    alice, bob = talking()
    [alice.send() for _ in range(3)]
    bob.receive(alice.send())
    alice.receive(bob.send())
    [alice.send() for _ in range(2)]
    bob.receive(alice.send())
    assert bob.state.skipped_stored == 5


def test_messages_since_each_healing_step_are_counted_both_ways() -> None:
    alice, bob = ends()
    first, second = alice.send(), alice.send()
    assert (alice.state.since_dh_step, alice.state.since_pq_step) == (2, 2)
    bob.receive(second)
    bob.receive(first)
    assert (bob.state.since_dh_step, bob.state.since_pq_step) == (2, 2)
    alice.receive(bob.send())
    assert (alice.state.since_dh_step, alice.state.since_pq_step) == (1, 3)
    assert (bob.state.since_dh_step, bob.state.since_pq_step) == (1, 3)


def test_a_late_message_of_a_closed_chain_is_counted() -> None:
    alice, bob = talking()
    late = alice.send()
    bob.receive(alice.send())
    alice.receive(bob.send())
    bob.receive(alice.send())
    before = bob.state.since_dh_step, bob.state.since_pq_step
    bob.receive(late)
    assert (bob.state.since_dh_step, bob.state.since_pq_step) == (before[0] + 1, before[1] + 1)


def test_a_post_quantum_step_starts_its_count_anew_on_both_sides() -> None:
    alice, bob = ends()
    for _ in range(200):
        bob.receive(alice.send())
        alice.receive(bob.send())
        if alice.state.pq.epoch == bob.state.pq.epoch == 1:
            break
    assert alice.state.pq.epoch == 1
    assert alice.state.since_pq_step == 2
    assert bob.state.since_pq_step == 2


def test_what_was_evicted_is_still_told_after_further_messages() -> None:
    alice, bob = talking()
    bob.receive(alice.send())
    bob.state = bob.state._replace(evicted=7, last_eviction=3)
    bob.receive(alice.send())
    assert (bob.state.evicted, bob.state.last_eviction) == (7, 3)
