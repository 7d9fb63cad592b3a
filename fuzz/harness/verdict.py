"""What must become of a message whose header and body both authenticate, from the specification's text.

docs/spec/ratchet.md, "Decrypt", steps in their order. The keys come from the receiver's own state: whoever fuzzes is
the peer, and has them too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from harness.model import MAX_SKIP

from ratchetlib import (
    AuthenticationError,
    DuplicateMessage,
    MessageKeyEvicted,
    ProtocolViolation,
    RatchetError,
    SessionForked,
    TooManySkipped,
)
from ratchetlib.primitives import dh
from ratchetlib.ratchet import Direction
from ratchetlib.ratchet.pq.states import Answering, Idle

if TYPE_CHECKING:
    from ratchetlib import PeerError
    from ratchetlib.ratchet import RatchetState
    from ratchetlib.ratchet.chains import ReceivingChain
    from ratchetlib.ratchet.header import Header

_MAX_CHAIN: Final = 2**24
_NO_CHUNK: Final = (0, 0, bytes(96))


def verdict(
    state: RatchetState, chain: ReceivingChain | None, header: Header, direction: Direction
) -> type[PeerError] | None:
    """The error that is due; None where the message must decrypt. `chain` is None under the next header key."""
    if chain is None:
        return _on_new_chain(state, header, direction)
    return _on_known_chain(state, chain, header, direction)


def _on_known_chain(
    state: RatchetState, chain: ReceivingChain, header: Header, direction: Direction
) -> type[PeerError] | None:
    """A header that the key of the open or of a closed chain opens."""
    constants = (chain.ratchet_key, chain.previous_length, chain.pq_epoch)
    if (header.ratchet_key, header.previous_length, header.pq_epoch) != constants:
        return SessionForked
    if _is_forbidden(header, state.pq.epoch, direction, idle=isinstance(state.pq.phase, Idle)):
        return ProtocolViolation
    if header.number < chain.number:
        if header.number in chain.skipped:
            return None
        return MessageKeyEvicted if header.number < chain.evicted_below else DuplicateMessage
    if chain.chain_key is None:
        return AuthenticationError
    return TooManySkipped if header.number - chain.number > MAX_SKIP else None


def _on_new_chain(state: RatchetState, header: Header, direction: Direction) -> type[PeerError] | None:
    """A header that the next header key opens."""
    if state.sending is None:
        return SessionForked
    used = {state.sending.key_pair.public, state.turn.peer_ratchet_key, *(chain.ratchet_key for chain in state.chains)}
    joins = header.pq_epoch == state.pq.epoch + 1 and isinstance(state.pq.phase, Answering)
    if header.ratchet_key in used or (state.receiving is None and header.previous_length):
        return ProtocolViolation
    if header.pq_epoch != state.pq.epoch and not joins:
        return ProtocolViolation
    if _is_forbidden(header, header.pq_epoch, direction, idle=joins or isinstance(state.pq.phase, Idle)):
        return ProtocolViolation
    behind = 0 if state.receiving is None else max(0, header.previous_length - state.receiving.number)
    if behind + header.number > MAX_SKIP:
        return TooManySkipped
    return None if _is_key(header.ratchet_key) else ProtocolViolation


def _is_forbidden(header: Header, epoch: int, direction: Direction, *, idle: bool) -> bool:
    """`epoch` and `idle` are of the receiver's post-quantum ratchet once the chain's epoch is joined."""
    if header.number >= _MAX_CHAIN or header.previous_length > _MAX_CHAIN:
        return True
    if header.chunk == _NO_CHUNK:
        return False
    initiator_sends = direction is Direction.INITIATOR_TO_RESPONDER
    owned_by_sender = initiator_sends == (header.pq_epoch % 2 == 0)
    if header.chunk.kind != (1 if owned_by_sender else 2) or header.chunk.point > 63:
        return True
    return header.chunk.kind == 2 and header.pq_epoch == epoch and idle


def _is_key(raw: bytes) -> bool:
    try:
        dh.parse_public_key(raw)
    except RatchetError:
        return False
    return True
