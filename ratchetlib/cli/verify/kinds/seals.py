"""Headers and seals: what opens, what does not, and under which key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib import labels
from ratchetlib.cli.verify.fields import as_hex
from ratchetlib.cli.verify.refusal import Refused
from ratchetlib.keys import MessageKey
from ratchetlib.primitives import seal
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.ratchet import Binding, Direction, MessageType
from ratchetlib.ratchet.header import Header, open_header, seal_header
from ratchetlib.ratchet.pq import Chunk
from ratchetlib.wire import u8, u32

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs


def _binding(fields: Fields) -> Binding:
    return Binding.of(
        fields.hex("session_id"),
        Direction(fields.number("direction")),
        MessageType(fields.number("message_type")),
        fields.hex("prefix_hash", b""),
    )


def header_encoding(header: Header) -> bytes:
    """The 142 bytes."""
    ratchet_key, previous_length, number, pq_epoch, (kind, point, data) = header
    return ratchet_key + u32(previous_length) + u32(number) + u32(pq_epoch) + u8(kind) + u8(point) + data


def seal_a_header(fields: Fields) -> Outputs:
    """A header's layout, its associated data, and its encryption."""
    header = Header(
        ratchet_key=fields.hex("ratchet_key"),
        previous_length=fields.number("previous_length"),
        number=fields.number("number"),
        pq_epoch=fields.number("pq_epoch"),
        chunk=Chunk(fields.number("chunk_kind"), fields.number("chunk_index"), fields.hex("chunk")),
    )
    binding, nonce = _binding(fields), fields.hex("nonce")
    sealed = seal_header(HeaderKey(fields.hex("key")), nonce, header, binding.header)
    body_ad = binding.body_data(sealed, fields.hex("ad"))
    return as_hex(header=header_encoding(header), header_ad=binding.header, sealed=sealed, body_ad=body_ad)


def try_headers(fields: Fields) -> Outputs:
    """Which key opens each header: the current chain's, the next one's, those of closed chains, in this order."""
    binding, nonce = _binding(fields), fields.hex("nonce")
    keys = [HeaderKey(key) for key in fields.hexes("keys")]
    opened = [_opened(keys, nonce, sealed, binding) for sealed in fields.hexes("sealed")]
    return {
        "opened_by": [position for position, _ in opened],
        "headers": [header_encoding(header).hex() for _, header in opened],
    }


def _opened(keys: list[HeaderKey], nonce: bytes, sealed: bytes, binding: Binding) -> tuple[int, Header]:
    for position, key in enumerate(keys):
        header = open_header(key, nonce, sealed, binding.header)
        if header is not None:
            return position, header
    raise Refused("AuthenticationError", "header")


def seal_(fields: Fields) -> Outputs:
    """The committing seal."""
    key, person, nonce = MessageKey(fields.hex("key")), getattr(labels, fields.text("person")), fields.hex("nonce")
    sealed = seal.seal(key, person, nonce, fields.hex("ad"), fields.hex("plaintext"))
    commitment, ciphertext = sealed[: seal.COMMITMENT_LENGTH], sealed[seal.COMMITMENT_LENGTH :]
    return as_hex(commitment=commitment, ciphertext=ciphertext)


def unseal(fields: Fields) -> Outputs:
    """The committing seal, opened."""
    key, person, nonce = MessageKey(fields.hex("key")), getattr(labels, fields.text("person")), fields.hex("nonce")
    plaintext = seal.open_(key, person, nonce, fields.hex("ad"), fields.hex("sealed"))
    if plaintext is None:
        raise Refused("AuthenticationError", "seal")
    return as_hex(plaintext=plaintext)
