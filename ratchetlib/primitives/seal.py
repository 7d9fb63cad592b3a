"""The committing seal: authenticated encryption that names its one key, and survives a key used twice.

With key k, associated data AD and a fresh random 24-byte nonce:

    okm        = keyed BLAKE2b-512(k, person, nonce || AD)
    AEAD key   = okm[:32]
    commitment = okm[32:]
    sealed     = nonce 24 || commitment 32 || ChaCha20-Poly1305(AEAD key, zero nonce, empty AD, plaintext)

A cloned or restored state that uses k again draws another nonce, hence another AEAD key. And since BLAKE2b is collision
resistant, a ciphertext opens under one (k, nonce, AD) only.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from ratchetlib.primitives import aead
from ratchetlib.primitives.compare import equal

if TYPE_CHECKING:
    from ratchetlib.secret import SecretBytes

NONCE_LENGTH: Final = 24
COMMITMENT_LENGTH: Final = 32
OVERHEAD: Final = NONCE_LENGTH + COMMITMENT_LENGTH + aead.TAG_LENGTH


def seal(key: SecretBytes, person: bytes, nonce: bytes, associated_data: bytes, plaintext: bytes) -> bytes:
    """Commitment || ciphertext || tag, for a nonce of 24 fresh random bytes that the caller sends before it."""
    okm = hashlib.blake2b(nonce + associated_data, key=key.raw, person=person).digest()
    return okm[32:] + aead.seal_once(okm[:32], plaintext)


def open_(key: SecretBytes, person: bytes, nonce: bytes, associated_data: bytes, sealed: bytes) -> bytes | None:
    """The plaintext of what `seal` made under these very inputs, or None. Input of any length is taken."""
    okm = hashlib.blake2b(nonce + associated_data, key=key.raw, person=person).digest()
    if not equal(okm[32:], sealed[:COMMITMENT_LENGTH]):
        return None
    return aead.open_once(okm[:32], sealed[COMMITMENT_LENGTH:])
