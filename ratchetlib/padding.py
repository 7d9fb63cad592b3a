"""Padding: how much the length of a message tells.

A policy chooses a size; the encoding is always the same (ISO/IEC 7816-4): the plaintext, one byte 0x80, zero
bytes up to the size. The receiver takes any canonical tail, so both sides may choose freely, message by message.
Which policy suits which class of message: docs/padding.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from ratchetlib.errors import UsageError
from ratchetlib.limits import MAX_PLAINTEXT_CEILING, PADME_FLOOR

_MARKER: Final = b"\x80"


class PaddingPolicy(Protocol):
    """Chooses the padded size of a message."""

    def padded_length(self, length: int) -> int:
        """The size in bytes, at least `length`, to which `length` bytes (marker included) are padded."""
        ...  # pragma: no cover - a protocol has no body


@dataclass(frozen=True, slots=True)
class Padme:
    """Padmé (Nikitin et al., PETS 2019, section 4): at most 12 % more, and only O(log log n) bits of the length.

    Args:
        floor: the smallest size, in bytes. Everything that fits looks alike.
    """

    floor: int = PADME_FLOOR

    def __post_init__(self) -> None:
        """Refuse a floor that is no size: `UsageError`."""
        _require_size(self.floor, "the floor")

    def padded_length(self, length: int) -> int:
        """The floor, or `length` rounded up so that only its leading bits differ from zero."""
        if length <= self.floor:
            return self.floor
        exponent = length.bit_length() - 1
        low_bits = (1 << (exponent - exponent.bit_length())) - 1
        return (length + low_bits) & ~low_bits


@dataclass(frozen=True, slots=True)
class FixedBuckets:
    """Fixed sizes for high-risk channels: nothing but the bucket shows.

    Args:
        sizes: the bucket sizes in bytes, ascending. A message and its marker must fit the largest.
    """

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse what is no tuple of strictly ascending sizes: `UsageError`."""
        if type(self.sizes) is not tuple:
            raise UsageError("bucket sizes are a tuple")
        for size in self.sizes:
            _require_size(size, "a bucket")
        if not self.sizes or list(self.sizes) != sorted(set(self.sizes)):
            raise UsageError("bucket sizes must be strictly ascending")

    def padded_length(self, length: int) -> int:
        """The smallest bucket that holds `length` bytes; `UsageError` if none does."""
        for size in self.sizes:
            if length <= size:
                return size
        raise UsageError(f"the largest bucket holds {self.sizes[-1] - 1} bytes of plaintext, not {length - 1}")


@dataclass(frozen=True, slots=True)
class NoPadding:
    """The exact length shows. For content whose size is public anyway."""

    def padded_length(self, length: int) -> int:
        """`length` itself."""
        return length


def pad(plaintext: bytes, policy: PaddingPolicy, maximum: int = MAX_PLAINTEXT_CEILING) -> bytes:
    """The plaintext, the marker and zeros, as long as the policy says, at most `maximum`.

    Raises:
        UsageError: the policy's own refusal, or what it gives is no size for this plaintext.
    """
    length = len(plaintext) + 1
    size = policy.padded_length(length)
    if type(size) is not int or not length <= size <= maximum:
        raise UsageError(f"the padding policy must give {length} to {maximum} bytes")
    return (plaintext + _MARKER).ljust(size, b"\0")


def unpad(padded: bytes) -> bytes | None:
    """The plaintext, or None where no marker ends it.

    None rather than an exception: the caller raises outside the frame that holds the plaintext.
    """
    body = padded.rstrip(b"\0")
    return body[:-1] if body.endswith(_MARKER) else None


def _require_size(size: object, name: str) -> None:
    if type(size) is not int or not 1 <= size <= MAX_PLAINTEXT_CEILING:
        raise UsageError(f"{name} must be an integer from 1 to {MAX_PLAINTEXT_CEILING}")
