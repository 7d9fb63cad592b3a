"""The message as it travels.

version 1 || type 1 || [prefix 1,975] || nonce 24 || sealed header 158 || commitment 32 || ciphertext || tag 16
"""

from __future__ import annotations

from typing import Final

from ratchetlib.errors import MalformedMessage, UnsupportedVersion
from ratchetlib.handshake import PREFIX_LENGTH
from ratchetlib.ratchet import FRAME_OVERHEAD, Frame, MessageType
from ratchetlib.wire import VERSION

HEAD_LENGTH: Final = 2
_START: Final[dict[int, int]] = {MessageType.INITIAL: HEAD_LENGTH + PREFIX_LENGTH, MessageType.ORDINARY: HEAD_LENGTH}
_HEAD: Final = {kind: bytes([VERSION, kind]) for kind in MessageType}


def join(prefix: bytes | None, frame: bytes) -> bytes:
    """The message of a frame, initial if there is a prefix."""
    if prefix is None:
        return _HEAD[MessageType.ORDINARY] + frame
    return _HEAD[MessageType.INITIAL] + prefix + frame


def split(message: bytes, max_padded: int) -> tuple[bytes | None, Frame]:
    """The prefix of an initial message (None for an ordinary one) and the frame; nothing in them is trusted yet.

    Raises:
        MalformedMessage: too short for its type, of an unknown type, or longer than allowed.
        UnsupportedVersion: of another protocol version.
    """
    start = _frame_start(message)
    padded = len(message) - start - FRAME_OVERHEAD
    if not 1 <= padded <= max_padded:
        raise MalformedMessage(f"a padded plaintext of 1 to {max_padded} bytes expected, not {padded}")
    return (message[HEAD_LENGTH:start] or None), Frame.split(message, start)


def prefix_of(message: bytes) -> bytes | None:
    """The handshake prefix of an initial message, or None for an ordinary one; as `split`."""
    start = _frame_start(message)
    if len(message) < start:
        raise MalformedMessage(f"an initial message of {len(message)} bytes")
    return message[HEAD_LENGTH:start] or None


def _frame_start(message: bytes) -> int:
    if len(message) < HEAD_LENGTH:
        raise MalformedMessage("a message has a version and a type")
    version, message_type = message[0], message[1]
    if version != VERSION:
        raise UnsupportedVersion(f"message version {version}")
    start = _START.get(message_type)
    if start is None:
        raise MalformedMessage(f"message type {message_type}")
    return start
