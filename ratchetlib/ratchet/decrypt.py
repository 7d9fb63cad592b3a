"""RatchetDecryptHE (Double Ratchet specification, section 4.4): find the chain, check the bounds, derive, authenticate.

Every step works on values, and the caller keeps the new state only if the body has authenticated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from ratchetlib.errors import AuthenticationError, ProtocolViolation, SessionForked, TooManySkipped
from ratchetlib.labels import PERSON_SEAL_BODY
from ratchetlib.limits import MAX_CHAIN_LENGTH, MAX_SKIP
from ratchetlib.primitives import aead, dh, seal
from ratchetlib.ratchet.binding import Direction
from ratchetlib.ratchet.chains import ReceivingChain
from ratchetlib.ratchet.header import SEALED_HEADER_LENGTH, open_header, parse_ratchet_key
from ratchetlib.ratchet.pq import absorb, join_epoch, require_allowed
from ratchetlib.ratchet.root import root_step
from ratchetlib.ratchet.skipped import bounded
from ratchetlib.ratchet.state import RatchetState, Turn

if TYPE_CHECKING:
    from ratchetlib.keys import MessageKey, PqSecret
    from ratchetlib.primitives.aead import HeaderKey
    from ratchetlib.ratchet.binding import Binding
    from ratchetlib.ratchet.chains import RatchetKeyPair
    from ratchetlib.ratchet.header import Header
    from ratchetlib.ratchet.pq import PqState

    _Taken: TypeAlias = tuple[RatchetState, Header, MessageKey]

_FROM_INITIATOR: Final = Direction.INITIATOR_TO_RESPONDER
FRAME_OVERHEAD: Final = seal.OVERHEAD + SEALED_HEADER_LENGTH


class Frame(NamedTuple):
    """The ratchet's part of a message.

    Attributes:
        nonce: 24 bytes.
        header: sealed, 158 bytes.
        body: commitment 32 || ciphertext || tag 16.
    """

    nonce: bytes
    header: bytes
    body: bytes

    @classmethod
    def split(cls, data: bytes, start: int) -> Frame:
        """Cut what stands from `start` on; the caller has checked that it is long enough."""
        header_start = start + seal.NONCE_LENGTH
        body_start = header_start + SEALED_HEADER_LENGTH
        return cls(data[start:header_start], data[header_start:body_start], data[body_start:])


def decrypt(
    state: RatchetState,
    frame: Frame,
    associated_data: bytes,
    binding: Binding,
    signed_prekey: RatchetKeyPair | None = None,
) -> tuple[RatchetState, bytes]:
    """The next state and the padded plaintext.

    Args:
        state: unchanged whatever happens.
        frame: the ratchet's part of the message.
        associated_data: the caller's.
        binding: what the message must be bound to.
        signed_prekey: the responder's first ratchet key pair, for its first message only.

    Raises:
        AuthenticationError: no header key opens the header, or the body does not authenticate.
        DuplicateMessage, MessageKeyEvicted: the header is authentic, its message key is gone.
        TooManySkipped: the header is authentic and too far ahead; nothing was derived.
        SessionForked: the header is authentic, and contradicts an earlier one or answers a ratchet key that is gone.
        ProtocolViolation: the header is authentic and says what no honest peer says.
    """
    state, header, message_key = _take_message_key(state, frame, binding, signed_prekey)
    body_data = binding.body_data(frame.header, associated_data)
    padded = seal.open_(message_key, PERSON_SEAL_BODY, frame.nonce, body_data, frame.body)
    if padded is None:
        raise AuthenticationError
    pq = absorb(state.pq, header.pq_epoch, header.chunk, binding.session_id)
    return (state if pq is state.pq else state.absorbed(pq)), padded


def _take_message_key(
    state: RatchetState, frame: Frame, binding: Binding, signed_prekey: RatchetKeyPair | None
) -> _Taken:
    """At most seven header trials: the current chain, the next one, five closed ones, newest first."""
    current = state.receiving
    if current is not None:
        header = _open(current.header_key, frame, binding)
        if header is not None:
            return _on_current_chain(state, current, header, binding)
    header = _open(state.turn.next_receiving_key, frame, binding)
    if header is not None:
        return _on_new_chain(state, header, binding, signed_prekey)
    for position, chain in enumerate(state.closed):
        header = _open(chain.header_key, frame, binding)
        if header is not None:
            return _on_closed_chain(state, position, header, binding)
    raise AuthenticationError


def _open(key: HeaderKey, frame: Frame, binding: Binding) -> Header | None:
    return open_header(key, frame.nonce[: aead.NONCE_LENGTH], frame.header, binding.header)


def _on_current_chain(state: RatchetState, current: ReceivingChain, header: Header, binding: Binding) -> _Taken:
    current.require_constant(header)
    _require_allowed(state.pq, header, binding)
    chain, message_key = current.take(header.number)
    state = state.received(chain)
    return (state if header.number <= current.number else bounded(state)), header, message_key


def _on_closed_chain(state: RatchetState, position: int, header: Header, binding: Binding) -> _Taken:
    state.closed[position].require_constant(header)
    _require_allowed(state.pq, header, binding)
    chain, message_key = state.closed[position].take(header.number)
    closed = (*state.closed[:position], chain, *state.closed[position + 1 :])
    state = state._replace(closed=closed, since_dh_step=state.since_dh_step + 1, since_pq_step=state.since_pq_step + 1)
    return state, header, message_key


def _on_new_chain(
    state: RatchetState, header: Header, binding: Binding, signed_prekey: RatchetKeyPair | None
) -> _Taken:
    """Everything that a new chain must satisfy; then the step."""
    pair = signed_prekey if state.sending is None else state.sending.key_pair
    if pair is None:
        # An honest peer opens a chain only in answer to a ratchet key of ours: a later state of ours has been lost.
        raise SessionForked("a new chain that answers a ratchet key which this state does not have")
    _require_fresh(state, header, pair)
    pq, pq_secret = join_epoch(state.pq, header.pq_epoch)
    _require_allowed(pq, header, binding)
    _require_gap_allowed(state.receiving, header)
    stepped, message_key = _dh_ratchet(state, header, pair, pq, pq_secret)
    return bounded(stepped), header, message_key


def _dh_ratchet(
    state: RatchetState, header: Header, pair: RatchetKeyPair, pq: PqState, pq_secret: PqSecret | None
) -> tuple[RatchetState, MessageKey]:
    """The receiving half of a Diffie-Hellman ratchet step. Our ratchet private key is not in the state it returns."""
    turn, sending, current = state.turn, state.sending, state.receiving
    peer = parse_ratchet_key(header.ratchet_key)
    secret = dh.agree(pair.private, peer)
    step = root_step(turn.root_key, secret, pq_secret, sender=peer, receiver=pair.public, pq_epoch=header.pq_epoch)
    opened = ReceivingChain.opened(turn.next_receiving_key, step.chain_key, peer, header)
    chain, message_key = opened.take(header.number)
    sent = 0 if sending is None else sending.number
    stepped = RatchetState(
        turn=Turn(step.root_key, sent, turn.next_sending_key, peer, step.next_header_key),
        pq=pq,
        sending=None,
        receiving=chain,
        closed=state.closed if current is None else (current.close(header.previous_length), *state.closed),
        since_dh_step=1,
        since_pq_step=state.since_pq_step + 1 if pq_secret is None else 1,
        evicted=state.evicted,
        last_eviction=state.last_eviction,
    )
    return stepped, message_key


def _require_allowed(pq: PqState, header: Header, binding: Binding) -> None:
    if header.number >= MAX_CHAIN_LENGTH or header.previous_length > MAX_CHAIN_LENGTH:
        raise ProtocolViolation("a chain is longer than any may be")
    require_allowed(pq, header.pq_epoch, header.chunk, from_initiator=binding.direction is _FROM_INITIATOR)


def _require_fresh(state: RatchetState, header: Header, ours: RatchetKeyPair) -> None:
    """A new chain has a ratchet key that nobody has used before, and a first chain has none before it."""
    known = {ours.public, state.turn.peer_ratchet_key, *(chain.ratchet_key for chain in state.chains)}
    if header.ratchet_key in known:
        raise ProtocolViolation("a new chain with a ratchet key that was used before")
    if state.receiving is None and header.previous_length != 0:
        raise ProtocolViolation("a first chain with one before it")


def _require_gap_allowed(current: ReceivingChain | None, header: Header) -> None:
    """The gap at the end of the old chain and the gap at the start of the new one count together."""
    missing = 0 if current is None else max(0, header.previous_length - current.number)
    if missing + header.number > MAX_SKIP:
        raise TooManySkipped(f"{missing + header.number} messages are missing, {MAX_SKIP} may be skipped")
