"""The message as it travels.

version 1 || type 1 || [prefix 1,975] || nonce 24 || sealed header 158 || commitment 32 || ciphertext || tag 16
"""

from __future__ import annotations

from typing import Final

from ratchetlib.errors import MalformedMessage, UnsupportedVersion
from ratchetlib.handshake import PREFIX_LENGTH
from ratchetlib.ratchet import FRAME_OVERHEAD, Frame, MessageType
from ratchetlib.wire import VERSION

_HEAD_LENGTH: Final = 2
_START: Final[dict[int, int]] = {MessageType.INITIAL: _HEAD_LENGTH + PREFIX_LENGTH, MessageType.ORDINARY: _HEAD_LENGTH}
_HEAD: Final = {kind: bytes([VERSION, kind]) for kind in MessageType}
ORDINARY_OVERHEAD: Final = _START[MessageType.ORDINARY] + FRAME_OVERHEAD
INITIAL_OVERHEAD: Final = _START[MessageType.INITIAL] + FRAME_OVERHEAD


def join(prefix: bytes | None, frame: bytes) -> bytes:
    """The message of a frame, initial if there is a prefix."""
    if prefix is None:
        return _HEAD[MessageType.ORDINARY] + frame
    return _HEAD[MessageType.INITIAL] + prefix + frame


def split(message: bytes, max_padded: int) -> tuple[bytes | None, Frame]:
    """The prefix of an initial message (None for an ordinary one) and the frame; nothing in them is trusted yet.

    Raises:
        MalformedMessage: not `bytes`, too short for its type, of an unknown type, or longer than allowed.
        UnsupportedVersion: of another protocol version.
    """
    if type(message) is not bytes or len(message) < _HEAD_LENGTH:
        raise MalformedMessage("a message is bytes, at least a version and a type")
    version, message_type = message[0], message[1]
    if version != VERSION:
        raise UnsupportedVersion(f"message version {version}")
    start = _START.get(message_type)
    if start is None:
        raise MalformedMessage(f"message type {message_type}")
    padded = len(message) - start - FRAME_OVERHEAD
    if not 1 <= padded <= max_padded:
        raise MalformedMessage(f"a padded plaintext of 1 to {max_padded} bytes expected, not {padded}")
    return (message[_HEAD_LENGTH:start] or None), Frame.split(message, start)
