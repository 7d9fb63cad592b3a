"""X25519 (RFC 7748), over libsodium.

PyNaCl's `crypto_scalarmult` checks no length and reads out of bounds, so nothing reaches it but exact 32-byte values.
"""

from __future__ import annotations

from typing import Final

import nacl.bindings
import nacl.exceptions

from ratchetlib.errors import InvalidKey
from ratchetlib.keys import DhPrivateKey, DhPublicKey, DhSecret
from ratchetlib.primitives.compare import equal
from ratchetlib.primitives.random import random_bytes

PUBLIC_KEY_LENGTH: Final = 32
_FIELD_PRIME: Final = 2**255 - 19
_ZERO: Final = bytes(32)
_ZERO_SCALAR_KEY: Final = bytes.fromhex("2fe57da347cd62431528daac5fbb290730fff684afc4cfc2ed90995f58cb3b74")
"""The public key of the all-zero scalar, which libraries clamp and take: everybody holds its private key."""

_SMALL_ORDER: Final = frozenset(
    u.to_bytes(32, "little")
    for u in (
        0,
        1,
        0xB8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
        0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
        _FIELD_PRIME - 1,
    )
)
"""The canonical u of every point of order 1, 2, 4 or 8 on the curve and its twist: all agreements are zero."""


def generate() -> DhPrivateKey:
    """A fresh private key; `RandomnessError` if the random source has failed."""
    return DhPrivateKey(random_bytes(DhPrivateKey.LENGTH))


def public_key(private: DhPrivateKey) -> DhPublicKey:
    """The public key of a private one: X25519(private, 9)."""
    return DhPublicKey(nacl.bindings.crypto_scalarmult_base(private.raw))


def parse_public_key(raw: bytes) -> DhPublicKey:
    """Check 32 bytes from outside.

    Only the canonical encoding of u < p passes: X25519 itself would take u + p and u with the top bit set as aliases
    of the same key, and an alias slips past whatever compares key bytes (libsignal refuses them too).

    Raises:
        InvalidKey: another type or length, not canonical, of small order, or of the all-zero scalar.
    """
    if type(raw) is not bytes or len(raw) != PUBLIC_KEY_LENGTH:
        raise InvalidKey(f"an X25519 public key is {PUBLIC_KEY_LENGTH} bytes")
    if int.from_bytes(raw, "little") >= _FIELD_PRIME:
        raise InvalidKey("an X25519 public key must be canonical")
    if raw == _ZERO_SCALAR_KEY:
        raise InvalidKey("an X25519 public key must not be that of the all-zero scalar")
    if raw in _SMALL_ORDER:
        raise InvalidKey("an X25519 public key must not have small order")
    return DhPublicKey(raw)


def agree(private: DhPrivateKey, public: DhPublicKey) -> DhSecret:
    """X25519(private, public), 32 bytes.

    Raises:
        InvalidKey: the result is all zero (RFC 7748 section 6.1). No parsed key gets here; this is the second line.
    """
    # A DhPublicKey has passed parse_public_key; type and length decide about memory safety, so they are checked again.
    if type(public) is not bytes or len(public) != PUBLIC_KEY_LENGTH:
        raise InvalidKey(f"an X25519 public key is {PUBLIC_KEY_LENGTH} bytes")
    secret = _scalar_multiply(private, public)
    if secret is None:
        raise InvalidKey("an X25519 public key must not have small order")
    return secret


def _scalar_multiply(private: DhPrivateKey, public: DhPublicKey) -> DhSecret | None:
    try:
        output = nacl.bindings.crypto_scalarmult(private.raw, public)
    except nacl.exceptions.CryptoError:
        return None
    return None if equal(output, _ZERO) else DhSecret(output)
