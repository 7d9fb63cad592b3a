# ruff: noqa: N802
# The specification's letters and names.
"""Conventions (docs/spec/conventions.md): numbers, lengths, canonical encodings."""

from __future__ import annotations

from reference.refusal import Refusal


def u8(n: int) -> bytes:
    return n.to_bytes(1, "big")


def u32(n: int) -> bytes:
    return n.to_bytes(4, "big")


def u64(n: int) -> bytes:
    return n.to_bytes(8, "big")


def LP(x: bytes) -> bytes:
    """A byte string with its length in front."""
    return u32(len(x)) + x


def zeros(n: int) -> bytes:
    return bytes(n)


class Reader:
    """Takes an encoding apart; whatever does not fit is refused with one condition."""

    def __init__(self, data: bytes, condition: str = "MalformedMessage") -> None:
        self.data = data
        self.condition = condition

    def take(self, n: int) -> bytes:
        self.require(n <= len(self.data))
        taken, self.data = self.data[:n], self.data[n:]
        return taken

    def number(self, n: int) -> int:
        return int.from_bytes(self.take(n), "big")

    def flag(self) -> bool:
        value = self.number(1)
        self.require(value <= 1)
        return value == 1

    def prefixed(self, shortest: int, longest: int) -> bytes:
        """What `LP` wrote, within bounds."""
        length = self.number(4)
        self.require(shortest <= length <= longest)
        return self.take(length)

    def zeros(self, n: int) -> None:
        self.require(self.take(n) == zeros(n))

    def end(self) -> None:
        """Nothing is left over."""
        self.require(not self.data)

    def require(self, kept: object) -> None:
        if not kept:
            raise Refusal(self.condition)
