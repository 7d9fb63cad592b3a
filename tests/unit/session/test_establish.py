"""How a session begins on each side."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
from support.pair import ALICE, BOB, NOW
from support.strategies import identity_pairs

from ratchetlib import (
    AuthenticationError,
    HandshakeReplayed,
    IdentityChanged,
    IdentityKey,
    PrekeyBundle,
    PrekeyRing,
    UsageError,
)
from ratchetlib.limits import MAX_BUNDLE_LIFETIME
from ratchetlib.padding import Padme, pad
from ratchetlib.prekeys import codec
from ratchetlib.ratchet import Direction, Frame, encrypt
from ratchetlib.session.establish import Responder, answer, begin
from ratchetlib.session.receive import Received

if TYPE_CHECKING:
    from ratchetlib.prekeys.contents import RingContents
    from ratchetlib.session.state import SessionState

ALICE_IDENTITY, BOB_IDENTITY, CAROL_IDENTITY = identity_pairs()[:3]


class First(NamedTuple):
    """Bob's ring and Alice's first message, taken apart."""

    ring: RingContents
    initiator: SessionState
    prefix: bytes
    message: Received


@pytest.fixture(params=[0, 1], ids=["without a one-time item", "with one"])
def first(request: pytest.FixtureRequest) -> First:
    ring = PrekeyRing.generate(BOB_IDENTITY, address=BOB, now=NOW, one_time=request.param)
    return write(ring, ring.next_bundle())


def write(ring: PrekeyRing, bundle: PrekeyBundle) -> First:
    state = begin(ALICE_IDENTITY, bundle, our_address=ALICE, their_address=BOB, now=NOW)
    ratchet, frame = encrypt(state.ratchet, pad(b"first", Padme()), b"", state.bindings.sending)
    assert state.unconfirmed is not None
    prefix = state.unconfirmed.prefix
    message = Received(prefix, Frame.split(frame, 0), b"", max_plaintext=64)
    return First(ring._contents, state.moved(ratchet), prefix, message)


def responder(known: object = None) -> Responder:
    known_identity = None if known is None else lambda _: known
    return Responder(BOB_IDENTITY, BOB, NOW, known_identity)  # type: ignore[arg-type]


def test_the_initiator_knows_whom_it_writes_to_and_until_when(first: First) -> None:
    facts, unconfirmed = first.initiator.facts, first.initiator.unconfirmed
    assert facts.sending is Direction.INITIATOR_TO_RESPONDER
    assert (facts.our_address, facts.peer_address, facts.created_at) == (ALICE, BOB, NOW)
    assert facts.peer_identity == BOB_IDENTITY.public
    assert first.initiator.accepted_prefix is None
    assert unconfirmed is not None
    assert unconfirmed.not_after == NOW + MAX_BUNDLE_LIFETIME


def test_the_responder_agrees_about_everything(first: First) -> None:
    _, (state, plaintext) = answer(responder(), first.ring, first.prefix, first.message)
    facts = state.facts
    assert plaintext == b"first"
    assert facts.sending is Direction.RESPONDER_TO_INITIATOR
    assert facts.session_id == first.initiator.facts.session_id
    assert (facts.our_address, facts.peer_address, facts.created_at) == (BOB, ALICE, NOW)
    assert facts.peer_identity == ALICE_IDENTITY.public
    assert state.unconfirmed is None


def test_the_ring_forgets_the_item_or_remembers_the_session(first: First) -> None:
    before = codec.encode(first.ring)
    contents, (state, _) = answer(responder(), first.ring, first.prefix, first.message)
    (record,) = contents.bundles.values()
    assert not contents.items
    assert record.remembered == (frozenset() if first.ring.items else {state.facts.session_id})
    assert codec.encode(first.ring) == before


@pytest.mark.parametrize("known", [None, ALICE_IDENTITY.public])
def test_an_identity_that_is_new_or_the_pinned_one_is_answer(first: First, known: IdentityKey | None) -> None:
    asked = []

    def known_identity(address: bytes) -> IdentityKey | None:
        asked.append(address)
        return known

    answer(responder()._replace(known_identity=known_identity), first.ring, first.prefix, first.message)
    assert asked == [ALICE]


@pytest.mark.attack("A24")
def test_another_identity_than_the_pinned_one_has_changed(first: First) -> None:
    with pytest.raises(IdentityChanged) as changed:
        answer(responder(CAROL_IDENTITY.public), first.ring, first.prefix, first.message)
    assert (changed.value.pinned, changed.value.presented) == (CAROL_IDENTITY.public, ALICE_IDENTITY.public)


@pytest.mark.attack("A24")
def test_nothing_is_said_of_an_identity_that_is_unproved(first: First) -> None:
    frame = first.message.frame
    forged = first.message._replace(frame=frame._replace(body=bytes(len(frame.body))))
    with pytest.raises(AuthenticationError):
        answer(responder(CAROL_IDENTITY.public), first.ring, first.prefix, forged)


@pytest.mark.attack("A11", "A39")
@pytest.mark.parametrize("known", [None, ALICE_IDENTITY.public], ids=["unknown", "pinned"])
def test_a_replay_is_named_once_it_has_authenticated(known: IdentityKey | None) -> None:
    ring = PrekeyRing.generate(BOB_IDENTITY, address=BOB, now=NOW, one_time=0)
    first = write(ring, ring.next_bundle())
    contents, _ = answer(responder(), first.ring, first.prefix, first.message)
    with pytest.raises(HandshakeReplayed, match=r"^the handshake was accepted before$"):
        answer(responder(known), contents, first.prefix, first.message)
    frame = first.message.frame
    forged = first.message._replace(frame=frame._replace(body=bytes(len(frame.body))))
    with pytest.raises(AuthenticationError):
        answer(responder(known), contents, first.prefix, forged)


@pytest.mark.parametrize("known", [ALICE_IDENTITY, ALICE_IDENTITY.public.to_bytes(), "alice"])
def test_a_look_up_that_returns_something_else_is_misused(first: First, known: object) -> None:
    with pytest.raises(UsageError):
        answer(responder(known), first.ring, first.prefix, first.message)
