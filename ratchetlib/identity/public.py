"""The public identity of a device: what others pin and compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from ratchetlib.errors import InvalidKey, MalformedMessage
from ratchetlib.keys import DhPublicKey, SigningPublicKey
from ratchetlib.labels import SIGN_IDENTITY
from ratchetlib.primitives import dh, signature
from ratchetlib.wire import require_bytes

IDENTITY_LENGTH: Final = 128


@dataclass(frozen=True, slots=True)
class IdentityKey:
    """An Ed25519 signing key and an independent X25519 agreement key, joined by a signature.

    The signing key signs the agreement key under a label of its own, and every parse verifies it, so the halves of two
    identities cannot be mixed. There is no conversion between the halves and no XEdDSA.

    Encoding, 128 bytes: signing key 32 || agreement key 32 || signature 64.

    Attributes:
        signing: 32 bytes, Ed25519.
        agreement: 32 bytes, X25519.
        signature: 64 bytes, by `signing` over `agreement`. Two identities of the same keys are equal whatever it is.
    """

    signing: SigningPublicKey
    agreement: DhPublicKey
    signature: bytes = field(compare=False)

    @classmethod
    def from_bytes(cls, encoded: bytes) -> Self:
        """Parse and verify 128 bytes.

        Raises:
            UsageError: not `bytes`.
            MalformedMessage: not 128 bytes.
            InvalidKey: a half is refused by the protocol, or the signature does not join the two.
        """
        require_bytes(encoded, "an identity")
        if len(encoded) != IDENTITY_LENGTH:
            raise MalformedMessage(f"an identity is {IDENTITY_LENGTH} bytes, not {len(encoded)}")
        signing = signature.parse_public_key(encoded[:32])
        agreement = dh.parse_public_key(encoded[32:64])
        if not signature.verifies(signing, SIGN_IDENTITY, agreement, encoded[64:]):
            raise InvalidKey("the two halves of an identity are not joined by its signature")
        return cls(signing, agreement, encoded[64:])

    def to_bytes(self) -> bytes:
        """The 128-byte encoding."""
        return self.signing + self.agreement + self.signature

    def shares_a_key_with(self, other: IdentityKey) -> bool:
        """Whether either half is the same: one device under two names, or an attacker wearing our key."""
        return self.signing == other.signing or self.agreement == other.agreement

    def __repr__(self) -> str:
        return f"<IdentityKey {self.signing[:4].hex()}…>"


def authenticated_identity(encoded: bytes) -> IdentityKey:
    """Take apart 128 bytes that `to_bytes` wrote into sealed state, which has just authenticated.

    Verifying again would double the cost of opening a session and could only find our own bug. For nothing else.
    """
    return IdentityKey(SigningPublicKey(encoded[:32]), DhPublicKey(encoded[32:64]), encoded[64:])
