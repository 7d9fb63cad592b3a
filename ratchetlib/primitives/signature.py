"""Ed25519 (RFC 8032), over libsodium only: OpenSSL accepts forgeries under small-order public keys."""

from __future__ import annotations

from typing import Final

import nacl.bindings
import nacl.exceptions

from ratchetlib.errors import InvalidKey
from ratchetlib.keys import SigningPublicKey, SigningSeed
from ratchetlib.primitives.random import random_bytes
from ratchetlib.wire import lp

PUBLIC_KEY_LENGTH: Final = 32
SIGNATURE_LENGTH: Final = 64


def generate() -> SigningSeed:
    """A fresh private key; `RandomnessError` if the random source has failed."""
    return SigningSeed(random_bytes(SigningSeed.LENGTH))


def public_key(seed: SigningSeed) -> SigningPublicKey:
    """The public key of a private one."""
    return SigningPublicKey(nacl.bindings.crypto_sign_seed_keypair(seed.raw)[0])


def parse_public_key(raw: bytes) -> SigningPublicKey:
    """Check 32 bytes from outside.

    Raises:
        InvalidKey: another type or length, or not the canonical encoding of a point of the prime-order subgroup
            (under other keys one signature can fit many messages).
    """
    if type(raw) is not bytes or len(raw) != PUBLIC_KEY_LENGTH:
        raise InvalidKey(f"an Ed25519 public key is {PUBLIC_KEY_LENGTH} bytes")
    if not nacl.bindings.crypto_core_ed25519_is_valid_point(raw):
        raise InvalidKey("an Ed25519 public key must be a point of the prime-order subgroup")
    return SigningPublicKey(raw)


def sign(seed: SigningSeed, label: bytes, data: bytes) -> bytes:
    """The 64-byte signature of LP(label) || data. There is no way to sign bytes without a label."""
    signed = nacl.bindings.crypto_sign(lp(label) + data, nacl.bindings.crypto_sign_seed_keypair(seed.raw)[1])
    return signed[:SIGNATURE_LENGTH]


def verifies(public: SigningPublicKey, label: bytes, data: bytes, signature: bytes) -> bool:
    """Whether the signature is that key's for LP(label) || data.

    A bool, for the caller to raise what fits what was signed. A signature of another length never verifies.
    """
    if type(public) is not bytes or len(public) != PUBLIC_KEY_LENGTH or len(signature) != SIGNATURE_LENGTH:
        return False
    try:
        nacl.bindings.crypto_sign_open(signature + lp(label) + data, public)
    except nacl.exceptions.CryptoError:
        return False
    return True
