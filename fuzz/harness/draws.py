"""Randomness that follows from nothing but the number of the draw, so that the same input always ends the same way.

The library offers no way to choose its random bytes, and this is none: the module-private source is replaced for the
length of one execution, inside a process that does nothing but fuzz or replay. No check of the library is touched.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Final

from ratchetlib.keys import KemPublicKey, KemSecret, KemSeed
from ratchetlib.primitives import random
from ratchetlib.primitives.kem import ML_KEM_768, ML_KEM_1024, Kem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POOL: Final = 8
"""ML-KEM seeds that come in turn: their keys are expanded once, which a key for each epoch of each run could not be."""


class FixedSource:
    """Stands in for the random source: each draw is a hash of its number and of the scene's name."""

    def __init__(self, scene: bytes = b"") -> None:
        self._scene = scene
        self._draws = 0
        self._seeds = 0

    def draw(self, length: int) -> bytes:
        """What the library calls."""
        if length == KemSeed.LENGTH:
            self._seeds += 1
            return _seed(self._seeds % _POOL)
        self._draws += 1
        return hashlib.shake_128(self._scene + self._draws.to_bytes(4, "big")).digest(length)


@contextmanager
def fixed_draws(scene: bytes = b"") -> Iterator[None]:
    """Inside, the library draws from a fixed stream."""
    kept = random._source, Kem.encapsulate
    random._source = FixedSource(scene)  # type: ignore[assignment]
    Kem.encapsulate = encapsulate  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        random._source, Kem.encapsulate = kept  # type: ignore[method-assign]


def deterministic(one_input: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """A target whose library draws from the same stream in each execution."""

    @wraps(one_input)
    def with_fixed_draws(data: bytes) -> None:
        with fixed_draws():
            one_input(data)

    return with_fixed_draws


def encapsulate(kem: Kem, public: KemPublicKey) -> tuple[KemSecret, bytes]:
    """OpenSSL draws by itself in an encapsulation, so this one derives the ciphertext from the key.

    ML-KEM rejects implicitly: any string of the right length is a ciphertext, and the seed's owner decapsulates it to
    one secret. Here that owner is known, so both sides end with the same secret, as after a real encapsulation.
    """
    raw, ciphertext = _encapsulated(kem.name, public)
    return KemSecret(raw), ciphertext


@lru_cache(maxsize=64)
def _encapsulated(name: str, public: KemPublicKey) -> tuple[bytes, bytes]:
    kem = {kem.name: kem for kem in (ML_KEM_768, ML_KEM_1024)}[name]
    ciphertext = hashlib.shake_128(b"ciphertext" + public).digest(kem.ciphertext_length)
    kem.parse_public_key(public)
    try:
        owner = _owner(kem, public)
    except LookupError:
        return hashlib.shake_128(b"secret" + public).digest(32), ciphertext
    return kem.decapsulate(owner, ciphertext).raw, ciphertext


def _owner(kem: Kem, public: KemPublicKey) -> KemSeed:
    for number in range(_POOL):
        seed = KemSeed(_seed(number))
        if kem.public_key(seed) == public:
            return seed
    raise LookupError("an encapsulation to a key that was not drawn here")


def _seed(number: int) -> bytes:
    return hashlib.shake_128(b"seed" + bytes([number])).digest(KemSeed.LENGTH)
