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
    from collections.abc import Collection, Iterable, Mapping

CHUNK_LENGTH: Final = 96
"""Bytes of a chunk. A key and its hash (1,184 + 32 bytes) take 13, a ciphertext and its confirmation (1,088 + 32)
take 12. Chunks of 32 bytes would save 64 bytes a header and cost three times the messages, 38 and 35, to heal."""

_FIELD_SIZE: Final = 256
_FIELD_POLYNOMIAL: Final = 0x11D


class Code:
    """The code for streams of k chunks.

    Attributes:
        k: how many chunks rebuild a stream.
        points: how many different chunks there are.
    """

    __slots__ = ("_parity_rows", "k", "points")

    def __init__(self, k: int, points: int) -> None:
        """Lay out a code: 1 <= k <= points <= 256; `UsageError` otherwise."""
        _require_integer(points, "the number of points", 1, _FIELD_SIZE)
        _require_integer(k, "the number of data chunks", 1, points)
        self.k = k
        self.points = points
        # Constants of the code, so that a parity chunk costs k multiplications and nothing else.
        self._parity_rows = _bases(range(k), range(k, points))

    def chunk(self, stream: bytes, index: int) -> bytes:
        """The chunk of a stream at one point: below k a piece of it, else parity. 96 bytes.

        Raises:
            UsageError: `stream` is not k times 96 bytes, or `index` is no point of this code.
        """
        require_bytes(stream, "a stream", minimum=self.k * CHUNK_LENGTH, maximum=self.k * CHUNK_LENGTH)
        _require_integer(index, "a chunk index", 0, self.points - 1)
        start = index * CHUNK_LENGTH
        if index < self.k:
            return stream[start : start + CHUNK_LENGTH]
        data = (stream[i : i + CHUNK_LENGTH] for i in range(0, len(stream), CHUNK_LENGTH))
        return _combine(data, self._parity_rows[index - self.k])

    def decode(self, chunks: Mapping[int, bytes]) -> bytes:
        """The stream, k times 96 bytes, from k or more of its chunks by their points; the k lowest points are used.

        Raises:
            UsageError: there are fewer, or one is no chunk of this code. What a peer sends is checked before.
        """
        if len(chunks) < self.k:
            raise UsageError(f"{self.k} chunks are needed, there are {len(chunks)}")
        for index, chunk in chunks.items():
            _require_integer(index, "a chunk index", 0, self.points - 1)
            require_bytes(chunk, "a chunk", minimum=CHUNK_LENGTH, maximum=CHUNK_LENGTH)
        # Data chunks have the lowest points: those that are present are always among the k, and taken as they are.
        used = {index: chunks[index] for index in sorted(chunks)[: self.k]}
        missing = [x for x in range(self.k) if x not in used]
        rebuilt = dict(zip(missing, _bases(used, missing), strict=True))
        return b"".join(used[x] if x in used else _combine(used.values(), rebuilt[x]) for x in range(self.k))


class Encoder:
    """The chunks of one stream, each made once: on a long one-way run parity would be the largest cost of a send.

    What is remembered follows from the stream, so successive states share one encoder.

    Attributes:
        stream: k times 96 bytes.
    """

    __slots__ = ("_code", "_parity", "stream")

    def __init__(self, code: Code, stream: bytes) -> None:
        """Take a stream of that code."""
        self._code = code
        self._parity: dict[int, bytes] = {}
        self.stream = stream

    def chunk(self, index: int) -> bytes:
        """The chunk at one point, 96 bytes; as `Code.chunk`."""
        chunk = self._parity.get(index)
        if chunk is None:
            chunk = self._code.chunk(self.stream, index)
            if index >= self._code.k:
                self._parity[index] = chunk
        return chunk


def _combine(chunks: Iterable[bytes], factors: Iterable[int]) -> bytes:
    """The sum of the chunks, each times its factor."""
    total = 0
    for chunk, factor in zip(chunks, factors, strict=True):
        total ^= int.from_bytes(chunk.translate(_TIMES[factor]), "big")
    return total.to_bytes(CHUNK_LENGTH, "big")


def _bases(points: Collection[int], xs: Iterable[int]) -> list[bytes]:
    """For each x, which is none of the points, their Lagrange basis there.

    prod(x - other) / prod(point - other) over the other points, for each point in turn. In barycentric form:
    prod(x - point) over all points, times the point's weight, divided by (x - point).
    """
    weights = [_INVERSE[_product(point ^ other for other in points if other != point)] for point in points]
    rows = []
    for x in xs:
        scale = _TIMES[_product(x ^ point for point in points)]
        quotients = (_TIMES[weight][_INVERSE[x ^ point]] for point, weight in zip(points, weights, strict=True))
        rows.append(bytes(quotients).translate(scale))
    return rows


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


def _require_integer(value: object, name: str, minimum: int, maximum: int) -> None:
    if type(value) is not int or not minimum <= value <= maximum:
        raise UsageError(f"{name} must be an integer from {minimum} to {maximum}")
