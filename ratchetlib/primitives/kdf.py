"""Hashing and key derivation: SHA-512, HKDF-SHA-512 (RFC 5869), keyed BLAKE2b-512 (RFC 7693).

HKDF serves where keys of different origin meet (handshake, root step); keyed BLAKE2b with a personalisation, as
libsodium's `crypto_kdf` uses it, the steps of each message, at a third of the cost of HMAC-SHA-512.
"""

from __future__ import annotations

import hashlib
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ratchetlib.keys import ChainKey, MessageKey
from ratchetlib.labels import PERSON_CHAIN_STEP
from ratchetlib.wire import lp

HASH_LENGTH: Final = 64
NO_SALT: Final = bytes(HASH_LENGTH)
"""64 zero bytes: what RFC 5869 puts where there is no salt, written out so that it has one encoding."""

_SHA512: Final = hashes.SHA512()


def sha512(label: bytes, data: bytes) -> bytes:
    """SHA-512(LP(label) || data), 64 bytes."""
    return hashlib.sha512(lp(label) + data).digest()


def hkdf(*, salt: bytes, secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """HKDF-SHA-512 of `secret` with info = LP(label) || context, `length` bytes.

    Salts are 32 or 64 bytes: HMAC pads them to a block with zeros, so salts of varying length could collide.
    """
    return HKDF(_SHA512, length, salt, lp(label) + context).derive(secret)


def chain_step(chain_key: ChainKey) -> tuple[ChainKey, MessageKey]:
    """KDF_CK: the next chain key and the message key, the two halves of one keyed BLAKE2b-512.

    Source: Double Ratchet specification, section 3.1; the construction is libsodium's `crypto_kdf`.
    """
    derived = hashlib.blake2b(key=chain_key.raw, person=PERSON_CHAIN_STEP).digest()
    return ChainKey(derived[:32]), MessageKey(derived[32:])


def keyed_blake2b(*, key: bytes, person: bytes, data: bytes) -> bytes:
    """Keyed BLAKE2b-512: `key` is 32 bytes, `person` 16; 64 bytes out."""
    return hashlib.blake2b(data, key=key, person=person).digest()
