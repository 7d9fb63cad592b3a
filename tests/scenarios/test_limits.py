"""The bounds of a session: what is kept, what goes first, and what is said when it is gone."""

from __future__ import annotations

import pytest
from support.forge import number_set, send
from support.pair import Pair, make_pair, reopened, snapshot
from support.spies import derivations

from ratchetlib import (
    AuthenticationError,
    ChainExhausted,
    DuplicateMessage,
    MessageKeyEvicted,
    RatchetError,
    Session,
)
from ratchetlib.limits import MAX_CHAIN_LENGTH, MAX_STORED_SKIPPED


@pytest.fixture
def pair() -> Pair:
    return make_pair().confirm()


def lose(pair: Pair, count: int) -> list[bytes]:
    """The messages of a chain of Alice's of which Bob gets only the one after them."""
    lost = [pair.alice.encrypt(n.to_bytes(2, "big")) for n in range(count)]
    pair.bob.decrypt(pair.alice.encrypt(b""))
    pair.alice.decrypt(pair.bob.encrypt(b""))
    return lost


def refusal(session: Session, message: bytes) -> type[RatchetError]:
    before = snapshot(session)
    with pytest.raises(RatchetError) as refused:
        session.decrypt(message)
    assert snapshot(session) == before
    return refused.type


@pytest.mark.attack("A35", "A36", "A56")
def test_two_thousand_keys_are_kept_and_the_oldest_go_first(pair: Pair) -> None:
    oldest, middle = lose(pair, 1000), lose(pair, 1000)
    assert pair.bob.health().skipped_stored == MAX_STORED_SKIPPED
    assert pair.bob.health().skipped_evicted == 0
    newest = lose(pair, 700)
    health = pair.bob.health()
    assert (health.skipped_stored, health.skipped_evicted, health.last_eviction) == (MAX_STORED_SKIPPED, 700, 700)
    assert {refusal(pair.bob, message) for message in oldest[:700]} == {MessageKeyEvicted}
    for messages, start in ((oldest, 700), (middle, 0), (newest, 0)):
        for n in range(start, len(messages)):
            assert pair.bob.decrypt(messages[n]) == n.to_bytes(2, "big")
    assert pair.bob.health().skipped_stored == 0


@pytest.mark.attack("A40")
def test_a_key_that_is_gone_says_how(pair: Pair) -> None:
    oldest = lose(pair, 1000)
    pair.bob.decrypt(oldest[0])
    pair.bob.decrypt(oldest[500])
    lose(pair, 1000)
    lose(pair, 300)
    # Two of the first thousand were used, so 298 of the last three hundred push out an older key.
    assert pair.bob.health().skipped_evicted == 298
    assert refusal(pair.bob, oldest[0]) is MessageKeyEvicted
    assert refusal(pair.bob, oldest[298]) is MessageKeyEvicted
    assert pair.bob.decrypt(oldest[299]) == (299).to_bytes(2, "big")
    assert refusal(pair.bob, oldest[299]) is DuplicateMessage
    assert refusal(pair.bob, oldest[500]) is DuplicateMessage
    for _ in range(5):
        lose(pair, 1)
    assert refusal(pair.bob, oldest[300]) is AuthenticationError


def test_the_difference_survives_a_restart(pair: Pair) -> None:
    lost = lose(pair, 5)
    pair.bob.decrypt(lost[4])
    pair.bob.forget_skipped()
    again = reopened(pair.bob)
    assert refusal(again, lost[3]) is MessageKeyEvicted
    assert again.health() == pair.bob.health()


@pytest.mark.attack("A56")
def test_forgetting_gives_up_late_messages_and_nothing_else(pair: Pair) -> None:
    lost = lose(pair, 10)
    delivered = pair.alice.encrypt(b"")
    pair.bob.decrypt(delivered)
    assert pair.bob.forget_skipped() == 10
    assert {refusal(pair.bob, message) for message in lost} == {MessageKeyEvicted}
    assert refusal(pair.bob, delivered) is DuplicateMessage
    assert pair.bob.decrypt(pair.alice.encrypt(b"next")) == b"next"


@pytest.mark.attack("A55")
def test_keys_of_the_sixth_closed_chain_are_given_up_and_counted(pair: Pair) -> None:
    lost = [lose(pair, 3) for _ in range(7)]
    health = pair.bob.health()
    assert (health.skipped_stored, health.skipped_evicted, health.last_eviction) == (18, 3, 3)
    assert {refusal(pair.bob, message) for message in lost[0]} == {AuthenticationError}
    for messages in lost[1:]:
        assert [pair.bob.decrypt(message) for message in messages] == [bytes([0, n]) for n in range(3)]


@pytest.mark.attack("A38")
def test_a_chain_carries_2_to_the_24_messages_and_the_answer_opens_another(pair: Pair) -> None:
    pair.bob.decrypt(pair.alice.encrypt(b""))
    alice = number_set(pair.alice, MAX_CHAIN_LENGTH - 1)
    assert send(alice).header.number == MAX_CHAIN_LENGTH - 1
    before = snapshot(alice)
    with pytest.raises(ChainExhausted), derivations() as derived:
        alice.encrypt(b"one too many")
    assert derived == []
    assert snapshot(alice) == before
    alice.decrypt(pair.bob.encrypt(b"answer"))
    sent = send(alice)
    assert (sent.header.number, sent.header.previous_length) == (0, MAX_CHAIN_LENGTH)
