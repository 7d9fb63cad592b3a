"""Layouts: from bytes to fields and back, and what is no encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib.cli.verify.fields import as_hex
from ratchetlib.handshake.block import IdentityBlock
from ratchetlib.handshake.prefix import Prefix, prefix_hash
from ratchetlib.identity import IdentityKey
from ratchetlib.session.message import join, split

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs


def message(fields: Fields) -> Outputs:
    """A message, split into its parts."""
    encoded = fields.hex("message")
    prefix, (nonce, header, body) = split(encoded, fields.number("max_padded"))
    parts = as_hex(prefix=prefix or b"", nonce=nonce, sealed_header=header, body=body)
    return {"type": encoded[1], **parts, "same": join(prefix, nonce + header + body) == encoded}


def prefix(fields: Fields) -> Outputs:
    """A handshake prefix, split into its parts."""
    encoded = fields.hex("encoded")
    parsed = Prefix.from_bytes(encoded)
    parts = as_hex(
        bundle_id=parsed.bundle_id,
        item_id=parsed.item_id or b"",
        ephemeral=parsed.ephemeral,
        ciphertext=parsed.ciphertext,
        sealed_block=parsed.sealed_block,
        hash=prefix_hash(encoded),
    )
    return {**parts, "same": parsed.to_bytes() == encoded}


def block_of(fields: Fields) -> Outputs:
    """An identity block, made."""
    identity = IdentityKey.from_bytes(fields.hex("identity"))
    block = IdentityBlock(identity, fields.hex("address"), fields.number("created_at"))
    return as_hex(encoded=block.to_bytes())


def block(fields: Fields) -> Outputs:
    """An identity block, parsed."""
    encoded = fields.hex("encoded")
    parsed = IdentityBlock.from_bytes(encoded)
    return {
        **as_hex(identity=parsed.identity.to_bytes(), address=parsed.address),
        "created_at": parsed.created_at,
        "highest_version": parsed.highest_version,
        "same": parsed.to_bytes() == encoded,
    }
