"""Whatever was delivered is delivered once: messages, first messages, whole conversations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.pair import ALICE, BOB, NOW, initiate, make_pair, reopened, snapshot
from support.talk import DEEP
from support.traffic import Traffic

from ratchetlib import (
    AuthenticationError,
    DuplicateMessage,
    HandshakeReplayed,
    IdentityKeyPair,
    InvalidKey,
    PrekeyRing,
    RatchetError,
    ReplayMemoryFull,
    Session,
    UnknownPrekey,
)
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.keys import DhPublicKey
from ratchetlib.limits import BUNDLE_RETENTION, DAY, MAX_BUNDLE_LIFETIME
from ratchetlib.session.message import join, split

FIELD_PRIME = 2**255 - 19


# --- messages -----------------------------------------------------------------------------------


@pytest.mark.attack("A40")
def test_a_recorded_conversation_replayed_at_any_later_time_gives_nothing() -> None:
    traffic = Traffic(make_pair(), 40, restarts=True)
    for _ in range(720 if DEEP else 6):
        traffic.run(1 if DEEP else 120)
        for session in traffic.sessions.values():
            require_nothing(session, [letter.message for letter in traffic.delivered])
            forgetful = reopened(session)
            forgetful.forget_skipped()
            require_nothing(forgetful, [letter.message for letter in traffic.delivered])
    assert len(traffic.delivered) > 250


def require_nothing(session: Session, messages: list[bytes]) -> None:
    before = snapshot(session)
    for message in messages:
        with pytest.raises(RatchetError):
            session.decrypt(message)
    assert snapshot(session) == before


@pytest.mark.attack("A40")
def test_a_conversation_replayed_into_a_later_session_gives_nothing() -> None:
    pair = make_pair()
    recorded = [pair.alice.encrypt(b""), pair.bob.encrypt(b"")]
    pair.confirm()
    recorded += [pair.alice.encrypt(b""), pair.bob.encrypt(b"")]
    pair.ring.replenish(1)
    later = Session.initiate(
        pair.alice_identity, pair.ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW + 1
    )
    answered, _ = Session.accept(pair.bob_identity, pair.ring, later.encrypt(b""), our_address=BOB, now=NOW + 1)
    for session in (later, answered):
        for message in recorded:
            with pytest.raises(AuthenticationError):
                session.decrypt(message)


# --- first messages -----------------------------------------------------------------------------


def accept(bob: IdentityKeyPair, ring: PrekeyRing, message: bytes, *, now: int = NOW) -> bytes:
    return Session.accept(bob, ring, message, our_address=BOB, now=now)[1]


def refused(bob: IdentityKeyPair, ring: PrekeyRing, message: bytes, *, now: int = NOW) -> type[RatchetError]:
    before = snapshot(ring)
    with pytest.raises(RatchetError) as error:
        accept(bob, ring, message, now=now)
    assert snapshot(ring) == before
    return error.type


@pytest.mark.attack("A11", "A12", "A40")
def test_a_first_message_with_a_one_time_item_starts_one_session() -> None:
    _, bob, ring, session = initiate(one_time=1)
    first, second = session.encrypt(b"first"), session.encrypt(b"second")
    accept(bob, ring, first)
    for later in (ring, reopened(ring)):
        assert refused(bob, later, first) is UnknownPrekey
        assert refused(bob, later, second) is UnknownPrekey


@pytest.mark.attack("A11")
def test_a_first_message_without_one_starts_one_session_as_long_as_its_bundle_lives() -> None:
    _, bob, ring, session = initiate(one_time=0)
    first, second = session.encrypt(b"first"), session.encrypt(b"second")
    accept(bob, ring, first)
    ring = reopened(ring)
    ring.rotate(NOW + 7 * DAY)
    end = NOW + MAX_BUNDLE_LIFETIME + BUNDLE_RETENTION
    for now in (NOW, NOW + 7 * DAY, end):
        assert refused(bob, ring, first, now=now) is HandshakeReplayed
        assert refused(bob, ring, second, now=now) is HandshakeReplayed
        ring = reopened(ring)
    assert refused(bob, ring, first, now=end + 1) is UnknownPrekey
    ring.retire(end + 1)
    assert refused(bob, ring, first, now=end) is UnknownPrekey


@pytest.mark.attack("A11")
def test_to_be_known_is_no_leave_to_begin_twice() -> None:
    alice, bob, ring, session = initiate(one_time=0)
    first, before = session.encrypt(b"first"), snapshot(ring)
    named: dict[str, Any] = {"our_address": BOB, "now": NOW, "known_identity": lambda _: alice.public}
    Session.accept(bob, ring, first, **named)
    assert snapshot(ring) != before
    before = snapshot(ring)
    with pytest.raises(HandshakeReplayed):
        Session.accept(bob, ring, first, **named)
    assert snapshot(ring) == before


@pytest.mark.attack("A11")
def test_a_full_memory_refuses_rather_than_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratchetlib.prekeys.contents.MAX_REMEMBERED_HANDSHAKES", 3)
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=0)

    def first_message() -> bytes:
        session = Session.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW)
        return session.encrypt(b"")

    messages = [first_message() for _ in range(4)]
    for message in messages[:3]:
        accept(bob, ring, message)
    assert {refused(bob, ring, message) for message in messages} == {ReplayMemoryFull}
    ring.rotate(NOW)
    accept(bob, ring, first_message())


@pytest.mark.attack("A10")
def test_a_replay_under_another_encoding_of_the_ephemeral_key_starts_nothing() -> None:
    _, bob, ring, session = initiate(one_time=0)
    message = session.encrypt(b"first")
    accept(bob, ring, message)
    encoded, frame = split(message, 2**20)
    assert encoded is not None
    prefix = Prefix.from_bytes(encoded)
    u = int.from_bytes(prefix.ephemeral, "little")
    # All of them agree with our clamped keys as u does: u plus the point of order two, and u with the top bit set.
    for tweaked, error in ((pow(u, -1, FIELD_PRIME), AuthenticationError), (u | 1 << 255, InvalidKey)):
        encoded = replace(prefix, ephemeral=DhPublicKey(tweaked.to_bytes(32, "little"))).to_bytes()
        assert refused(bob, ring, join(encoded, b"".join(frame))) is error


@pytest.mark.attack("A21")
def test_two_initiators_share_a_last_resort_key_and_each_gets_in_once() -> None:
    bob = IdentityKeyPair.generate()
    ring = PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=0)
    bundle = ring.next_bundle()
    for name in (b"alice", b"carol"):
        identity = IdentityKeyPair.generate()
        message = Session.initiate(identity, bundle, our_address=name, their_address=BOB, now=NOW).encrypt(name)
        assert accept(bob, ring, message) == name
        assert refused(bob, ring, message) is HandshakeReplayed


@pytest.mark.attack("A21")
def test_the_last_resort_seed_leaves_the_ring_with_its_bundle() -> None:
    _, _, ring, _ = initiate(one_time=0)
    (record,) = ring._contents.bundles.values()
    assert record.last_resort.raw in snapshot(ring)
    ring.rotate(NOW + MAX_BUNDLE_LIFETIME)
    assert record.last_resort.raw in snapshot(ring)
    ring.retire(NOW + MAX_BUNDLE_LIFETIME + BUNDLE_RETENTION + 1)
    assert record.last_resort.raw not in snapshot(ring)
    assert record.signed_prekey.raw not in snapshot(ring)


@pytest.mark.attack("A40")
def test_a_first_message_is_a_duplicate_in_its_own_session() -> None:
    _, bob, ring, session = initiate()
    message = session.encrypt(b"first")
    answered, _ = Session.accept(bob, ring, message, our_address=BOB, now=NOW)
    assert answered.recognises(message)
    with pytest.raises(DuplicateMessage):
        reopened(answered).decrypt(message)
