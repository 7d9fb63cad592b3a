"""The peer's hand: headers of any content under the real keys, and bodies under the keys that follow from them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from harness.model import MAX_SKIP

from ratchetlib import RatchetError
from ratchetlib.keys import ChainKey, DhPublicKey, MessageKey
from ratchetlib.labels import PERSON_SEAL_BODY
from ratchetlib.primitives import aead, dh, seal
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.ratchet.header import Header, open_header, seal_header
from ratchetlib.ratchet.pq.states import Answering
from ratchetlib.ratchet.root import root_step
from ratchetlib.session.message import join, split

if TYPE_CHECKING:
    from ratchetlib.primitives.aead import HeaderKey
    from ratchetlib.ratchet import Binding, RatchetState
    from ratchetlib.ratchet.chains import ReceivingChain
    from ratchetlib.session.state import SessionState

_NONCE: Final = bytes(range(seal.NONCE_LENGTH))
_NOBODYS: Final = MessageKey(bytes(32))
"""For a body that nobody can seal: the header alone must refuse the message."""


class Place(NamedTuple):
    """Which of the receiver's header keys a header is sealed under.

    Attributes:
        header_key: the key.
        chain: the chain that it belongs to; None for the next one.
    """

    header_key: HeaderKey
    chain: ReceivingChain | None


def places(state: RatchetState) -> list[Place]:
    """The open chain, if there is one, the next one, the closed ones, newest first."""
    known = [Place(chain.header_key, chain) for chain in state.chains]
    return [*known[:1], Place(state.turn.next_receiving_key, None), *known[1:]]


def opens(state: SessionState, message: bytes) -> bool:
    """Whether a header key of that receiver opens the message's header; a stranger's never opens."""
    try:
        _, frame = split(message, len(message))
    except RatchetError:
        return False
    bindings = state.bindings
    return any(
        open_header(place.header_key, frame.nonce[: aead.NONCE_LENGTH], frame.header, bound.header) is not None
        for place in places(state.ratchet)
        for bound in (bindings.receiving, bindings.receiving_initial)
        if bound is not None
    )


def sealed_message(header_key: HeaderKey, body_key: MessageKey, header: Header, padded: bytes, bound: Binding) -> bytes:
    """An ordinary message."""
    sealed = seal_header(header_key, _NONCE[: aead.NONCE_LENGTH], header, bound.header)
    body = seal.seal(body_key, PERSON_SEAL_BODY, _NONCE, bound.body_data(sealed, b""), padded)
    return join(None, _NONCE + sealed + body)


def message_key(state: RatchetState, place: Place, header: Header) -> MessageKey:
    """The key of that message, as far as an honest peer could have it."""
    chain = place.chain
    if chain is None:
        first = _first_key(state, header)
        return _NOBODYS if first is None or header.number > MAX_SKIP else _key(first.raw, header.number)
    if header.number in chain.skipped:
        return chain.skipped[header.number]
    ahead = header.number - chain.number
    if chain.chain_key is None or not 0 <= ahead <= MAX_SKIP + 1:
        return _NOBODYS
    return _key(chain.chain_key.raw, ahead)


def _first_key(state: RatchetState, header: Header) -> ChainKey | None:
    """The chain key of a new chain, as its sender derives it."""
    if state.sending is None:
        return None
    pair, phase = state.sending.key_pair, state.pq.phase
    mixed = phase.secret if header.pq_epoch == state.pq.epoch + 1 and isinstance(phase, Answering) else None
    sender = DhPublicKey(header.ratchet_key)
    try:
        agreed = dh.agree(pair.private, sender)
    except RatchetError:
        return None
    step = root_step(state.turn.root_key, agreed, mixed, sender=sender, receiver=pair.public, pq_epoch=header.pq_epoch)
    return step.chain_key


def _key(raw: bytes, number: int) -> MessageKey:
    """The message key of a chain `number` steps on; what was derived for an earlier header is remembered."""
    keys, ahead = _derived(raw)
    while len(keys) <= number:
        ahead[0], made = chain_step(ahead[0])
        keys.append(made)
    return keys[number]


@lru_cache(maxsize=256)
def _derived(raw: bytes) -> tuple[list[MessageKey], list[ChainKey]]:
    """A chain's keys so far, and the chain key behind them: both grow in place."""
    return [], [ChainKey(raw)]
