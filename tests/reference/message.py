"""The two wire formats (docs/spec/messages.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reference.padding import padme
from reference.refusal import require
from reference.wire import u8

VERSION: Final = 1
INITIAL: Final = 1
ORDINARY: Final = 2
PREFIX: Final = 1975
NONCE: Final = 24
SEALED_HEADER: Final = 158
BODY_OVERHEAD: Final = 48
"""Commitment and tag."""
MAX_PLAINTEXT: Final = 1_048_576


@dataclass(frozen=True)
class Message:
    """A message, split; nothing in it is trusted yet."""

    type: int
    prefix: bytes
    nonce: bytes
    sealed_header: bytes
    body: bytes

    @property
    def encoded(self) -> bytes:
        return u8(VERSION) + u8(self.type) + self.prefix + self.nonce + self.sealed_header + self.body

    @staticmethod
    def split(data: bytes, max_padded: int) -> Message:
        """The four checks of "Receiving"."""
        require(len(data) >= 2, "MalformedMessage")
        require(data[0] == VERSION, "UnsupportedVersion")
        require(data[1] in {INITIAL, ORDINARY}, "MalformedMessage")
        nonce_at = 2 + (PREFIX if data[1] == INITIAL else 0)
        header_at = nonce_at + NONCE
        body_at = header_at + SEALED_HEADER
        require(1 <= len(data) - body_at - BODY_OVERHEAD <= max_padded, "MalformedMessage")
        return Message(data[1], data[2:nonce_at], data[nonce_at:header_at], data[header_at:body_at], data[body_at:])


def is_initial(data: bytes) -> bool:
    """As recognising looks at it: version, type and a whole prefix."""
    return data[:2] == u8(VERSION) + u8(INITIAL) and len(data) >= 2 + PREFIX


def max_padded(max_plaintext: int) -> int:
    """The limit for p, for a receiver and a sender alike."""
    return padme()(max(max_plaintext, MAX_PLAINTEXT) + 1)
