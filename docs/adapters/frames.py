"""What a client and the relay say to each other: one frame in one binary WebSocket message.

A frame is its kind, one byte, and its fields in order: a number as 8 bytes, bytes behind their length of 4 bytes, a
list behind its count of 4 bytes. There is no JSON: nothing to nest, no endless numbers, one encoding for one frame.
"""

from __future__ import annotations

import struct
from typing import Any, Final, Literal, NamedTuple, TypeAlias

MAX_FRAME: Final = 1 << 19
"""Bytes: all one-time items of a device with room to spare."""

MAX_ENVELOPE: Final = 72 << 10
"""Bytes: a message padded to 64 KiB, and 8 KiB for its headers and a handshake. Nobody waits long behind one, even on a
slow line. What is larger, such as a picture, is sealed with a key of its own, put elsewhere, and announced."""

SLOWEST: Final = 4 << 10
"""Bytes a second of the slowest line that mail gets through."""

MAX_PART: Final = 2048
"""Bytes of a signed bundle or a one-time item, as in the library."""

MAX_ITEMS: Final = 200
"""One-time items of a device: twice a full batch."""

ADDRESS_LENGTHS: Final = range(1, 129)
"""Of an address, as in the library."""

TOKEN_LENGTH: Final = 32
"""Bytes of a resume token and of a login credential."""

ID_LENGTH: Final = 16
"""Bytes of the sender's own name for an envelope."""

REFUSED, REPLACED, MALFORMED, BUSY = 4001, 4002, 4003, 4004
"""Codes with which the relay closes: not let in; the device has connected again; not a frame; come back later."""


class FrameError(Exception):
    """Not a frame."""


class Login(NamedTuple):
    """First frame of a device that has no resume token."""

    address: bytes
    credential: bytes


class Resume(NamedTuple):
    """First frame of a device that was here before."""

    token: bytes


class Welcome(NamedTuple):
    """Whoever sent the first frame is let in; the token is good for the next time, once."""

    token: bytes


class Send(NamedTuple):
    """Put an envelope into a mailbox. The same id again is the same envelope again, and not put in twice."""

    id: bytes
    to: bytes
    envelope: bytes


class Accepted(NamedTuple):
    """The envelope is in the mailbox, on disk."""

    id: bytes


class Refused(NamedTuple):
    """The envelope of that id is not in the mailbox: send it again after some milliseconds."""

    id: bytes
    retry_after: int


class Deliver(NamedTuple):
    """An envelope from a mailbox, and who put it in: the relay's word, which only the envelope can confirm."""

    number: int
    sender: bytes
    envelope: bytes


class Ack(NamedTuple):
    """The envelope of that number is saved, or refused for ever: forget it."""

    number: int


class Publish(NamedTuple):
    """A signed bundle and one-time items in place of the last ones; items that were handed out stay handed out."""

    bundle: bytes
    items: tuple[bytes, ...]


class Stock(NamedTuple):
    """The answer: how many items there are; after how many milliseconds to try again, or 0 if it is published."""

    left: int
    retry_after: int


class Fetch(NamedTuple):
    """Ask for the bundle of a device, and one of its items."""

    address: bytes


class Bundle(NamedTuple):
    """The answer: no bundle if there is none, or if this device asks too often; no item if none is left or due."""

    address: bytes
    bundle: bytes
    item: bytes


Frame: TypeAlias = (
    Login | Resume | Welcome | Send | Accepted | Refused | Deliver | Ack | Publish | Stock | Fetch | Bundle
)
_Field: TypeAlias = range | Literal["number", "items"]
_Value: TypeAlias = bytes | int | tuple[bytes, ...]

_TOKEN: Final = range(TOKEN_LENGTH, TOKEN_LENGTH + 1)
_ID: Final = range(ID_LENGTH, ID_LENGTH + 1)
_ENVELOPE: Final = range(1, MAX_ENVELOPE + 1)
_PART: Final = range(1, MAX_PART + 1)
_PART_OR_NONE: Final = range(MAX_PART + 1)

_LAYOUTS: Final[dict[type[Frame], tuple[_Field, ...]]] = {
    Login: (ADDRESS_LENGTHS, _TOKEN),
    Resume: (_TOKEN,),
    Welcome: (_TOKEN,),
    Send: (_ID, ADDRESS_LENGTHS, _ENVELOPE),
    Accepted: (_ID,),
    Refused: (_ID, "number"),
    Deliver: ("number", ADDRESS_LENGTHS, _ENVELOPE),
    Ack: ("number",),
    Publish: (_PART, "items"),
    Stock: ("number", "number"),
    Fetch: (ADDRESS_LENGTHS,),
    Bundle: (ADDRESS_LENGTHS, _PART_OR_NONE, _PART_OR_NONE),
}
"""The fields of each kind; where they are bytes, how many they may be. A kind's number is its place."""
_KINDS: Final = tuple(_LAYOUTS)


def _kind_only(frame: object) -> str:
    """A traceback or a log may show a frame; what is in it, they may not."""
    return f"<{type(frame).__name__}>"


for _kind in _KINDS:
    _kind.__repr__ = _kind_only  # type: ignore[method-assign]  # a NamedTuple inherits from nothing else
del _kind


def encode(frame: Frame) -> bytes:
    """The frame as bytes.

    Raises:
        FrameError: a field is of a length that nobody would take.
    """
    kind = type(frame)
    values: tuple[Any, ...] = frame
    fields = zip(_LAYOUTS[kind], values, strict=True)
    return bytes([_KINDS.index(kind)]) + b"".join(_field(layout, value) for layout, value in fields)


def decode(message: object) -> Frame:
    """The frame that a WebSocket message carries.

    Raises:
        FrameError: it carries none.
    """
    if type(message) is not bytes or not message or message[0] >= len(_KINDS):
        raise FrameError("no kind of frame")
    kind = _KINDS[message[0]]
    cursor = _Cursor(message)
    fields: list[Any] = [cursor.take(layout) for layout in _LAYOUTS[kind]]
    if cursor.at != len(message):
        raise FrameError("something behind the last field")
    frame: Frame = kind(*fields)
    return frame


def _field(layout: _Field, value: _Value) -> bytes:
    if isinstance(value, int):
        return struct.pack(">Q", value)
    if isinstance(value, tuple):
        _require(len(value) <= MAX_ITEMS)
        return struct.pack(">I", len(value)) + b"".join(_field(_PART, item) for item in value)
    _require(isinstance(layout, range) and len(value) in layout)
    return struct.pack(">I", len(value)) + value


def _require(within: bool) -> None:  # noqa: FBT001  # it is the condition
    if not within:
        raise FrameError("a length out of its bounds")


class _Cursor:
    def __init__(self, message: bytes) -> None:
        self._message = message
        self.at = 1

    def take(self, layout: _Field) -> _Value:
        if layout == "number":
            return self._number(8)
        if layout == "items":
            count = self._number(4)
            _require(count <= MAX_ITEMS)
            return tuple(self._bytes(_PART) for _ in range(count))
        return self._bytes(layout)

    def _bytes(self, lengths: range) -> bytes:
        length = self._number(4)
        _require(length in lengths)
        return self._cut(length)

    def _number(self, length: int) -> int:
        return int.from_bytes(self._cut(length), "big")

    def _cut(self, length: int) -> bytes:
        if length > len(self._message) - self.at:
            raise FrameError("shorter than it says")
        self.at += length
        return self._message[self.at - length : self.at]
