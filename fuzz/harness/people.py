"""Two devices, always the same ones: made from fixed draws, once a process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from harness.draws import fixed_draws

from ratchetlib import IdentityKeyPair, PrekeyRing, Session

if TYPE_CHECKING:
    from ratchetlib.prekeys.contents import RingContents
    from ratchetlib.session.state import SessionState

NOW: Final = 1_800_000_000
ALICE: Final = b"alice/laptop"
BOB: Final = b"bob/phone"


class People(NamedTuple):
    """Before the first message.

    Attributes:
        alice: the initiator.
        bob: the responder.
        ring: what Bob's ring holds: one bundle, two one-time items.
    """

    alice: IdentityKeyPair
    bob: IdentityKeyPair
    ring: RingContents


class Pair(NamedTuple):
    """After the first message, which Bob has accepted.

    Attributes:
        alice: the initiator's state, unconfirmed.
        bob: the responder's.
        first: the initial message.
    """

    alice: SessionState
    bob: SessionState
    first: bytes


@cache
def people() -> People:
    """Alice, Bob and Bob's ring."""
    with fixed_draws(b"people"):
        alice, bob = IdentityKeyPair.generate(), IdentityKeyPair.generate()
        return People(alice, bob, PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=2)._contents)


@cache
def others() -> tuple[bytes, bytes]:
    """Two first messages without a one-time item, of two sessions."""
    alice, _, contents = people()
    bundle = PrekeyRing(contents.revoked(contents.items)).next_bundle()
    with fixed_draws(b"others"):
        another = Session.initiate(alice, bundle, our_address=ALICE, their_address=BOB, now=NOW).encrypt(b"first")
    return pair(one_time=False).first, another


@cache
def pair(*, one_time: bool = True) -> Pair:
    """Alice and Bob after her first message."""
    alice, bob, contents = people()
    ring = PrekeyRing(contents if one_time else contents.revoked(contents.items))
    with fixed_draws(b"pair"):
        session = Session.initiate(alice, ring.next_bundle(), our_address=ALICE, their_address=BOB, now=NOW)
        first = session.encrypt(b"first")
        answer, _ = Session.accept(bob, ring, first, our_address=BOB, now=NOW)
    return Pair(session._state, answer._state, first)
