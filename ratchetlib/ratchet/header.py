"""The header: which chain and which message, in 142 bytes that never change their size.

ratchet key 32 || PN 4 || N 4 || pq epoch 4 || chunk kind 1 || chunk index 1 || chunk 96
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from ratchetlib.errors import InvalidKey, ProtocolViolation
from ratchetlib.primitives import aead, dh
from ratchetlib.ratchet.pq import Chunk

if TYPE_CHECKING:
    from ratchetlib.keys import DhPublicKey
    from ratchetlib.primitives.aead import HeaderKey

_LAYOUT: Final = Struct(">32sIIIBB96s")
HEADER_LENGTH: Final = _LAYOUT.size
SEALED_HEADER_LENGTH: Final = HEADER_LENGTH + aead.TAG_LENGTH


class Header(NamedTuple):
    """One header in clear.

    Attributes:
        ratchet_key: the sender's, 32 bytes.
        previous_length: PN, messages in the sender's chain before this one.
        number: N, this message's number in its chain, from 0.
        pq_epoch: post-quantum secrets in the root at this chain's root step.
        chunk: a piece of the post-quantum ratchet's exchange, or nothing.
    """

    ratchet_key: bytes
    previous_length: int
    number: int
    pq_epoch: int
    chunk: Chunk


def seal_header(key: HeaderKey, nonce: bytes, header: Header, associated_data: bytes) -> bytes:
    """158 bytes. A header key serves one chain, with random 12-byte nonces."""
    ratchet_key, previous_length, number, pq_epoch, (kind, point, data) = header
    encoded = _LAYOUT.pack(ratchet_key, previous_length, number, pq_epoch, kind, point, data)
    return key.seal(nonce, encoded, associated_data)


def open_header(key: HeaderKey, nonce: bytes, sealed: bytes, associated_data: bytes) -> Header | None:
    """The header, or None if it is not under this key. `sealed` is 158 bytes."""
    encoded = key.open(nonce, sealed, associated_data)
    if encoded is None:
        return None
    ratchet_key, previous_length, number, pq_epoch, kind, point, data = _LAYOUT.unpack(encoded)
    return Header(ratchet_key, previous_length, number, pq_epoch, Chunk(kind, point, data))


def parse_ratchet_key(raw: bytes) -> DhPublicKey:
    """The ratchet key of an authentic header; `ProtocolViolation` where X25519 refuses it."""
    try:
        return dh.parse_public_key(raw)
    except InvalidKey:
        pass
    raise ProtocolViolation("a ratchet key that X25519 refuses")
