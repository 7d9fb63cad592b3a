"""Loss and disorder on the way: what still decrypts, and what it costs."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.pair import Pair, make_pair, snapshot
from support.spies import derivations
from support.talk import DEEP

from ratchetlib import AuthenticationError, DuplicateMessage, Session, TooManySkipped
from ratchetlib.limits import MAX_SKIP, MAX_STORED_SKIPPED

LIMITATIONS = Path(__file__).parents[2] / "docs" / "limitations.md"


@pytest.fixture
def pair() -> Pair:
    return make_pair().confirm()


def turn(sender: Session, receiver: Session) -> None:
    """One message there, so that its answer opens a new chain."""
    receiver.decrypt(sender.encrypt(b""))


def texts(sender: Session, count: int) -> list[bytes]:
    return [sender.encrypt(n.to_bytes(2, "big")) for n in range(count)]


def test_a_thousand_messages_arrive_in_reverse(pair: Pair) -> None:
    messages = texts(pair.alice, 1000)
    for n in reversed(range(1000)):
        assert pair.bob.decrypt(messages[n]) == n.to_bytes(2, "big")
    assert pair.bob.health().skipped_stored == 0


@pytest.mark.attack("A34")
def test_a_gap_of_a_thousand_works(pair: Pair) -> None:
    messages = texts(pair.alice, 1001)
    with derivations() as derived:
        assert pair.bob.decrypt(messages[1000]) == (1000).to_bytes(2, "big")
    assert len(derived) <= MAX_SKIP + 10
    assert pair.bob.health().skipped_stored == 1000
    assert pair.bob.decrypt(messages[0]) == bytes(2)


@pytest.mark.attack("A34")
def test_a_gap_of_a_thousand_and_one_is_refused_before_any_derivation(pair: Pair) -> None:
    turn(pair.alice, pair.bob)
    messages = texts(pair.alice, 1002)
    before = snapshot(pair.bob)
    with pytest.raises(TooManySkipped), derivations() as derived:
        pair.bob.decrypt(messages[1001])
    assert derived == []
    assert snapshot(pair.bob) == before
    pair.bob.decrypt(messages[0])
    pair.bob.decrypt(messages[1001])


@pytest.mark.attack("A34")
@pytest.mark.parametrize(("old", "new"), [(500, 500), (1000, 0), (0, 1000)])
def test_the_gaps_of_two_chains_may_be_a_thousand_together(pair: Pair, old: int, new: int) -> None:
    turn(pair.alice, pair.bob)
    lost, answer = texts(pair.alice, old), pair.bob.encrypt(b"")
    pair.alice.decrypt(answer)
    unseen = texts(pair.alice, new)
    assert pair.bob.decrypt(pair.alice.encrypt(b"arrives")) == b"arrives"
    assert pair.bob.health().skipped_stored == 1000
    for message in lost + unseen:
        pair.bob.decrypt(message)


@pytest.mark.attack("A34")
@pytest.mark.parametrize(("old", "new"), [(501, 500), (1001, 0), (0, 1001), (1000, 1)])
def test_the_gaps_of_two_chains_may_not_be_more_together(pair: Pair, old: int, new: int) -> None:
    turn(pair.alice, pair.bob)
    answer = pair.bob.encrypt(b"")
    lost = texts(pair.alice, old)
    pair.alice.decrypt(answer)
    unseen = texts(pair.alice, new)
    message = pair.alice.encrypt(b"too far")
    before = snapshot(pair.bob)
    with pytest.raises(TooManySkipped), derivations() as derived:
        pair.bob.decrypt(message)
    assert derived == []
    assert snapshot(pair.bob) == before
    # One message of the gap arrives after all, and the gap is small enough.
    for late in (lost + unseen)[:2]:
        pair.bob.decrypt(late)
    assert pair.bob.decrypt(message) == b"too far"


@pytest.mark.attack("A35", "A36")
def test_endless_loss_never_stops_a_session(pair: Pair) -> None:
    steps = 10_000 if DEEP else 100
    for _ in range(steps):
        texts(pair.alice, 50)
        turn(pair.alice, pair.bob)
        turn(pair.bob, pair.alice)
    health = pair.bob.health()
    assert health.skipped_stored <= MAX_STORED_SKIPPED
    assert health.skipped_stored + health.skipped_evicted == 50 * steps
    assert len(snapshot(pair.bob)) < MAX_STORED_SKIPPED * 36 + 4096


@pytest.mark.attack("A59")
def test_equal_numbers_on_five_closed_chains_are_told_apart(pair: Pair) -> None:
    late: list[tuple[bytes, bytes]] = []
    for chain in range(6):
        for number in range(3):
            text = bytes([chain, number])
            late.append((text, pair.alice.encrypt(text)))
        turn(pair.alice, pair.bob)
        turn(pair.bob, pair.alice)
    random.Random(59).shuffle(late)
    for text, message in late:
        assert pair.bob.decrypt(message) == text
    for _, message in late:
        with pytest.raises(DuplicateMessage):
            pair.bob.decrypt(message)


@pytest.mark.attack("A55")
def test_a_message_older_than_five_closed_chains_is_too_late(pair: Pair) -> None:
    late = pair.alice.encrypt(b"late")
    for _ in range(7):
        turn(pair.alice, pair.bob)
        turn(pair.bob, pair.alice)
    with pytest.raises(AuthenticationError):
        pair.bob.decrypt(late)


@pytest.mark.attack("A52")
def test_what_the_server_withholds_shows(pair: Pair) -> None:
    messages = texts(pair.alice, 20)
    for n in (3, 4, 10, 19):
        pair.bob.decrypt(messages[n])
    assert pair.bob.health().skipped_stored == 16
    for n in (0, 18):
        pair.bob.decrypt(messages[n])
    assert pair.bob.health().skipped_stored == 14


@pytest.mark.attack("A52")
def test_a_tail_that_is_withheld_leaves_no_trace_and_the_limitations_say_so(pair: Pair) -> None:
    pair.bob.decrypt(pair.alice.encrypt(b"arrives"))
    before = pair.bob.health()
    texts(pair.alice, 3)
    assert pair.bob.health() == before
    assert "* The last messages of a conversation can be dropped without a trace." in LIMITATIONS.read_text("utf-8")


def test_lost_answers_do_not_stop_the_one_who_keeps_sending(pair: Pair) -> None:
    for n in range(50):
        text = n.to_bytes(2, "big")
        assert pair.bob.decrypt(pair.alice.encrypt(text)) == text
        pair.bob.encrypt(b"never arrives")
    turn(pair.bob, pair.alice)
    assert pair.alice.health().skipped_stored == 50
