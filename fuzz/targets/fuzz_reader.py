"""A reader returns what stands there, in order, or raises its one error: it never reads behind the end nor twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from harness.oracles import require

from ratchetlib.errors import MalformedMessage
from ratchetlib.wire import Reader, lp, u8, u32, u64

if TYPE_CHECKING:
    from collections.abc import Callable


def _within(number: int, minimum: int, maximum: int) -> int:
    require(minimum <= number <= maximum, "a number beyond its bounds is read")
    return number


def _of_length(content: bytes, minimum: int, maximum: int) -> bytes:
    _within(len(content), minimum, maximum)
    return content


_READS: Final[tuple[Callable[[Reader], bytes], ...]] = (
    lambda reader: u8(reader.u8()),
    lambda reader: u32(reader.u32()),
    lambda reader: u64(reader.u64()),
    lambda reader: u8(reader.flag()),
    lambda reader: u32(_within(reader.count(1_000), 0, 1_000)),
    lambda reader: lp(_of_length(reader.lp(maximum=64), 0, 64)),
    lambda reader: lp(_of_length(reader.lp(minimum=1, maximum=128), 1, 128)),
    lambda reader: reader.take(32),
    Reader.rest,
)


def one_input(data: bytes) -> None:
    """The first byte says how many reads follow, one byte each; the rest is what is read."""
    reads, content = data[1 : 1 + data[0]] if data else b"", data[1 + data[0] :] if data else b""
    reader = Reader(content, MalformedMessage)
    consumed = b""
    try:
        for read in reads:
            consumed += _READS[read % len(_READS)](reader)
            require(content.startswith(consumed), "a reader returns what does not stand there")
        reader.end()
    except MalformedMessage:
        return
    require(consumed == content, "a reader says that it is at the end, and is not")
