"""The identity block: who the initiator is, hidden from everybody but the owner of the bundle.

    identity 128 || LP(address), zeros up to 132 || created_at 8 || highest version 1 || flags 1 (zero)

Sealed with the committing seal under HKDF(salt th0, DH2 || DH3 || [DH4] || ss); the seal's associated data is empty,
because th0 in the key already binds everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ratchetlib.errors import AuthenticationError, MalformedMessage
from ratchetlib.identity import IDENTITY_LENGTH, IdentityKey
from ratchetlib.labels import PERSON_SEAL_IDENTITY
from ratchetlib.limits import MAX_ADDRESS
from ratchetlib.primitives import seal
from ratchetlib.primitives.random import random_bytes
from ratchetlib.wire import HIGHEST_VERSION, VERSION, Reader, lp, u8, u64

if TYPE_CHECKING:
    from ratchetlib.keys import IdentityBlockKey

_ADDRESS_FIELD: Final = 4 + MAX_ADDRESS
_BLOCK_LENGTH: Final = IDENTITY_LENGTH + _ADDRESS_FIELD + 8 + 1 + 1
SEALED_BLOCK_LENGTH: Final = _BLOCK_LENGTH + seal.OVERHEAD
_NO_FLAGS: Final = 0
_NO_AD: Final = b""


@dataclass(frozen=True, slots=True)
class IdentityBlock:
    """The initiator's part of the transcript.

    Attributes:
        identity: the initiator's.
        address: the initiator's, 1 to 128 bytes.
        created_at: the initiator's clock, in seconds: orders the sessions of two devices.
        highest_version: the highest protocol version that the initiator speaks.
    """

    identity: IdentityKey
    address: bytes
    created_at: int
    highest_version: int = HIGHEST_VERSION

    @classmethod
    def from_bytes(cls, encoded: bytes) -> Self:
        """Parse; `MalformedMessage` (`InvalidKey` for the identity) for anything but one canonical encoding."""
        reader = Reader(encoded, MalformedMessage)
        identity = IdentityKey.from_bytes(reader.take(IDENTITY_LENGTH))
        address_reader = Reader(reader.take(_ADDRESS_FIELD), MalformedMessage)
        address = address_reader.lp(minimum=1, maximum=MAX_ADDRESS)
        padding = address_reader.rest()
        created_at = reader.u64()
        highest_version, flags = reader.u8(), reader.u8()
        reader.end()
        if any(padding) or flags != _NO_FLAGS or highest_version < VERSION:
            raise MalformedMessage("an identity block that no initiator writes")
        return cls(identity, address, created_at, highest_version)

    def to_bytes(self) -> bytes:
        """The encoding, 270 bytes whatever the address."""
        address = lp(self.address).ljust(_ADDRESS_FIELD, b"\0")
        return self.identity.to_bytes() + address + u64(self.created_at) + u8(self.highest_version) + u8(_NO_FLAGS)


def seal_block(key: IdentityBlockKey, block: IdentityBlock) -> bytes:
    """Nonce 24 || commitment 32 || ciphertext 270 || tag 16."""
    nonce = random_bytes(seal.NONCE_LENGTH)
    return nonce + seal.seal(key, PERSON_SEAL_IDENTITY, nonce, _NO_AD, block.to_bytes())


def open_block(key: IdentityBlockKey, sealed: bytes) -> IdentityBlock:
    """The block.

    Raises:
        AuthenticationError: not sealed under this key.
        MalformedMessage: sealed, but not a block.
    """
    nonce, rest = sealed[: seal.NONCE_LENGTH], sealed[seal.NONCE_LENGTH :]
    encoded = seal.open_(key, PERSON_SEAL_IDENTITY, nonce, _NO_AD, rest)
    if encoded is None:
        raise AuthenticationError
    return IdentityBlock.from_bytes(encoded)
