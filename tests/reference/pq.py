# ruff: noqa: N802
# The specification's letters and names.
"""The post-quantum ratchet (docs/spec/post-quantum.md)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from reference import erasure
from reference.primitives import (
    HASH,
    HASH_PQ_EXCHANGE,
    HASH_PQ_KEY,
    HKDF,
    KDF_PQ_SECRET,
    check_kem,
    decapsulate,
    kem_public,
)
from reference.refusal import Refusal, require
from reference.wire import u32, zeros

if TYPE_CHECKING:
    from reference.primitives import Draws

IDLE, CARRYING, READY, COLLECTING, HAS_KEY, ANSWERING = range(6)
NOTHING, KEY, CIPHERTEXT = range(3)
"""The chunk kinds."""
KEY_CHUNKS: Final = 13
CIPHERTEXT_CHUNKS: Final = 12
MAX_CHUNKS: Final = 64
KEM: Final = "ML-KEM-768"


@dataclass(frozen=True)
class Chunk:
    """The last three fields of a header."""

    kind: int
    index: int
    data: bytes


NO_CHUNK: Final = Chunk(NOTHING, 0, zeros(erasure.CHUNK))


@dataclass
class PQ:
    """The state of the machine; what a phase does not hold is empty."""

    session_id: bytes
    epoch: int
    phase: int
    index: int = 0
    seed: bytes = b""
    stream: bytes = b""
    secret: bytes = b""
    key: bytes = b""
    collected: dict[int, bytes] = field(default_factory=dict)

    def enter(
        self, phase: int, *, seed: bytes = b"", stream: bytes = b"", secret: bytes = b"", key: bytes = b""
    ) -> None:
        """The next phase, with what it holds; everything of the phase before is destroyed."""
        self.phase, self.seed, self.stream, self.secret, self.key = phase, seed, stream, secret, key
        self.index, self.collected = 0, {}

    # --- Transitions, as functions -------------------------------------------------------------------

    def OPENS_CHAIN(self, draws: Draws) -> bytes | None:
        if self.phase == IDLE:
            seed = draws.draw(64)
            self.enter(CARRYING, seed=seed, stream=key_stream(kem_public(KEM, seed)))
        elif self.phase == HAS_KEY:
            ss, ciphertext = draws.encapsulate(KEM, self.key)
            secret, confirmation = self.secret_and_confirmation(self.key, ciphertext, ss)
            self.enter(ANSWERING, secret=secret, stream=ciphertext + confirmation + zeros(32))
        elif self.phase == READY:
            secret = self.secret
            self.epoch += 1
            self.enter(COLLECTING)
            return secret
        return None

    def NEXT_CHUNK(self) -> Chunk:
        if self.phase not in {CARRYING, ANSWERING}:
            return NO_CHUNK
        kind = KEY if self.phase == CARRYING else CIPHERTEXT
        chunk = Chunk(kind, self.index, erasure.chunk(self.stream, self.index))
        self.index = (self.index + 1) % MAX_CHUNKS
        return chunk

    def JOIN_EPOCH(self, e: int) -> bytes | None:
        if e == self.epoch:
            return None
        require(e == self.epoch + 1 and self.phase == ANSWERING, "ProtocolViolation")
        secret = self.secret
        self.epoch = e
        self.enter(IDLE)
        return secret

    def ABSORB(self, pq_epoch: int, chunk: Chunk) -> None:
        if pq_epoch != self.epoch:
            return
        if self.phase == CARRYING and chunk.kind == CIPHERTEXT:
            self.collect(chunk)
            if len(self.collected) == CIPHERTEXT_CHUNKS:
                self.read_ciphertext()
        elif self.phase == COLLECTING and chunk.kind == KEY:
            self.collect(chunk)
            if len(self.collected) == KEY_CHUNKS:
                self.read_key()

    # --- Collecting ----------------------------------------------------------------------------------

    def collect(self, chunk: Chunk) -> None:
        if self.collected.get(chunk.index, chunk.data) != chunk.data:
            self.collected = {}
        self.collected[chunk.index] = chunk.data

    def read_key(self) -> None:
        stream = erasure.decode(self.collected)
        key = stream[:1184]
        try:
            require(stream == key_stream(key), "InvalidKey")
            check_kem(KEM, key)
        except Refusal:
            self.collected = {}
        else:
            self.enter(HAS_KEY, key=key)

    def read_ciphertext(self) -> None:
        stream = erasure.decode(self.collected)
        key, ciphertext = self.stream[:1184], stream[:1088]
        ss = decapsulate(KEM, self.seed, ciphertext)
        secret, confirmation = self.secret_and_confirmation(key, ciphertext, ss)
        if hmac.compare_digest(stream[1088:], confirmation + zeros(32)):
            self.enter(READY, secret=secret)
        else:
            self.collected = {}

    def secret_and_confirmation(self, key: bytes, ciphertext: bytes, ss: bytes) -> tuple[bytes, bytes]:
        exchange = HASH(HASH_PQ_EXCHANGE, key + ciphertext)
        okm = HKDF(zeros(64), ss, KDF_PQ_SECRET, self.session_id + u32(self.epoch + 1) + exchange, 64)
        return okm[:32], okm[32:]


def key_stream(key: bytes) -> bytes:
    return key + HASH(HASH_PQ_KEY, key)[:32] + zeros(32)


def owner_is_initiator(epoch: int) -> bool:
    """Of the exchange in progress, number epoch + 1: the initiator owns the odd ones."""
    return epoch % 2 == 0
