"""The whole state of a session: an immutable value, its sealed content, and what its messages are bound to.

direction in which we send 1 || session id 32 || LP(our address) || peer identity 128 || LP(peer address)
|| created_at 8
|| initiator: unconfirmed 1 [|| bundle's end 8 || prefix 1,975]
|| responder: hash of the prefix 64
|| ratchet state (ratchet/codec.py)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib.handshake import PREFIX_LENGTH, prefix_hash
from ratchetlib.identity import IDENTITY_LENGTH, authenticated_identity
from ratchetlib.limits import MAX_ADDRESS
from ratchetlib.primitives.kdf import HASH_LENGTH
from ratchetlib.ratchet import Binding, Direction, MessageType, RatchetState
from ratchetlib.ratchet import codec as ratchet_codec
from ratchetlib.wire import SESSION_ID_LENGTH, lp, u8, u64

if TYPE_CHECKING:
    from ratchetlib.identity import IdentityKey
    from ratchetlib.wire import Reader


class Facts(NamedTuple):
    """What never changes in a session's life.

    Attributes:
        sending: the direction in which we send, hence our role in the handshake.
        session_id: 32 bytes.
        our_address: 1 to 128 bytes.
        peer_identity: the peer's.
        peer_address: 1 to 128 bytes.
        created_at: the initiator's clock at the handshake, in seconds.
    """

    sending: Direction
    session_id: bytes
    our_address: bytes
    peer_identity: IdentityKey
    peer_address: bytes
    created_at: int


class Unconfirmed(NamedTuple):
    """What an initiator needs until a reply decrypts.

    Attributes:
        prefix: the handshake prefix that goes in front of each message.
        not_after: the bundle's end, in seconds.
    """

    prefix: bytes
    not_after: int


class Bindings(NamedTuple):
    """The associated data of a session's messages; they change once, when an initiator is confirmed.

    Attributes:
        sending: of what we send, initial or ordinary.
        receiving: of ordinary messages.
        receiving_initial: of initial messages; None for an initiator, who takes none.
    """

    sending: Binding
    receiving: Binding
    receiving_initial: Binding | None


class SessionState(NamedTuple):
    """Everything that a session is.

    Attributes:
        facts: what never changes.
        unconfirmed: an initiator's, until a reply decrypts; else None.
        accepted_prefix: a responder's: the hash of the prefix of its initial messages; else None.
        ratchet: what moves.
        bindings: derived from the rest, kept because every message needs them.
    """

    facts: Facts
    unconfirmed: Unconfirmed | None
    accepted_prefix: bytes | None
    ratchet: RatchetState
    bindings: Bindings

    @classmethod
    def of(
        cls, facts: Facts, ratchet: RatchetState, *, unconfirmed: Unconfirmed | None, accepted_prefix: bytes | None
    ) -> SessionState:
        """The state with its bindings."""
        session_id, sending = facts.session_id, facts.sending
        ordinary, initial = MessageType.ORDINARY, MessageType.INITIAL
        if unconfirmed is None:
            sends = Binding.of(session_id, sending, ordinary, b"")
        else:
            sends = Binding.of(session_id, sending, initial, prefix_hash(unconfirmed.prefix))
        receives = Binding.of(session_id, sending.reverse, ordinary, b"")
        receives_initial = None
        if accepted_prefix is not None:
            receives_initial = Binding.of(session_id, sending.reverse, initial, accepted_prefix)
        return cls(facts, unconfirmed, accepted_prefix, ratchet, Bindings(sends, receives, receives_initial))

    def moved(self, ratchet: RatchetState) -> SessionState:
        """The state after a message."""
        facts, unconfirmed, accepted_prefix, _, bindings = self
        return SessionState(facts, unconfirmed, accepted_prefix, ratchet, bindings)

    def confirmed(self, ratchet: RatchetState) -> SessionState:
        """The state after an unconfirmed initiator's first message was received."""
        return SessionState.of(self.facts, ratchet, unconfirmed=None, accepted_prefix=None)


def encode(state: SessionState) -> bytes:
    """The canonical encoding."""
    facts = state.facts
    return b"".join(
        [
            u8(facts.sending),
            facts.session_id,
            lp(facts.our_address),
            facts.peer_identity.to_bytes(),
            lp(facts.peer_address),
            u64(facts.created_at),
            _encode_handshake(state),
            ratchet_codec.encode(state.ratchet),
        ]
    )


def decode(reader: Reader) -> SessionState:
    """Read what `encode` wrote; the reader's error for anything else."""
    direction = reader.u8()
    if direction not in (Direction.INITIATOR_TO_RESPONDER, Direction.RESPONDER_TO_INITIATOR):
        raise reader.refuse("no direction")
    facts = Facts(
        sending=Direction(direction),
        session_id=reader.take(SESSION_ID_LENGTH),
        our_address=reader.lp(minimum=1, maximum=MAX_ADDRESS),
        peer_identity=authenticated_identity(reader.take(IDENTITY_LENGTH)),
        peer_address=reader.lp(minimum=1, maximum=MAX_ADDRESS),
        created_at=reader.u64(),
    )
    unconfirmed, accepted_prefix = _decode_handshake(reader, facts.sending)
    ratchet = ratchet_codec.decode(reader, initiator=facts.sending is Direction.INITIATOR_TO_RESPONDER)
    return SessionState.of(facts, ratchet, unconfirmed=unconfirmed, accepted_prefix=accepted_prefix)


def _encode_handshake(state: SessionState) -> bytes:
    if state.accepted_prefix is not None:
        return state.accepted_prefix
    if state.unconfirmed is None:
        return u8(0)
    return u8(1) + u64(state.unconfirmed.not_after) + state.unconfirmed.prefix


def _decode_handshake(reader: Reader, sending: Direction) -> tuple[Unconfirmed | None, bytes | None]:
    if sending is Direction.RESPONDER_TO_INITIATOR:
        return None, reader.take(HASH_LENGTH)
    if not reader.flag():
        return None, None
    not_after = reader.u64()
    return Unconfirmed(reader.take(PREFIX_LENGTH), not_after), None
