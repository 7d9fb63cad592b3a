"""What a message is bound to, beside its own content."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from ratchetlib.labels import AD_BODY, AD_HEADER
from ratchetlib.wire import VERSION, lp, u8


class Direction(IntEnum):
    """Who sends. In every associated data, so that no message can be turned around."""

    INITIATOR_TO_RESPONDER = 1
    RESPONDER_TO_INITIATOR = 2

    @property
    def reverse(self) -> Direction:
        """The other direction."""
        return Direction(3 - self)


class MessageType(IntEnum):
    """The second byte of a message: whether a handshake prefix follows."""

    INITIAL = 1
    ORDINARY = 2


class Binding(NamedTuple):
    """The associated data of one direction and message type, made once a session.

    Attributes:
        header: LP(label) || version || type || session id || direction || hash of the prefix, or nothing.
        body: LP(label) || session id || direction; the sealed header and the caller's data follow it.
        session_id: 32 bytes.
        direction: who sends.
    """

    header: bytes
    body: bytes
    session_id: bytes
    direction: Direction

    @classmethod
    def of(cls, session_id: bytes, direction: Direction, message_type: MessageType, prefix_hash: bytes) -> Binding:
        """The binding; `prefix_hash` is 64 bytes for initial messages and empty for ordinary ones."""
        path = session_id + u8(direction)
        header = lp(AD_HEADER) + u8(VERSION) + u8(message_type) + path + prefix_hash
        return cls(header, lp(AD_BODY) + path, session_id, direction)

    def body_data(self, sealed_header: bytes, associated_data: bytes) -> bytes:
        """The whole associated data of one body."""
        return self.body + sealed_header + lp(associated_data)
