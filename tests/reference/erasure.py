"""The erasure code (docs/spec/post-quantum.md, "Erasure code"): polynomials over GF(2^8), by Lagrange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CHUNK: Final = 96
POLYNOMIAL: Final = 0x11D


def _multiply(a: int, b: int) -> int:
    """Shift and add, as the text says it."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a & 0x100:
            a ^= POLYNOMIAL
        b >>= 1
    return product


TIMES: Final = [bytes(_multiply(a, b) for b in range(256)) for a in range(256)]
"""TIMES[a][b] is a * b, so chunk.translate(TIMES[a]) is a times every byte of the chunk."""
INVERSE: Final = [0, *(row.index(1) for row in TIMES[1:])]


def chunk(stream: bytes, index: int) -> bytes:
    """Chunk `index` of a stream; the first ones are the stream itself."""
    data = {i: stream[i * CHUNK : (i + 1) * CHUNK] for i in range(len(stream) // CHUNK)}
    return data[index] if index in data else _interpolate(data, index)


def decode(chunks: Mapping[int, bytes]) -> bytes:
    """The stream from exactly k chunks."""
    return b"".join(chunks[x] if x in chunks else _interpolate(chunks, x) for x in range(len(chunks)))


def _interpolate(points: Mapping[int, bytes], x: int) -> bytes:
    """P(x), at all positions of a chunk at once."""
    total = 0
    for j, y in points.items():
        basis = 1
        for m in points:
            if m != j:
                basis = TIMES[basis][TIMES[x ^ m][INVERSE[j ^ m]]]
        total ^= int.from_bytes(y.translate(TIMES[basis]), "big")
    return total.to_bytes(CHUNK, "big")
