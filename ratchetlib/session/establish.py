"""How a session begins: the handshake's secrets become the ratchet's first state. Pure, like everything below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib import handshake
from ratchetlib.errors import HandshakeReplayed, IdentityChanged, PeerError, UsageError
from ratchetlib.identity import IdentityKey
from ratchetlib.ratchet import Direction, RatchetKeyPair, initial_state
from ratchetlib.session.receive import open_message
from ratchetlib.session.state import Facts, SessionState, Unconfirmed

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.handshake import Accepted
    from ratchetlib.identity import IdentityKeyPair
    from ratchetlib.prekeys import PrekeyBundle
    from ratchetlib.prekeys.contents import RingContents
    from ratchetlib.session.receive import Received


def begin(
    identity: IdentityKeyPair, bundle: PrekeyBundle, *, our_address: bytes, their_address: bytes, now: int
) -> SessionState:
    """The initiator's first state, from a bundle that its policy accepts; `RandomnessError` if there is none."""
    begun = handshake.initiate(identity, bundle, our_address=our_address, their_address=their_address, now=now)
    secrets = begun.secrets
    facts = Facts(
        sending=Direction.INITIATOR_TO_RESPONDER,
        session_id=secrets.session_id,
        our_address=our_address,
        peer_identity=bundle.signed.identity,
        peer_address=their_address,
        created_at=now,
    )
    ratchet = initial_state(
        secrets.root_key,
        sending_key=secrets.initiator_header_key,
        receiving_key=secrets.responder_header_key,
        peer_ratchet_key=begun.peer_ratchet_key,
        initiator=True,
    )
    unconfirmed = Unconfirmed(begun.prefix, bundle.signed.not_after)
    return SessionState.of(facts, ratchet, unconfirmed=unconfirmed, accepted_prefix=None)


class Responder(NamedTuple):
    """What the responder brings to the first message besides its ring.

    Attributes:
        identity: the responder's.
        our_address: the responder's.
        now: seconds since the Unix epoch.
        known_identity: the pinned identity of an address, or None.
    """

    identity: IdentityKeyPair
    our_address: bytes
    now: int
    known_identity: Callable[[bytes], IdentityKey | None] | None


def answer(
    responder: Responder, ring: RingContents, prefix: bytes, message: Received
) -> tuple[RingContents, tuple[SessionState, bytes]]:
    """The ring after the handshake, the responder's first state and the first plaintext.

    The ring changes, a replay is named and the initiator's identity is held against the pinned one only once the
    message has authenticated: before that, who writes is unproved.
    """
    answered = handshake.accept(responder.identity, ring, prefix, our_address=responder.our_address, now=responder.now)
    pinned = _pinned(responder, answered)
    first = _first_state(responder, answered, handshake.prefix_hash(prefix))
    record = answered.bundle
    signed_prekey = RatchetKeyPair(record.signed_prekey, record.bundle.signed_prekey)
    opened = open_message(first, message, signed_prekey)
    refusal = _refusal(answered, pinned)
    if refusal is not None:
        del opened  # its plaintext would stand in the traceback
        raise refusal
    item_id = None if answered.item is None else answered.item.item.item_id
    return ring.settled(record.bundle.bundle_id, item_id, answered.secrets.session_id), opened


def _first_state(responder: Responder, answered: Accepted, accepted_prefix: bytes) -> SessionState:
    secrets, initiator, record = answered.secrets, answered.initiator, answered.bundle
    facts = Facts(
        sending=Direction.RESPONDER_TO_INITIATOR,
        session_id=secrets.session_id,
        our_address=responder.our_address,
        peer_identity=initiator.identity,
        peer_address=initiator.address,
        created_at=initiator.created_at,
    )
    ratchet = initial_state(
        secrets.root_key,
        sending_key=secrets.responder_header_key,
        receiving_key=secrets.initiator_header_key,
        peer_ratchet_key=record.bundle.signed_prekey,
        initiator=False,
    )
    return SessionState.of(facts, ratchet, unconfirmed=None, accepted_prefix=accepted_prefix)


def _pinned(responder: Responder, answered: Accepted) -> IdentityKey | None:
    """Asked before the message is opened: what the caller's function raises must not meet a plaintext."""
    if responder.known_identity is None:
        return None
    pinned = responder.known_identity(answered.initiator.address)
    if pinned is not None and type(pinned) is not IdentityKey:
        raise UsageError(f"known_identity returns an IdentityKey or None, not {type(pinned).__name__}")
    return pinned


def _refusal(answered: Accepted, pinned: IdentityKey | None) -> PeerError | None:
    """Why an authentic first message is refused all the same."""
    if answered.replayed:
        return HandshakeReplayed("the handshake was accepted before")
    if pinned is not None and pinned != answered.initiator.identity:
        return IdentityChanged(pinned, answered.initiator.identity)
    return None
