# ruff: noqa: N806, E741
# The specification's letters and names.
"""Padding (docs/spec/messages.md, "Padding"). A policy gives the padded length p for l = len(plaintext) + 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reference.caller import check_sizes
from reference.refusal import Refusal, require
from reference.wire import zeros

if TYPE_CHECKING:
    from collections.abc import Callable

PADME_FLOOR: Final = 64
MARKER: Final = b"\x80"


def padme(floor: int = PADME_FLOOR) -> Callable[[int], int]:
    check_sizes((floor,))

    def p(l: int) -> int:
        if l <= floor:
            return floor
        E = l.bit_length() - 1  # floor(log2(l))
        S = E.bit_length()  # floor(log2(E)) + 1
        m = 2 ** (E - S) - 1
        return (l + m) & ~m

    return p


def buckets(sizes: tuple[int, ...]) -> Callable[[int], int]:
    check_sizes(sizes)

    def p(l: int) -> int:
        fitting = [size for size in sizes if size >= l]
        require(fitting, "UsageError")
        return fitting[0]

    return p


def no_padding(l: int) -> int:
    return l


def pad(plaintext: bytes, p: int) -> bytes:
    return plaintext + MARKER + zeros(p - len(plaintext) - 1)


def unpad(padded: bytes) -> bytes:
    marked = padded.rstrip(b"\0")
    if not marked.endswith(MARKER):
        raise Refusal("AuthenticationError")
    return marked[:-1]
