"""What a client and the relay say to each other: one frame in one binary WebSocket message.

A frame is its kind, one byte, and its fields in order: a number as 8 bytes, bytes behind their length of 4 bytes, a
list behind its count of 4 bytes. There is no JSON: nothing to nest, no endless numbers, one encoding for one frame.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FRAME: Final = 1 << 20
"""Bytes: a hundred one-time items with room to spare, and an envelope of the largest bucket of 64 KiB many times."""

ADDRESS_LENGTHS: Final = range(1, 129)
TOKEN_LENGTH: Final = 32
"""Bytes of a resume token and of a login credential."""

ID_LENGTH: Final = 16


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
    """A signed bundle in place of the last one, and one-time items to add."""

    bundle: bytes
    items: tuple[bytes, ...]


class Stock(NamedTuple):
    """How many one-time items are left."""

    left: int


class Fetch(NamedTuple):
    """Ask for the bundle of a device, and one of its items."""

    address: bytes


class Bundle(NamedTuple):
    """The answer: empty if there is none, or if this was asked too often; no item if none is left."""

    address: bytes
    bundle: bytes
    item: bytes


Frame: TypeAlias = (
    Login | Resume | Welcome | Send | Accepted | Refused | Deliver | Ack | Publish | Stock | Fetch | Bundle
)

_NUMBER: Final = "n"
_LAYOUTS: Final[dict[type[Frame], str]] = {
    Login: "bb",
    Resume: "b",
    Welcome: "b",
    Send: "bbb",
    Accepted: "b",
    Refused: "bn",
    Deliver: "nbb",
    Ack: "n",
    Publish: "bl",
    Stock: "n",
    Fetch: "b",
    Bundle: "bbb",
}
_KINDS: Final = tuple(_LAYOUTS)


def encode(frame: Frame) -> bytes:
    """The frame as bytes."""
    kind = type(frame)
    return bytes([_KINDS.index(kind)]) + b"".join(map(_field, frame))


def decode(message: object) -> Frame:
    """The frame that a WebSocket message carries.

    Raises:
        FrameError: it carries none.
    """
    if type(message) is not bytes or not message or message[0] >= len(_KINDS):
        raise FrameError("no kind of frame")
    kind = _KINDS[message[0]]
    cursor = _Cursor(message, 1)
    fields = [cursor.take(layout) for layout in _LAYOUTS[kind]]
    if cursor.at != len(message):
        raise FrameError("something behind the last field")
    frame: Frame = kind(*fields)
    if any(len(value) not in lengths for value, lengths in _bounds(frame)):
        raise FrameError("a field of a wrong length")
    return frame


def _bounds(frame: Frame) -> Iterator[tuple[bytes, range]]:
    match frame:
        case Login(address, credential):
            yield from ((address, ADDRESS_LENGTHS), (credential, range(TOKEN_LENGTH, TOKEN_LENGTH + 1)))
        case Resume(token) | Welcome(token):
            yield token, range(TOKEN_LENGTH, TOKEN_LENGTH + 1)
        case Send(key, to):
            yield from ((key, range(ID_LENGTH, ID_LENGTH + 1)), (to, ADDRESS_LENGTHS))
        case Accepted(key) | Refused(key):
            yield key, range(ID_LENGTH, ID_LENGTH + 1)
        case Fetch(address) | Bundle(address) | Deliver(_, address):
            yield address, ADDRESS_LENGTHS


def _field(value: bytes | int | tuple[bytes, ...]) -> bytes:
    if isinstance(value, int):
        return struct.pack(">Q", value)
    if isinstance(value, tuple):
        return struct.pack(">I", len(value)) + b"".join(map(_field, value))
    return struct.pack(">I", len(value)) + value


class _Cursor:
    def __init__(self, message: bytes, at: int) -> None:
        self._message = message
        self.at = at

    def take(self, layout: str) -> bytes | int | tuple[bytes, ...]:
        if layout == _NUMBER:
            return self._number(8)
        if layout == "l":
            return self._list()
        return self._bytes(self._number(4))

    def _list(self) -> tuple[bytes, ...]:
        count = self._number(4)
        if count > len(self._message):  # before a list of that length is built
            raise FrameError("more items than bytes")
        return tuple(self._bytes(self._number(4)) for _ in range(count))

    def _number(self, length: int) -> int:
        return int.from_bytes(self._bytes(length), "big")

    def _bytes(self, length: int) -> bytes:
        if length > len(self._message) - self.at:
            raise FrameError("shorter than it says")
        self.at += length
        return self._message[self.at - length : self.at]
