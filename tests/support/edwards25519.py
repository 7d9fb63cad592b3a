"""Edwards25519 in plain integers: makes the keys and forgeries that no library hands out. Slow, and for tests only."""

from __future__ import annotations

import hashlib
from typing import Final

FIELD_PRIME: Final = 2**255 - 19
GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, FIELD_PRIME) % FIELD_PRIME
_SIGN_BIT: Final = 1 << 255

Point = tuple[int, int]
IDENTITY: Final[Point] = (0, 1)


def add(left: Point, right: Point) -> Point:
    """The affine addition law (RFC 8032, section 5.1.4), complete on this curve."""
    (x1, y1), (x2, y2) = left, right
    product = _D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, FIELD_PRIME) % FIELD_PRIME
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, FIELD_PRIME) % FIELD_PRIME
    return x, y


def multiply(scalar: int, point: Point) -> Point:
    total = IDENTITY
    for bit in f"{scalar:b}":
        total = add(total, total)
        if bit == "1":
            total = add(total, point)
    return total


def encode(point: Point) -> bytes:
    """The canonical encoding."""
    return with_sign(point[1], point[0] & 1)


def with_sign(y: int, sign: int) -> bytes:
    """Any y below 2^255 with any sign: canonical or not."""
    return (y | sign * _SIGN_BIT).to_bytes(32, "little")


def point_of(y: int) -> Point | None:
    """The point with this y and an even x, if there is one."""
    square = (y * y - 1) * pow(_D * y * y + 1, -1, FIELD_PRIME) % FIELD_PRIME
    root = pow(square, (FIELD_PRIME + 3) // 8, FIELD_PRIME)
    for x in (root, root * pow(2, (FIELD_PRIME - 1) // 4, FIELD_PRIME) % FIELD_PRIME):
        if x * x % FIELD_PRIME == square:
            return (FIELD_PRIME - x if x & 1 else x), y
    return None


BASE: Final = point_of(4 * pow(5, -1, FIELD_PRIME) % FIELD_PRIME) or IDENTITY
_Y_OF_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_ORDER_8: Final = point_of(_Y_OF_ORDER_8) or IDENTITY
TORSION: Final = tuple(multiply(n, _ORDER_8) for n in range(8))
"""The eight points of small order; number n is n times a generator."""

NON_CANONICAL_SMALL_ORDER: Final = (
    *(with_sign(y, sign) for y in (FIELD_PRIME, FIELD_PRIME + 1) for sign in (0, 1)),
    with_sign(1, 1),
    with_sign(FIELD_PRIME - 1, 1),
)
"""Six encodings that a lax decoder takes for points of small order: y above p, and a negative zero as x."""

SMALL_ORDER: Final = (*(encode(point) for point in TORSION), *NON_CANONICAL_SMALL_ORDER)
"""All 14 encodings of points of small order."""


def challenge(commitment: bytes, public: bytes, message: bytes) -> int:
    """What RFC 8032, section 5.1.7, calls k."""
    return int.from_bytes(hashlib.sha512(commitment + public + message).digest(), "little") % GROUP_ORDER


def join(commitment: bytes, scalar: int) -> bytes:
    """The 64-byte signature."""
    return commitment + scalar.to_bytes(32, "little")


def plus_group_order(signature: bytes) -> bytes:
    """The same signature with S + L in place of S: satisfies the equation, and RFC 8032 forbids it."""
    return join(signature[:32], int.from_bytes(signature[32:], "little") + GROUP_ORDER)
