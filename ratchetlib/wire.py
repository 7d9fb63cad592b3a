"""The encoding rules that everything shares: big-endian, fixed widths, u32 lengths, nothing left over."""

from __future__ import annotations

from typing import Final

from ratchetlib.errors import RatchetError, UsageError
from ratchetlib.limits import TIME_LIMIT

VERSION: Final = 1
"""The protocol version that this library speaks. There is one suite a version and no negotiation."""

HIGHEST_VERSION: Final = 1
"""What bundles and initiators state, inside what is signed and hashed, so that a later version can see a downgrade."""

SESSION_ID_LENGTH: Final = 32
"""Bytes of a session id."""

U32_MAX: Final = 2**32 - 1
U64_MAX: Final = 2**64 - 1


def u8(value: int) -> bytes:
    """One byte."""
    return value.to_bytes(1, "big")


def u32(value: int) -> bytes:
    """Four bytes, big-endian."""
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    """Eight bytes, big-endian."""
    return value.to_bytes(8, "big")


def lp(data: bytes) -> bytes:
    """LP(data): its length as u32, then the data."""
    return len(data).to_bytes(4, "big") + data


def require_bytes(value: object, name: str, *, minimum: int = 0, maximum: int = U32_MAX) -> None:
    """Refuse whatever is not exactly `bytes` of an allowed length.

    A bytearray can change after a check and a subclass can lie about its length.

    Raises:
        UsageError: `value` is of another type or length.
    """
    if type(value) is not bytes:
        message = f"{name} must be bytes, not {type(value).__name__}"
        # This frame must not show what may be a key or a plaintext.
        del value
        raise UsageError(message)
    if not minimum <= len(value) <= maximum:
        message = f"{name} must be {minimum} to {maximum} bytes, not {len(value)}"
        del value
        raise UsageError(message)


def require_u64(value: object, name: str) -> None:
    """Refuse whatever is not a plain unsigned 64-bit integer; `UsageError` says so."""
    if type(value) is not int or not 0 <= value <= U64_MAX:
        raise UsageError(f"{name} must be an integer from 0 to 2^64 - 1")


def require_time(value: object, name: str) -> None:
    """Refuse whatever is not a time in whole seconds; `UsageError` says so.

    A clock in milliseconds would end every bundle at once, so what lies beyond the year 10,000 is refused.
    """
    if type(value) is not int or not 0 <= value < TIME_LIMIT:
        raise UsageError(f"{name} must be whole seconds since the Unix epoch (not milliseconds, not a float)")


class Reader:
    """Reads one encoding from front to back; every deviation raises the one error it was given.

    A declared length is compared with what is there before a byte is copied.
    """

    __slots__ = ("_data", "_error", "_position")

    def __init__(self, data: bytes, error: type[RatchetError]) -> None:
        self._data = data
        self._error = error
        self._position = 0

    def refuse(self, reason: str) -> RatchetError:
        """The error to raise for content that is well-formed but not allowed."""
        return self._error(reason)

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        start = self._position
        end = start + length
        if end > len(self._data):
            raise self._error(f"{length} bytes expected at offset {start}, {len(self._data) - start} left")
        self._position = end
        return self._data[start:end]

    def u8(self) -> int:
        """One byte as a number."""
        return self.take(1)[0]

    def flag(self) -> bool:
        """One byte that is 0 or 1."""
        value = self.u8()
        if value > 1:
            raise self._error(f"a flag is 0 or 1, not {value}")
        return value == 1

    def u32(self) -> int:
        """Four bytes as a number."""
        return int.from_bytes(self.take(4), "big")

    def u64(self) -> int:
        """Eight bytes as a number."""
        return int.from_bytes(self.take(8), "big")

    def count(self, maximum: int) -> int:
        """Four bytes that say how many of something follow."""
        count = self.u32()
        if count > maximum:
            raise self._error(f"a count of at most {maximum} expected, not {count}")
        return count

    def lp(self, *, minimum: int = 0, maximum: int) -> bytes:
        """A length-prefixed string whose length lies within the bounds."""
        length = self.u32()
        if not minimum <= length <= maximum:
            raise self._error(f"a length of {minimum} to {maximum} expected, not {length}")
        return self.take(length)

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self._data) - self._position)

    def end(self) -> None:
        """Nothing may be left."""
        left = len(self._data) - self._position
        if left:
            raise self._error(f"{left} bytes left over")
