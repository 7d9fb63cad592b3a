"""Identities, addresses and fingerprints (docs/spec/identity.md)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reference.primitives import (
    HASH,
    HASH_FINGERPRINT,
    SIGN,
    SIGN_IDENTITY,
    check_ed25519,
    check_x25519,
    ed25519_public,
    verifies,
    x25519_public,
)
from reference.refusal import require
from reference.wire import LP, u8

if TYPE_CHECKING:
    from reference.primitives import Draws

MAX_ADDRESS: Final = 128
FINGERPRINT_ITERATIONS: Final = 5_200


@dataclass(frozen=True)
class Identity:
    """The public identity."""

    signing_key: bytes
    agreement_key: bytes
    signature: bytes

    @property
    def encoded(self) -> bytes:
        return self.signing_key + self.agreement_key + self.signature

    @property
    def keys(self) -> tuple[bytes, bytes]:
        """What equality is about: not the signature."""
        return self.signing_key, self.agreement_key

    def shares_a_key_with(self, other: Identity) -> bool:
        return self.signing_key == other.signing_key or self.agreement_key == other.agreement_key

    @staticmethod
    def parse(encoded: bytes) -> Identity:
        require(len(encoded) == 128, "MalformedMessage")
        identity = unchecked(encoded)
        check_ed25519(identity.signing_key)
        check_x25519(identity.agreement_key)
        joined = verifies(identity.signing_key, SIGN_IDENTITY, identity.agreement_key, identity.signature)
        require(joined, "InvalidKey")
        return identity


def unchecked(encoded: bytes) -> Identity:
    """An identity of an authentic state: checked when the handshake was made."""
    return Identity(encoded[:32], encoded[32:64], encoded[64:128])


@dataclass(frozen=True)
class IdentityPair:
    """The private identity."""

    signing_seed: bytes
    agreement_key: bytes

    @property
    def public(self) -> Identity:
        agreement = x25519_public(self.agreement_key)
        signature = SIGN(self.signing_seed, SIGN_IDENTITY, agreement)
        return Identity(ed25519_public(self.signing_seed), agreement, signature)

    @staticmethod
    def generate(draws: Draws) -> IdentityPair:
        return IdentityPair(draws.draw(32), draws.draw(32))


def fingerprint_half(identity: Identity, address: bytes) -> bytes:
    keys = identity.signing_key + identity.agreement_key
    h = HASH(HASH_FINGERPRINT, u8(1) + LP(address) + keys)
    for _ in range(FINGERPRINT_ITERATIONS - 1):
        h = HASH(HASH_FINGERPRINT, h + keys)
    return h[:32]


def fingerprint_digits(ours: bytes, theirs: bytes) -> str:
    def digits(half: bytes) -> str:
        groups = (int.from_bytes(half[at : at + 5], "big") % 100_000 for at in range(0, 30, 5))
        return " ".join(f"{group:05}" for group in groups)

    return " ".join(sorted((digits(ours), digits(theirs))))


def compare_fingerprint(scanned: bytes, ours: bytes, theirs: bytes) -> None:
    require(len(scanned) == 65, "MalformedMessage")
    require(scanned[0] == 1, "UnsupportedVersion")
    require(hmac.compare_digest(scanned[1:], theirs + ours), "FingerprintMismatch")
