"""The handshake prefix: what the initiator repeats in front of every message until a reply decrypts.

bundle id 16 || flag 1 || item id 16 (zeros where the flag is 0) || ephemeral key 32 || ciphertext 1,568
|| sealed identity block 342
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ratchetlib.errors import MalformedMessage
from ratchetlib.handshake.block import SEALED_BLOCK_LENGTH
from ratchetlib.labels import HASH_PREFIX
from ratchetlib.prekeys.parsing import PREKEY_ID_LENGTH
from ratchetlib.primitives import dh
from ratchetlib.primitives.kdf import sha512
from ratchetlib.primitives.kem import ML_KEM_1024
from ratchetlib.wire import Reader, u8

if TYPE_CHECKING:
    from ratchetlib.keys import DhPublicKey

_NO_ITEM: Final = bytes(PREKEY_ID_LENGTH)
PREFIX_LENGTH: Final = (
    2 * PREKEY_ID_LENGTH + 1 + dh.PUBLIC_KEY_LENGTH + ML_KEM_1024.ciphertext_length + SEALED_BLOCK_LENGTH
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """One handshake as it travels.

    Attributes:
        bundle_id: 16 bytes, names the signed bundle.
        item_id: 16 bytes, names the one-time item; None without one.
        ephemeral: EK_A, X25519, 32 bytes.
        ciphertext: of ML-KEM-1024, 1,568 bytes.
        sealed_block: the initiator's identity block, 342 bytes.
    """

    bundle_id: bytes
    item_id: bytes | None
    ephemeral: DhPublicKey
    ciphertext: bytes
    sealed_block: bytes

    @classmethod
    def from_bytes(cls, encoded: bytes) -> Self:
        """Parse; `MalformedMessage` (`InvalidKey` for the ephemeral key) for anything but one canonical encoding."""
        reader = Reader(encoded, MalformedMessage)
        bundle_id = reader.take(PREKEY_ID_LENGTH)
        has_item = reader.flag()
        item_id = reader.take(PREKEY_ID_LENGTH)
        ephemeral = dh.parse_public_key(reader.take(dh.PUBLIC_KEY_LENGTH))
        ciphertext = reader.take(ML_KEM_1024.ciphertext_length)
        sealed_block = reader.take(SEALED_BLOCK_LENGTH)
        reader.end()
        if not has_item and item_id != _NO_ITEM:
            raise MalformedMessage("an item id without its flag")
        return cls(
            bundle_id=bundle_id,
            item_id=item_id if has_item else None,
            ephemeral=ephemeral,
            ciphertext=ciphertext,
            sealed_block=sealed_block,
        )

    def to_bytes(self) -> bytes:
        """The encoding, 1,975 bytes."""
        flag = u8(self.item_id is not None)
        item_id = self.item_id or _NO_ITEM
        return self.bundle_id + flag + item_id + self.ephemeral + self.ciphertext + self.sealed_block


def prefix_hash(encoded: bytes) -> bytes:
    """SHA-512 of an encoded prefix, 64 bytes: what a session keeps and binds to each initial message's header."""
    return sha512(HASH_PREFIX, encoded)
