"""Chunks on their way out and in."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH

if TYPE_CHECKING:
    from collections.abc import Mapping


class ChunkKind(IntEnum):
    """What a header's chunk is of."""

    NONE = 0
    KEY = 1
    CIPHERTEXT = 2


class Chunk(NamedTuple):
    """One chunk as a header carries it.

    Attributes:
        kind: a `ChunkKind`, unless a hostile peer wrote another number.
        point: the chunk index of the header: its evaluation point, 0 to 63.
        data: 96 bytes.
    """

    kind: int
    point: int
    data: bytes


NO_CHUNK: Final = Chunk(ChunkKind.NONE, 0, bytes(CHUNK_LENGTH))
"""What a header carries when there is nothing to carry: idle and busy look alike."""


def collect(collected: Mapping[int, bytes], chunk: Chunk) -> Mapping[int, bytes]:
    """The set with one more chunk. A chunk that contradicts the set begins a new one: one of the two was false."""
    known = collected.get(chunk.point)
    if known is not None and known != chunk.data:
        return {chunk.point: chunk.data}
    return {**collected, chunk.point: chunk.data}
