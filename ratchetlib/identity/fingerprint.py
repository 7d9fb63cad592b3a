"""Fingerprints (safety numbers): what two people compare to know that nobody sits between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from ratchetlib.errors import FingerprintMismatch, MalformedMessage, UnsupportedVersion, UsageError
from ratchetlib.identity.address import require_address
from ratchetlib.identity.public import IdentityKey
from ratchetlib.labels import HASH_FINGERPRINT
from ratchetlib.limits import FINGERPRINT_ITERATIONS
from ratchetlib.primitives.compare import equal
from ratchetlib.primitives.kdf import sha512
from ratchetlib.wire import lp, require_bytes, u8

FINGERPRINT_VERSION: Final = 1
_HALF_LENGTH: Final = 32
_GROUPS_PER_HALF: Final = 6
_BYTES_PER_GROUP: Final = 5
_GROUP_MODULUS: Final = 100_000
SCANNABLE_LENGTH: Final = 1 + 2 * _HALF_LENGTH


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The fingerprint of a pair of devices; both compute the same digits.

    Each half is an iterated SHA-512 over version, address and both public keys of one device (Signal's construction,
    here over both halves of the identity).

    Attributes:
        ours: 32 bytes, our half.
        theirs: 32 bytes, the other half.
    """

    ours: bytes
    theirs: bytes

    @classmethod
    def between(cls, ours: IdentityKey, our_address: bytes, theirs: IdentityKey, their_address: bytes) -> Self:
        """The fingerprint of two devices, as seen from ours.

        Raises:
            UsageError: an address is not 1 to 128 bytes, or an identity is of another type.
        """
        return cls(_half(ours, our_address), _half(theirs, their_address))

    @property
    def digits(self) -> str:
        """60 digits in 12 groups of 5, the same on both sides: the lower half first."""
        return " ".join(sorted([_half_digits(self.ours), _half_digits(self.theirs)]))

    def to_bytes(self) -> bytes:
        """65 bytes for a QR code: version 1 || our half 32 || their half 32."""
        return u8(FINGERPRINT_VERSION) + self.ours + self.theirs

    def verify(self, scanned: bytes) -> None:
        """Compare with what the other device shows, in constant time.

        Raises:
            FingerprintMismatch: it shows another pair of identities. Somebody may sit between the two.
            UsageError: not `bytes`.
            MalformedMessage: not 65 bytes.
            UnsupportedVersion: made by another version of the construction.
        """
        require_bytes(scanned, "a scannable fingerprint")
        if len(scanned) != SCANNABLE_LENGTH:
            raise MalformedMessage(f"a scannable fingerprint is {SCANNABLE_LENGTH} bytes, not {len(scanned)}")
        if scanned[0] != FINGERPRINT_VERSION:
            raise UnsupportedVersion(f"fingerprint version {scanned[0]}")
        if not equal(scanned[1:], self.theirs + self.ours):
            raise FingerprintMismatch("the fingerprint is of another pair of identities")

    def __str__(self) -> str:
        return self.digits


def _half(identity: IdentityKey, address: bytes) -> bytes:
    if type(identity) is not IdentityKey:
        raise UsageError(f"a fingerprint is of two IdentityKey, not {type(identity).__name__}")
    require_address(address, "address")
    keys = identity.signing + identity.agreement
    digest = sha512(HASH_FINGERPRINT, u8(FINGERPRINT_VERSION) + lp(address) + keys)
    for _ in range(FINGERPRINT_ITERATIONS - 1):
        digest = sha512(HASH_FINGERPRINT, digest + keys)
    return digest[:_HALF_LENGTH]


def _half_digits(half: bytes) -> str:
    chunks = (half[i * _BYTES_PER_GROUP : (i + 1) * _BYTES_PER_GROUP] for i in range(_GROUPS_PER_HALF))
    return " ".join(f"{int.from_bytes(chunk, 'big') % _GROUP_MODULUS:05d}" for chunk in chunks)
