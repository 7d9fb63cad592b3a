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
from ratchetlib.ratchet.header import Header, seal_header
from ratchetlib.ratchet.pq.states import Answering
from ratchetlib.ratchet.root import root_step
from ratchetlib.session.message import join

if TYPE_CHECKING:
    from ratchetlib.primitives.aead import HeaderKey
    from ratchetlib.ratchet import Binding, RatchetState
    from ratchetlib.ratchet.chains import ReceivingChain

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
        return _NOBODYS if first is None or header.number > MAX_SKIP else _keys(first.raw)[header.number]
    if header.number in chain.skipped:
        return chain.skipped[header.number]
    ahead = header.number - chain.number
    if chain.chain_key is None or not 0 <= ahead <= MAX_SKIP + 1:
        return _NOBODYS
    return _keys(chain.chain_key.raw)[ahead]


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


@lru_cache(maxsize=256)
def _keys(raw: bytes) -> list[MessageKey]:
    """The next keys of a chain, one more than may be skipped."""
    key, keys = ChainKey(raw), []
    for _ in range(MAX_SKIP + 2):
        key, made = chain_step(key)
        keys.append(made)
    return keys
