"""Under which limits the code runs: the library's own, or small ones, so that few messages reach what they bound."""

from __future__ import annotations

import hashlib
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple
from unittest.mock import patch

from ratchetlib import limits, ratchet
from ratchetlib.errors import InvalidKey
from ratchetlib.keys import KemPublicKey, KemSecret, KemSeed
from ratchetlib.primitives.random import random_bytes
from ratchetlib.ratchet import chains, codec, skipped
from ratchetlib.ratchet.pq import codec as pq_codec
from ratchetlib.ratchet.pq import machine, streams
from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH, Code

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECKED: Final = 64
"""Bytes of a stream beside the key or the ciphertext: its check and its zeros."""


class ToyKem:
    """A KEM without any secrecy, whose keys and ciphertexts fill as many chunks as asked for."""

    name: Final = "toy"

    def __init__(self, key_chunks: int, answer_chunks: int) -> None:
        self.public_key_length = key_chunks * CHUNK_LENGTH - _CHECKED
        self.ciphertext_length = answer_chunks * CHUNK_LENGTH - _CHECKED

    def generate(self) -> KemSeed:
        return KemSeed(random_bytes(KemSeed.LENGTH))

    def public_key(self, seed: KemSeed) -> KemPublicKey:
        return KemPublicKey(hashlib.shake_256(b"key" + seed.raw).digest(self.public_key_length))

    def parse_public_key(self, raw: bytes) -> KemPublicKey:
        if len(raw) != self.public_key_length:
            raise InvalidKey("another length")
        return KemPublicKey(raw)

    def encapsulate(self, public: KemPublicKey) -> tuple[KemSecret, bytes]:
        ciphertext = hashlib.shake_256(b"ciphertext" + public).digest(self.ciphertext_length)
        return self._secret(public, ciphertext), ciphertext

    def decapsulate(self, seed: KemSeed, ciphertext: bytes) -> KemSecret:
        return self._secret(self.public_key(seed), ciphertext)

    @staticmethod
    def _secret(public: bytes, ciphertext: bytes) -> KemSecret:
        return KemSecret(hashlib.sha256(b"secret" + public + ciphertext).digest())


class Setting(NamedTuple):
    """The limits, by the names that the model has for them; by default the library's own.

    Attributes:
        max_skip: keys that one message may make a receiver skip.
        max_stored: skipped keys that a device stores.
        max_closed: receiving chains that it keeps beside the newest.
        key_chunks: chunks that rebuild a post-quantum key.
        answer_chunks: chunks that rebuild a ciphertext.
        points: chunks that there are of each.
    """

    max_skip: int = limits.MAX_SKIP
    max_stored: int = limits.MAX_STORED_SKIPPED
    max_closed: int = limits.MAX_CLOSED_CHAINS
    key_chunks: int = streams.KEY_CODE.k
    answer_chunks: int = streams.CIPHERTEXT_CODE.k
    points: int = limits.MAX_CHUNKS

    @property
    def constants(self) -> dict[str, int]:
        """As the model's constants."""
        return {"".join(word.capitalize() for word in name.split("_")): value for name, value in self._asdict().items()}

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the library has these limits, and a toy KEM if the numbers of chunks are not its own."""
        with ExitStack() as stack:
            for owner, name, value in self._replacements():
                stack.enter_context(patch.object(owner, name, value))
            yield

    def _replacements(self) -> Iterator[tuple[object, str, object]]:
        for owner in (chains, sys.modules[ratchet.decrypt.__module__]):  # the package exports the function
            yield owner, "MAX_SKIP", self.max_skip
        for owner in (skipped, codec):
            yield owner, "MAX_STORED_SKIPPED", self.max_stored
            yield owner, "MAX_CLOSED_CHAINS", self.max_closed
        if self.chunking != LIBRARY.chunking:
            yield from self._chunk_replacements()

    @property
    def chunking(self) -> tuple[int, int, int]:
        return self.key_chunks, self.answer_chunks, self.points

    def _chunk_replacements(self) -> Iterator[tuple[object, str, object]]:
        kem = ToyKem(self.key_chunks, self.answer_chunks)
        for owner in (machine, streams, pq_codec):
            yield owner, "ML_KEM_768", kem
        for owner in (machine, pq_codec):
            yield owner, "MAX_CHUNKS", self.points
        for owner in (streams, pq_codec):
            yield owner, "KEY_CODE", Code(self.key_chunks, self.points)
            yield owner, "CIPHERTEXT_CODE", Code(self.answer_chunks, self.points)


LIBRARY: Final = Setting()
"""The limits that the library has."""

SHORT_EPOCHS: Final = Setting(key_chunks=1, answer_chunks=1, points=2)
"""One chunk brings a key and one a ciphertext: four messages can complete a post-quantum epoch."""

CHUNKED_EPOCHS: Final = Setting(key_chunks=2, answer_chunks=2, points=3)
"""Two chunks out of three: all orders of collecting, of repeated and of parity chunks."""

TIGHT: Final = Setting(max_skip=2, max_stored=2, max_closed=1)
"""Every limit on skipped keys and chains is reached."""

TIGHT_EPOCHS: Final = Setting(max_skip=1, max_stored=1, max_closed=1, key_chunks=1, answer_chunks=1, points=1)
"""Both at once."""
