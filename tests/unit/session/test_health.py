"""The figures of a session, as the application sees them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from support.pair import initiate, make_pair

from ratchetlib import SessionHealth


def test_a_fresh_session_has_nothing_to_tell() -> None:
    *_, session = initiate()
    assert session.health() == SessionHealth(
        confirmed=False,
        messages_since_dh_step=0,
        dh_overdue=False,
        pq_epoch=0,
        messages_since_pq_step=0,
        pq_overdue=False,
        skipped_stored=0,
        skipped_evicted=0,
        last_eviction=0,
    )


def test_figures_do_not_change_under_the_reader() -> None:
    health = make_pair().bob.health()
    with pytest.raises(FrozenInstanceError):
        health.confirmed = False  # type: ignore[misc]


def test_a_reply_confirms_the_initiator() -> None:
    pair = make_pair()
    assert (pair.alice.health().confirmed, pair.bob.health().confirmed) == (False, True)
    assert pair.confirm().alice.health().confirmed


@pytest.mark.attack("A42")
def test_one_way_traffic_is_overdue_for_healing_at_fifty_messages_on_both_sides() -> None:
    pair = make_pair()
    for _ in range(48):
        pair.bob.decrypt(pair.alice.encrypt(b""))
    for session in (pair.alice, pair.bob):
        assert (session.health().messages_since_dh_step, session.health().dh_overdue) == (49, False)
    pair.bob.decrypt(pair.alice.encrypt(b""))
    for session in (pair.alice, pair.bob):
        assert (session.health().messages_since_dh_step, session.health().dh_overdue) == (50, True)
    pair.confirm()
    for session in (pair.alice, pair.bob):
        assert (session.health().messages_since_dh_step, session.health().dh_overdue) == (1, False)


@pytest.mark.attack("A42", "A70")
def test_a_post_quantum_step_is_overdue_at_five_hundred_messages() -> None:
    pair = make_pair()
    for _ in range(498):
        pair.bob.decrypt(pair.alice.encrypt(b""))
    for session in (pair.alice, pair.bob):
        assert (session.health().messages_since_pq_step, session.health().pq_overdue) == (499, False)
    pair.bob.decrypt(pair.alice.encrypt(b""))
    for session in (pair.alice, pair.bob):
        assert (session.health().messages_since_pq_step, session.health().pq_overdue) == (500, True)
        assert session.health().pq_epoch == 0


def test_an_even_conversation_completes_post_quantum_epochs() -> None:
    pair = make_pair()
    for _ in range(100):
        pair.alice.decrypt(pair.bob.encrypt(b""))
        pair.bob.decrypt(pair.alice.encrypt(b""))
    assert pair.alice.health().pq_epoch >= 2
    assert not pair.alice.health().pq_overdue


@pytest.mark.attack("A52")
def test_what_is_missing_and_what_was_given_up_shows() -> None:
    pair = make_pair()
    late = [pair.alice.encrypt(b"") for _ in range(7)]
    pair.bob.decrypt(pair.alice.encrypt(b""))
    pair.bob.decrypt(late[3])
    health = pair.bob.health()
    assert (health.skipped_stored, health.skipped_evicted, health.last_eviction) == (6, 0, 0)
    assert pair.bob.forget_skipped() == 6
    health = pair.bob.health()
    assert (health.skipped_stored, health.skipped_evicted, health.last_eviction) == (0, 6, 6)
    assert pair.bob.forget_skipped() == 0
    assert pair.bob.health() == health
