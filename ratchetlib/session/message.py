"""The message as it travels.

    version 1 || type 1 || [prefix 1,975] || nonce 24 || sealed header 158 || commitment 32 || ciphertext || tag 16
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ratchetlib.errors import MalformedMessage, UnsupportedVersion
from ratchetlib.handshake import PREFIX_LENGTH
from ratchetlib.ratchet import FRAME_OVERHEAD, Frame, MessageType
from ratchetlib.wire import VERSION

_START: Final = {MessageType.INITIAL: 2 + PREFIX_LENGTH, MessageType.ORDINARY: 2}
_HEAD: Final = {kind: bytes([VERSION, kind]) for kind in MessageType}
ORDINARY_OVERHEAD: Final = _START[MessageType.ORDINARY] + FRAME_OVERHEAD
INITIAL_OVERHEAD: Final = _START[MessageType.INITIAL] + FRAME_OVERHEAD


class Message(NamedTuple):
    """A message taken apart.

    Attributes:
        prefix: the encoded handshake prefix of an initial message; None for an ordinary one.
        frame: the ratchet's part.
    """

    prefix: bytes | None
    frame: Frame


def join(prefix: bytes | None, frame: bytes) -> bytes:
    """The message of a frame, initial if there is a prefix."""
    if prefix is None:
        return _HEAD[MessageType.ORDINARY] + frame
    return _HEAD[MessageType.INITIAL] + prefix + frame


def split(message: bytes, max_padded: int) -> Message:
    """Take a message apart by its fixed lengths; nothing in it is trusted yet.

    Raises:
        MalformedMessage: not `bytes`, too short for its type, of an unknown type, or longer than allowed.
        UnsupportedVersion: of another protocol version.
    """
    if type(message) is not bytes or len(message) < 2:
        reason = "a message is bytes, at least a version and a type"
        raise MalformedMessage(reason)
    if message[0] != VERSION:
        reason = f"message version {message[0]}"
        raise UnsupportedVersion(reason)
    start = _START.get(message[1])
    if start is None:
        reason = f"message type {message[1]}"
        raise MalformedMessage(reason)
    padded = len(message) - start - FRAME_OVERHEAD
    if not 1 <= padded <= max_padded:
        reason = f"a padded plaintext of 1 to {max_padded} bytes expected, not {padded}"
        raise MalformedMessage(reason)
    return Message(None if start == 2 else message[2:start], Frame.split(message, start))
