"""Generators of bytes that are not random, in the place of `nacl.bindings.randombytes`."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Generator = Callable[[int], bytes]


def stuck(length: int) -> bytes:
    """The same byte for ever."""
    return b"\x5a" * length


def frozen(length: int) -> bytes:
    """A good-looking string, and the same one for each call: a cloned or never reseeded generator."""
    return hashlib.shake_256(b"frozen").digest(length)


class Periodic:
    """A good-looking block, repeated for ever, across calls."""

    def __init__(self, period: int) -> None:
        self._block = hashlib.shake_256(period.to_bytes(4, "big")).digest(period)
        self._position = 0

    def __call__(self, length: int) -> bytes:
        start = self._position
        self._position = (start + length) % len(self._block)
        return (self._block * (2 + length // len(self._block)))[start : start + length]


class Symbols:
    """Bytes that take 2^bits values only."""

    def __init__(self, bits: int, seed: int) -> None:
        self._bits = bits
        self._random = random.Random(seed)

    def __call__(self, length: int) -> bytes:
        return bytes(self._random.getrandbits(self._bits) for _ in range(length))


class Seeded:
    """A statistically perfect generator with a seed that everybody knows."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, length: int) -> bytes:
        return self._random.randbytes(length)
