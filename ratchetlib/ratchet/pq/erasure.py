"""The erasure code that carries a post-quantum key or ciphertext in chunks.

Systematic Reed-Solomon over GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1 (0x11D), in Lagrange form: for each of the
96 byte positions there is one polynomial of degree below k that takes the byte of data chunk i at the point i, for
i = 0..k-1, and chunk i is its value at the point i, for every i. An index is the field element with the same
bits, addition and subtraction are XOR, and k points fix such a polynomial: any k distinct chunks rebuild the data.
The source is the interpolation of Reed and Solomon (1960); the barycentric form is Berrut and Trefethen's (2004).

Erasures only: a false chunk gives false data, and it is the hash or the confirmation in the stream that finds out.

Nothing here is constant-time, nor need it be: chunks are pieces of an ML-KEM public key and its hash, or of a
ciphertext and the one-way confirmation of its secret. All of these are public values, which the header's encryption
hides only so that idle and busy traffic look alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ratchetlib.errors import UsageError
from ratchetlib.wire import require_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHUNK_LENGTH: Final = 96
"""Bytes of a chunk. A key and its hash (1,184 + 32 bytes) take 13, a ciphertext and its confirmation (1,088 + 32)
take 12. Chunks of 32 bytes would save 64 bytes a header and cost three times the messages, 38 and 35, to heal."""

_FIELD_SIZE: Final = 256
_FIELD_POLYNOMIAL: Final = 0x11D


class Encoder:
    """The chunks of one stream. Parity is made once: on a long one-way run it would be the largest cost of a send.

    What is remembered follows from the stream, so successive states share one encoder.

    Attributes:
        stream: the data, k times 96 bytes.
    """

    __slots__ = ("_parity", "_weighted", "stream")

    def __init__(self, stream: bytes) -> None:
        """Take a stream of 1 to 256 times 96 bytes; `UsageError` for anything else."""
        require_bytes(stream, "a stream", minimum=CHUNK_LENGTH, maximum=_FIELD_SIZE * CHUNK_LENGTH)
        if len(stream) % CHUNK_LENGTH:
            raise UsageError(f"a stream is whole chunks of {CHUNK_LENGTH} bytes")
        self.stream = stream
        self._parity: dict[int, bytes] = {}
        self._weighted: dict[int, bytes] | None = None

    def chunk(self, index: int) -> bytes:
        """The chunk at one index, 0 to 255: below k a piece of the stream, else parity. 96 bytes.

        Raises:
            UsageError: `index` is another number.
        """
        _require_integer(index, "a chunk index", 0, _FIELD_SIZE - 1)
        start = index * CHUNK_LENGTH
        if start < len(self.stream):
            return self.stream[start : start + CHUNK_LENGTH]
        if index not in self._parity:
            if self._weighted is None:
                self._weighted = _weigh(dict(enumerate(_split(self.stream))))
            self._parity[index] = _interpolate(self._weighted, index)
        return self._parity[index]


def decode(chunks: Mapping[int, bytes], k: int) -> bytes:
    """The stream, from any k or more chunks of one encoding.

    Args:
        chunks: at least k chunks of 96 bytes by their indices, 0 to 255. The k of lowest index are used.
        k: how many data chunks there are, 1 to 256.

    Returns:
        k times 96 bytes.

    Raises:
        UsageError: an argument is outside these bounds. What a peer sends is checked before it gets here.
    """
    _require_chunks(chunks, k)
    # Data chunks have the lowest indices: those that are present are always among the k, and taken as they are.
    used = {index: chunks[index] for index in sorted(chunks)[:k]}
    weighted = _weigh(used) if max(used) >= k else {}
    return b"".join(used[i] if i in used else _interpolate(weighted, i) for i in range(k))


def _split(stream: bytes) -> list[bytes]:
    return [stream[start : start + CHUNK_LENGTH] for start in range(0, len(stream), CHUNK_LENGTH)]


def _weigh(chunks: Mapping[int, bytes]) -> dict[int, bytes]:
    """Each chunk times its barycentric weight, 1 / prod(point - other point): the same for every x."""
    return {
        point: chunk.translate(_TIMES[_INVERSE[_product(point ^ other for other in chunks if other != point)]])
        for point, chunk in chunks.items()
    }


def _interpolate(weighted: Mapping[int, bytes], x: int) -> bytes:
    """The polynomial's value at x, none of the points: prod(x - point) * sum(weighted chunk / (x - point))."""
    total = 0
    for point, chunk in weighted.items():
        total ^= int.from_bytes(chunk.translate(_TIMES[_INVERSE[x ^ point]]), "big")
    return total.to_bytes(CHUNK_LENGTH, "big").translate(_TIMES[_product(x ^ point for point in weighted)])


def _product(factors: Iterable[int]) -> int:
    """The product of field elements."""
    product = 1
    for factor in factors:
        product = _TIMES[product][factor]
    return product


def _multiplication_tables() -> tuple[bytes, ...]:
    """A table for each constant c, 256 bytes long: what `bytes.translate` needs to multiply a chunk by c."""
    double = bytes((b << 1) ^ (b >> 7) * _FIELD_POLYNOMIAL for b in range(_FIELD_SIZE))
    tables = [bytes(_FIELD_SIZE)] * _FIELD_SIZE
    table = bytes(range(_FIELD_SIZE))
    # The element 2 is primitive modulo 0x11D: its powers are all the constants but zero.
    for _ in range(_FIELD_SIZE - 1):
        tables[table[1]] = table
        table = table.translate(double)
    return tuple(tables)


_TIMES: Final = _multiplication_tables()
_INVERSE: Final = bytes([0, *(table.index(1) for table in _TIMES[1:])])
"""The element whose product with the index is one; zero has none."""


def _require_chunks(chunks: Mapping[int, bytes], k: int) -> None:
    _require_integer(k, "the number of data chunks", 1, _FIELD_SIZE)
    if len(chunks) < k:
        raise UsageError(f"{k} chunks are needed, there are {len(chunks)}")
    for index, chunk in chunks.items():
        _require_integer(index, "a chunk index", 0, _FIELD_SIZE - 1)
        require_bytes(chunk, "a chunk", minimum=CHUNK_LENGTH, maximum=CHUNK_LENGTH)


def _require_integer(value: object, name: str, minimum: int, maximum: int) -> None:
    if type(value) is not int or not minimum <= value <= maximum:
        raise UsageError(f"{name} must be an integer from {minimum} to {maximum}")
