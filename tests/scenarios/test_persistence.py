"""What a crash between two steps leaves behind, and that no order of persistence loses or doubles more than it says."""

from __future__ import annotations

import pytest
from support.pair import BOB, NOW, Pair, initiate, make_pair, reopened, snapshot

from ratchetlib import DuplicateMessage, HandshakeReplayed, RatchetError, Session, SessionForked, UnknownPrekey


@pytest.fixture
def pair() -> Pair:
    return make_pair().confirm()


def turn(sender: Session, receiver: Session) -> None:
    receiver.decrypt(sender.encrypt(b""))


@pytest.mark.attack("A89")
@pytest.mark.parametrize("opening", [True, False], ids=["new chain", "open chain"])
def test_a_save_lost_after_a_decrypt_lets_the_redelivery_decrypt_again(pair: Pair, *, opening: bool) -> None:
    if not opening:
        turn(pair.alice, pair.bob)
    saved = reopened(pair.bob)
    message = pair.alice.encrypt(b"once more")
    assert pair.bob.decrypt(message) == b"once more"
    after_crash = reopened(saved)
    assert after_crash.decrypt(message) == b"once more"
    assert snapshot(after_crash) == snapshot(pair.bob)
    assert after_crash.decrypt(pair.alice.encrypt(b"next")) == b"next"


@pytest.mark.attack("A77", "A89")
def test_a_save_lost_after_an_encrypt_costs_the_messages_of_the_same_numbers(pair: Pair) -> None:
    turn(pair.alice, pair.bob)
    saved = reopened(pair.alice)
    assert pair.bob.decrypt(pair.alice.encrypt(b"sent before its state was saved")) != b""
    after_crash = reopened(saved)
    with pytest.raises(DuplicateMessage):
        pair.bob.decrypt(after_crash.encrypt(b"lost"))
    assert pair.bob.decrypt(after_crash.encrypt(b"next")) == b"next"
    turn(pair.bob, after_crash)
    assert pair.bob.decrypt(after_crash.encrypt(b"healed")) == b"healed"
    assert pair.bob.health().skipped_stored == 0


@pytest.mark.attack("A77", "A89")
def test_a_save_lost_after_an_encrypt_that_opened_a_chain_is_a_fork(pair: Pair) -> None:
    saved = reopened(pair.alice)
    turn(pair.alice, pair.bob)
    after_crash = reopened(saved)
    with pytest.raises(SessionForked):
        pair.bob.decrypt(after_crash.encrypt(b""))


@pytest.mark.attack("A77")
@pytest.mark.parametrize("opening", [True, False], ids=["new chain", "open chain"])
def test_a_crash_before_anything_was_sent_costs_nothing(pair: Pair, *, opening: bool) -> None:
    """Encrypt, seal, write, then send: without the write there was no message."""
    if not opening:
        turn(pair.alice, pair.bob)
    saved = reopened(pair.alice)
    pair.alice.encrypt(b"never sent")
    after_crash = reopened(saved)
    assert pair.bob.decrypt(after_crash.encrypt(b"sent")) == b"sent"


@pytest.mark.attack("A89")
def test_a_crash_after_the_write_and_before_the_send_costs_one_number(pair: Pair) -> None:
    turn(pair.alice, pair.bob)
    pair.alice.encrypt(b"written, never sent")
    after_crash = reopened(pair.alice)
    assert pair.bob.decrypt(after_crash.encrypt(b"next")) == b"next"
    assert pair.bob.health().skipped_stored == 1


class Inbox:
    """A receiver that stores session and plaintext in one step and crashes where it is told to."""

    def __init__(self, session: Session) -> None:
        self._stored = session
        self.plaintexts: list[bytes] = []

    def receive(self, message: bytes, crash: str) -> bool:
        """Whether the message was acknowledged."""
        session = reopened(self._stored)
        if crash == "before decrypt":
            return False
        try:
            plaintext = session.decrypt(message)
        except DuplicateMessage:
            return crash != "before acknowledging"
        if crash == "after decrypt":
            return False
        self._stored = reopened(session)
        self.plaintexts.append(plaintext)
        return crash != "before acknowledging"


@pytest.mark.attack("A89")
def test_a_message_is_delivered_once_wherever_the_receiver_crashes(pair: Pair) -> None:
    inbox = Inbox(pair.bob)
    crashes = ["before decrypt", "after decrypt", "before acknowledging", "never"]
    for n in range(12):
        message = pair.alice.encrypt(bytes([n]))
        plan = iter([crashes[n % 3], crashes[(n + 1) % 3], *["never"] * 2])
        while not inbox.receive(message, next(plan)):
            pass
    assert inbox.plaintexts == [bytes([n]) for n in range(12)]


@pytest.mark.attack("A12", "A77")
@pytest.mark.parametrize("one_time", [0, 1])
def test_a_crash_between_the_save_of_the_session_and_that_of_the_ring_loses_nothing(one_time: int) -> None:
    _, bob, ring, alice = initiate(one_time=one_time)
    first = alice.encrypt(b"first")
    saved_ring = reopened(ring)
    session, _ = Session.accept(bob, ring, first, our_address=BOB, now=NOW)
    session = reopened(session)
    # The ring's save was lost; the redelivery finds the session first, as the order of persistence says.
    assert session.recognises(first)
    with pytest.raises(DuplicateMessage):
        session.decrypt(first)
    unsettled = reopened(saved_ring)
    assert Session.accept(bob, unsettled, first, our_address=BOB, now=NOW)[1] == b"first"
    session.settle(saved_ring, first)
    assert snapshot(saved_ring) == snapshot(ring)
    with pytest.raises((UnknownPrekey, HandshakeReplayed)):
        Session.accept(bob, reopened(saved_ring), first, our_address=BOB, now=NOW)


@pytest.mark.attack("A12", "A77")
def test_a_crash_before_the_session_was_saved_lets_the_first_message_in_again() -> None:
    _, bob, ring, alice = initiate()
    first = alice.encrypt(b"first")
    saved_ring = reopened(ring)
    Session.accept(bob, ring, first, our_address=BOB, now=NOW)
    session, plaintext = Session.accept(bob, reopened(saved_ring), first, our_address=BOB, now=NOW)
    assert plaintext == b"first"
    assert alice.decrypt(session.encrypt(b"answer")) == b"answer"


def test_a_refused_call_leaves_a_state_that_need_not_be_saved(pair: Pair) -> None:
    before = snapshot(pair.bob)
    for message in (b"", b"\1\2" + bytes(300), pair.bob.encrypt(b"")):
        after = snapshot(pair.bob)
        with pytest.raises(RatchetError):
            pair.bob.decrypt(message)
        assert snapshot(pair.bob) == after
    assert before != snapshot(pair.bob)
