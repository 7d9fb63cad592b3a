"""The whole life of a conversation, through the public API."""

from __future__ import annotations

import random

import pytest
from support.fixed_draws import twins
from support.pair import ALICE, BOB, NOW, initiate, make_pair, reopened, snapshot
from support.traffic import Traffic

from ratchetlib import IdentityKeyPair, PrekeyBundle, PrekeyRing, RatchetError, Session


@pytest.mark.parametrize("one_time", [0, 1])
@pytest.mark.attack("A60")
def test_two_devices_meet_and_talk(one_time: int) -> None:
    alice, bob, ring, session = initiate(one_time=one_time)
    first = session.encrypt(b"hello", associated_data=b"room 1")
    bob_session, plaintext = Session.accept(
        bob, ring, first, our_address=BOB, now=NOW, associated_data=b"room 1", known_identity=lambda _: alice.public
    )
    assert plaintext == b"hello"
    assert session.decrypt(bob_session.encrypt(b"hi")) == b"hi"
    for turn in range(20):
        text = f"message {turn}".encode()
        assert bob_session.decrypt(session.encrypt(text)) == text
        assert session.decrypt(bob_session.encrypt(text * 2)) == text * 2


def test_the_initiator_may_send_many_before_the_first_answer() -> None:
    _, bob, ring, alice = initiate()
    messages = [alice.encrypt(bytes([n])) for n in range(10)]
    bob_session, plaintext = Session.accept(bob, ring, messages[4], our_address=BOB, now=NOW)
    assert plaintext == b"\4"
    for n in (9, 0, 1, 8, 2, 3, 7, 5, 6):
        assert bob_session.recognises(messages[n])
        assert bob_session.decrypt(messages[n]) == bytes([n])


def test_an_answer_to_an_early_message_does_not_stop_the_initial_ones_under_way() -> None:
    _, bob, ring, alice = initiate()
    first, late = alice.encrypt(b"first"), alice.encrypt(b"late")
    bob_session, _ = Session.accept(bob, ring, first, our_address=BOB, now=NOW)
    alice.decrypt(bob_session.encrypt(b"answer"))
    assert bob_session.decrypt(alice.encrypt(b"ordinary")) == b"ordinary"
    assert bob_session.decrypt(late) == b"late"


def test_an_empty_message_keeps_a_session_alive() -> None:
    pair = make_pair()
    assert pair.alice.decrypt(pair.bob.encrypt(b"")) == b""
    assert pair.alice.confirmed
    assert pair.bob.decrypt(pair.alice.encrypt(b"")) == b""
    assert pair.alice.health().messages_since_dh_step == 1


def test_messages_cross_on_the_way() -> None:
    pair = make_pair().confirm()
    for turn in range(30):
        to_bob = [pair.alice.encrypt(bytes([turn, n])) for n in range(3)]
        to_alice = [pair.bob.encrypt(bytes([n, turn])) for n in range(2)]
        assert [pair.bob.decrypt(message) for message in to_bob] == [bytes([turn, n]) for n in range(3)]
        assert [pair.alice.decrypt(message) for message in to_alice] == [bytes([n, turn]) for n in range(2)]


@pytest.mark.attack("A25")
def test_both_sides_may_begin_at_once() -> None:
    alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
    rings = {
        who: PrekeyRing.generate(identity, address=address, now=NOW, one_time=1)
        for who, identity, address in (("alice", alice, ALICE), ("bob", bob, BOB))
    }
    ours = Session.initiate(alice, rings["bob"].next_bundle(), our_address=ALICE, their_address=BOB, now=NOW)
    theirs = Session.initiate(bob, rings["alice"].next_bundle(), our_address=BOB, their_address=ALICE, now=NOW + 9)
    from_alice, from_bob = ours.encrypt(b"from alice"), theirs.encrypt(b"from bob")
    at_alice, plaintext = Session.accept(alice, rings["alice"], from_bob, our_address=ALICE, now=NOW)
    assert plaintext == b"from bob"
    at_bob, plaintext = Session.accept(bob, rings["bob"], from_alice, our_address=BOB, now=NOW)
    assert plaintext == b"from alice"
    assert at_alice.session_id == theirs.session_id != ours.session_id == at_bob.session_id
    # By which both sides choose the same one to send on: the later by its initiator's clock, wherever it is answered.
    ranks = [[(one.created_at, one.session_id) for one in held] for held in ((ours, at_alice), (at_bob, theirs))]
    assert ranks[0] == ranks[1] == sorted(ranks[0])
    for one, other in ((ours, at_bob), (at_alice, theirs)):
        assert other.decrypt(one.encrypt(b"1")) == b"1"
        assert one.decrypt(other.encrypt(b"2")) == b"2"


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_link_does_each_message_arrives_once_or_is_lost(seed: int) -> None:
    traffic = Traffic(make_pair(), seed).run(400)
    traffic.deliver_all()
    assert len(traffic.delivered) > 100
    assert traffic.sessions["alice"].health().pq_epoch > 0


@pytest.mark.attack("A60", "A82")
@pytest.mark.parametrize("seed", range(2))
def test_the_same_holds_with_a_restart_after_every_step(seed: int) -> None:
    traffic = Traffic(make_pair(), 1000 + seed, restarts=True).run(400)
    traffic.deliver_all()
    assert len(traffic.delivered) > 100


@pytest.mark.attack("A60")
@pytest.mark.parametrize("one_time", [0, 1])
def test_the_handshake_survives_a_restart_at_each_of_its_steps(one_time: int) -> None:
    alice, bob = reopened(IdentityKeyPair.generate()), reopened(IdentityKeyPair.generate())
    ring = reopened(PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=one_time))
    bundle = PrekeyBundle.from_bytes(ring.next_bundle().to_bytes())
    ring = reopened(ring)
    ours = reopened(Session.initiate(alice, bundle, our_address=ALICE, their_address=BOB, now=NOW))
    messages = [ours.encrypt(b"first")]
    ours = reopened(ours)
    messages.append(ours.encrypt(b"second"))
    ours = reopened(ours)
    theirs, plaintext = Session.accept(bob, ring, messages[0], our_address=BOB, now=NOW)
    theirs = reopened(theirs)
    assert plaintext == b"first"
    assert theirs.recognises(messages[1])
    assert theirs.decrypt(messages[1]) == b"second"
    theirs = reopened(theirs)
    answer = theirs.encrypt(b"answer")
    assert ours.decrypt(answer) == b"answer"
    ours, theirs = reopened(ours), reopened(theirs)
    assert ours.confirmed
    assert theirs.decrypt(ours.encrypt(b"ordinary")) == b"ordinary"


def outcome(session: Session, message: bytes) -> bytes | type[RatchetError]:
    """The plaintext, or the error: some messages arrive too late."""
    try:
        return session.decrypt(message)
    except RatchetError as error:
        return type(error)


@pytest.mark.attack("A82")
@pytest.mark.parametrize("seed", range(2))
def test_a_reloaded_twin_does_exactly_the_same(seed: int) -> None:
    pair = make_pair()
    source = random.Random(seed)
    in_flight: dict[str, list[bytes]] = {"alice": [], "bob": []}
    with twins() as restart:
        for step in range(400):
            side, other = source.choice([("alice", "bob"), ("bob", "alice")])
            session: Session = getattr(pair, side)
            twin = reopened(session)
            assert snapshot(twin) == snapshot(session)
            if in_flight[side] and source.random() < 0.5:
                message = in_flight[side].pop(source.randrange(len(in_flight[side])))
                assert outcome(session, message) == outcome(twin, message)
            else:
                restart(step)
                message = session.encrypt(b"step")
                restart(step)
                assert twin.encrypt(b"step") == message
                in_flight[other].append(message)
            assert snapshot(twin) == snapshot(session)
    assert pair.alice.health().pq_epoch > 0
