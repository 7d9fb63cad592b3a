"""Frames are canonical and total: one encoding for one frame, and `FrameError` for whatever is none."""

from __future__ import annotations

import inspect

import frames
import pytest
from hypothesis import given
from hypothesis import strategies as st

ADDRESS = st.binary(min_size=1, max_size=128)
TOKEN = st.binary(min_size=32, max_size=32)
ID = st.binary(min_size=16, max_size=16)
NUMBER = st.integers(0, 2**64 - 1)
ENVELOPE = st.binary(min_size=1, max_size=2000)
PART = st.binary(min_size=1, max_size=frames.MAX_PART)
PART_OR_NONE = st.binary(max_size=frames.MAX_PART)
FRAMES = st.one_of(
    st.builds(frames.Login, ADDRESS, TOKEN),
    st.builds(frames.Resume, TOKEN),
    st.builds(frames.Welcome, TOKEN),
    st.builds(frames.Send, ID, ADDRESS, ENVELOPE),
    st.builds(frames.Accepted, ID),
    st.builds(frames.Refused, ID, NUMBER),
    st.builds(frames.Deliver, NUMBER, ADDRESS, ENVELOPE),
    st.builds(frames.Ack, NUMBER),
    st.builds(frames.Publish, PART, st.lists(PART, max_size=5).map(tuple)),
    st.builds(frames.Stock, NUMBER, NUMBER),
    st.builds(frames.Fetch, ADDRESS),
    st.builds(frames.Bundle, ADDRESS, PART_OR_NONE, PART_OR_NONE),
)
SEND = frames.encode(frames.Send(bytes(16), b"bob", b"envelope"))


@pytest.mark.attack("A114")
@given(FRAMES)
def test_a_frame_shows_its_kind_only(frame: frames.Frame) -> None:
    assert repr(frame) == f"<{type(frame).__name__}>"


@given(FRAMES)
def test_a_frame_comes_back(frame: frames.Frame) -> None:
    assert frames.decode(frames.encode(frame)) == frame


@pytest.mark.attack("A96")
@given(
    st.binary(max_size=300) | st.tuples(st.integers(0, 15).map(lambda kind: bytes([kind])), st.binary()).map(b"".join)
)
def test_any_bytes_are_a_frame_in_its_one_encoding_or_refused(message: bytes) -> None:
    try:
        frame = frames.decode(message)
    except frames.FrameError:
        return
    assert frames.encode(frame) == message


@pytest.mark.attack("A96")
@given(FRAMES, st.data())
def test_a_damaged_frame_is_another_frame_or_refused(frame: frames.Frame, data: st.DataObject) -> None:
    message = bytearray(frames.encode(frame))
    place = data.draw(st.integers(0, len(message) - 1))
    message[place] ^= data.draw(st.integers(1, 255))
    try:
        other = frames.decode(bytes(message))
    except frames.FrameError:
        return
    assert other != frame
    assert frames.encode(other) == message


@pytest.mark.attack("A96")
@given(FRAMES, st.binary(min_size=1, max_size=8))
def test_nothing_may_follow(frame: frames.Frame, more: bytes) -> None:
    with pytest.raises(frames.FrameError):
        frames.decode(frames.encode(frame) + more)


@pytest.mark.attack("A96")
@given(FRAMES, st.data())
def test_a_beginning_is_no_frame(frame: frames.Frame, data: st.DataObject) -> None:
    message = frames.encode(frame)
    with pytest.raises(frames.FrameError):
        frames.decode(message[: data.draw(st.integers(0, len(message) - 1))])


@pytest.mark.attack("A96")
@pytest.mark.parametrize(
    "message",
    [
        "text",
        b"",
        bytearray(SEND),
        memoryview(SEND),
        None,
        b"[" * 200_000,
        b'{"a":1,"a":2}',
        b"9" * 6_000,
        b"\xff",
        bytes([8]) + bytes(3) + b"\x01b" + b"\xff\xff\xff\xff",  # four billion items
        bytes([10]) + b"\xff\xff\xff\xffabc",  # four billion bytes
    ],
    ids=range(11),
)
def test_what_breaks_other_parsers_is_refused(message: object) -> None:
    with pytest.raises(frames.FrameError):
        frames.decode(message)


@pytest.mark.attack("A96")
@pytest.mark.parametrize(
    "frame",
    [
        frames.Login(b"", bytes(32)),
        frames.Login(bytes(129), bytes(32)),
        frames.Login(b"a", bytes(31)),
        frames.Resume(bytes(33)),
        frames.Send(bytes(15), b"b", b"e"),
        frames.Send(bytes(16), b"b", b""),
        frames.Send(bytes(16), b"b", bytes(frames.MAX_ENVELOPE + 1)),
        frames.Publish(b"", ()),
        frames.Publish(bytes(frames.MAX_PART + 1), ()),
        frames.Publish(b"b", (b"",)),
        frames.Publish(b"b", (b"i",) * (frames.MAX_ITEMS + 1)),
        frames.Fetch(b""),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_a_length_out_of_bounds_is_neither_written_nor_read(frame: frames.Frame) -> None:
    with pytest.raises(frames.FrameError):
        frames.encode(frame)
    with pytest.raises(frames.FrameError):
        frames.decode(unchecked(frame))


def test_what_can_be_sent_can_be_delivered() -> None:
    envelope = bytes(frames.MAX_ENVELOPE)
    longest = max(frames.ADDRESS_LENGTHS)
    for frame in (frames.Send(bytes(16), bytes(longest), envelope), frames.Deliver(1, bytes(longest), envelope)):
        assert len(frames.encode(frame)) <= frames.MAX_FRAME


def test_the_largest_publication_fits_into_a_frame() -> None:
    part = bytes(frames.MAX_PART)
    assert len(frames.encode(frames.Publish(part, (part,) * frames.MAX_ITEMS))) <= frames.MAX_FRAME


def test_the_numbers_of_the_kinds_do_not_move() -> None:
    names = "Login Resume Welcome Send Accepted Refused Deliver Ack Publish Stock Fetch Bundle"
    assert [kind.__name__ for kind in frames._KINDS] == names.split()
    assert {name for name, kind in inspect.getmembers(frames, inspect.isclass) if kind in frames._KINDS} == set(
        names.split()
    )


def unchecked(frame: frames.Frame) -> bytes:
    """What an encoder without bounds would write."""

    def field(value: object) -> bytes:
        match value:
            case int():
                return value.to_bytes(8, "big")
            case tuple():
                return len(value).to_bytes(4, "big") + b"".join(map(field, value))
            case bytes():
                return len(value).to_bytes(4, "big") + value
        raise AssertionError

    return bytes([frames._KINDS.index(type(frame))]) + b"".join(map(field, frame))
