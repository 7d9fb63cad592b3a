"""An invisible salamander: one ciphertext that ChaCha20-Poly1305 opens under two keys.

Poly1305 is a polynomial modulo 2^130 - 5, so equal tags under two keys are one linear equation in one free block
(Dodis, Grubbs, Ristenpart and Woodage, "Fast Message Franking", 2018).
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

_PRIME: Final = 2**130 - 5
_BLOCK: Final = 2**128
_CLAMP: Final = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF


class _OneTimeKey(NamedTuple):
    r: int
    s: int

    @classmethod
    def of(cls, key: bytes) -> _OneTimeKey:
        """From the first block of the key stream, under the zero nonce (RFC 8439, section 2.6)."""
        stream = Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(32))
        return cls(int.from_bytes(stream[:16], "little") & _CLAMP, int.from_bytes(stream[16:], "little"))

    def accumulate(self, blocks: list[int]) -> int:
        total = 0
        for block in blocks:
            total = (total + block + _BLOCK) * self.r % _PRIME
        return total

    def tag(self, blocks: list[int]) -> int:
        return (self.accumulate(blocks) + self.s) % _BLOCK


def salamander(one_key: bytes, other_key: bytes) -> bytes:
    """48 bytes, ciphertext and tag, that open under both keys with the zero nonce and no associated data."""
    one, other = _OneTimeKey.of(one_key), _OneTimeKey.of(other_key)
    lengths = 32 * 2**64
    # The free block stands second to last, hence its coefficient r^2.
    inverse = pow(one.r**2 - other.r**2, -1, _PRIME)
    for attempt in range(64):
        first = int.from_bytes(hashlib.sha256(bytes([attempt])).digest()[:16], "little")
        difference = other.accumulate([first, 0, lengths]) - one.accumulate([first, 0, lengths]) + other.s - one.s
        for carry in range(-4, 5):
            free = (difference + carry * _BLOCK) * inverse % _PRIME
            blocks = [first, free, lengths]
            if free < _BLOCK and one.tag(blocks) == other.tag(blocks):
                return b"".join(number.to_bytes(16, "little") for number in (first, free, one.tag(blocks)))
    raise AssertionError("no free block fits, and a quarter of all values does")
