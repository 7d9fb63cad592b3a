"""The post-quantum ratchet's part of a session's sealed state.

    epochs completed 4 || next point 1 || phase 1 || of that phase:
        0 Idle        nothing
        1 Carrying    seed 64 || key stream 1,248 || collected
        2 Ready       secret 32
        3 Collecting  collected
        4 HasKey      key 1,184
        5 Answering   secret 32 || ciphertext stream 1,152
    collected = count 1 || chunks: point 1 || data 96, ascending

The state holds the seed of a key, never the expanded key.
"""

from __future__ import annotations

from enum import IntEnum
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from ratchetlib.errors import InvalidKey
from ratchetlib.keys import KemSeed, PqSecret
from ratchetlib.limits import MAX_CHUNKS
from ratchetlib.primitives.kem import ML_KEM_768
from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH, Code, Encoder
from ratchetlib.ratchet.pq.states import Answering, Carrying, Collecting, HasKey, Idle, PqState, Ready
from ratchetlib.ratchet.pq.streams import CIPHERTEXT_CODE, KEY_CODE
from ratchetlib.wire import u8, u32

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ratchetlib.ratchet.pq.states import Phase
    from ratchetlib.wire import Reader

_Key = TypeVar("_Key")


class _Tag(IntEnum):
    IDLE = 0
    CARRYING = 1
    READY = 2
    COLLECTING = 3
    HAS_KEY = 4
    ANSWERING = 5


def encode(state: PqState) -> bytes:
    """The canonical encoding."""
    return u32(state.epoch) + u8(state.point) + _encode_phase(state.phase)


def decode(reader: Reader, *, initiator: bool) -> PqState:
    """Read what `encode` wrote for this role; the reader's error for anything else."""
    epoch, point = reader.u32(), reader.u8()
    phase = _decode_phase(reader)
    owner = isinstance(phase, Idle | Carrying | Ready)
    if owner != (initiator == (epoch % 2 == 0)):
        raise reader.refuse("a post-quantum phase of the other role")
    if point >= MAX_CHUNKS or (point and not isinstance(phase, Carrying | Answering)):
        raise reader.refuse("a next chunk that cannot be")
    return PqState(epoch, phase, point)


def _encode_phase(phase: Phase) -> bytes:
    match phase:
        case Idle():
            return u8(_Tag.IDLE)
        case Carrying(seed, encoder, collected):
            return u8(_Tag.CARRYING) + seed.raw + encoder.stream + _encode_collected(collected)
        case Ready(secret):
            return u8(_Tag.READY) + secret.raw
        case Collecting(collected):
            return u8(_Tag.COLLECTING) + _encode_collected(collected)
        case HasKey(key):
            return u8(_Tag.HAS_KEY) + key
        case Answering(secret, encoder):
            return u8(_Tag.ANSWERING) + secret.raw + encoder.stream


def _decode_phase(reader: Reader) -> Phase:
    match reader.u8():
        case _Tag.IDLE:
            return Idle()
        case _Tag.CARRYING:
            seed = KemSeed(reader.take(KemSeed.LENGTH))
            return Carrying(seed, _decode_encoder(reader, KEY_CODE), _decode_collected(reader, CIPHERTEXT_CODE))
        case _Tag.READY:
            return Ready(PqSecret(reader.take(PqSecret.LENGTH)))
        case _Tag.COLLECTING:
            return Collecting(_decode_collected(reader, KEY_CODE))
        case _Tag.HAS_KEY:
            return HasKey(read_key(reader, ML_KEM_768.public_key_length, ML_KEM_768.parse_public_key))
        case _Tag.ANSWERING:
            secret = PqSecret(reader.take(PqSecret.LENGTH))
            return Answering(secret, _decode_encoder(reader, CIPHERTEXT_CODE))
        case phase:
            raise reader.refuse(f"no post-quantum phase {phase}")


def read_key(reader: Reader, length: int, parse: Callable[[bytes], _Key]) -> _Key:
    """A public key that the next send computes with: if it is none, opening the session fails, and not that send."""
    raw = reader.take(length)
    try:
        return parse(raw)
    except InvalidKey:
        pass
    raise reader.refuse("a peer's public key that is none")


def _decode_encoder(reader: Reader, code: Code) -> Encoder:
    return Encoder(code, reader.take(code.k * CHUNK_LENGTH))


def _encode_collected(collected: Mapping[int, bytes]) -> bytes:
    chunks = (u8(point) + collected[point] for point in sorted(collected))
    return u8(len(collected)) + b"".join(chunks)


def _decode_collected(reader: Reader, code: Code) -> Mapping[int, bytes]:
    count = reader.u8()
    if count >= code.k:
        raise reader.refuse("a set of chunks that would be complete")
    collected = {reader.u8(): reader.take(CHUNK_LENGTH) for _ in range(count)}
    points = [-1, *collected, MAX_CHUNKS]
    if len(collected) != count or any(low >= high for low, high in pairwise(points)):
        raise reader.refuse("chunks out of order")
    return collected
