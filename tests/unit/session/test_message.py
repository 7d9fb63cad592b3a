"""The message as it travels: taken apart and put together, with every length checked first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.strategies import exactly

from ratchetlib import MalformedMessage, UnsupportedVersion
from ratchetlib.handshake import PREFIX_LENGTH
from ratchetlib.ratchet import FRAME_OVERHEAD
from ratchetlib.session.message import join, prefix_of, split

MAX = 4096
PREFIX = b"p" * PREFIX_LENGTH
FRAME = b"n" * 24 + b"h" * 158 + b"c" * 32 + b"t" * 64 + b"a" * 16


@given(st.none() | exactly(PREFIX_LENGTH), exactly(FRAME_OVERHEAD + 1), st.binary(max_size=200))
def test_what_is_joined_is_split_again(prefix: bytes | None, start: bytes, rest: bytes) -> None:
    frame = start + rest
    taken, parts = split(join(prefix, frame), MAX)
    assert taken == prefix
    assert b"".join(parts) == frame


def test_the_layout_is_the_specified_one() -> None:
    assert join(None, FRAME) == b"\1\2" + FRAME
    assert join(PREFIX, FRAME) == b"\1\1" + PREFIX + FRAME
    assert (len(join(None, FRAME)), len(join(PREFIX, FRAME))) == (232 + 64, 2207 + 64)
    _, parts = split(join(PREFIX, FRAME), MAX)
    assert parts == (b"n" * 24, b"h" * 158, b"c" * 32 + b"t" * 64 + b"a" * 16)


@given(st.binary(max_size=3000))
def test_any_bytes_are_refused_or_have_one_reading(message: bytes) -> None:
    try:
        prefix, frame = split(message, MAX)
    except (MalformedMessage, UnsupportedVersion):
        return
    assert join(prefix, b"".join(frame)) == message


@pytest.mark.attack("A22")
@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_unsupported(version: int) -> None:
    with pytest.raises(UnsupportedVersion):
        split(bytes([version]) + join(None, FRAME)[1:], MAX)


@pytest.mark.attack("A54")
@pytest.mark.parametrize("message_type", [0, *range(3, 256)])
def test_there_is_no_third_type(message_type: int) -> None:
    with pytest.raises(MalformedMessage):
        split(b"\1" + bytes([message_type]) + FRAME, MAX)


@pytest.mark.parametrize("prefix", [None, PREFIX])
def test_a_message_holds_at_least_one_byte_and_at_most_what_is_allowed(prefix: bytes | None) -> None:
    split(join(prefix, bytes(FRAME_OVERHEAD + 1)), 1)
    for length in (0, 1, FRAME_OVERHEAD, FRAME_OVERHEAD + 2):
        with pytest.raises(MalformedMessage):
            split(join(prefix, bytes(length)), 1)


@pytest.mark.parametrize("message", [b"", b"\1", b"\1\1", b"\1\2"])
def test_a_message_has_more_than_a_head(message: bytes) -> None:
    with pytest.raises(MalformedMessage):
        split(message, MAX)


@given(st.binary(max_size=3000))
def test_a_prefix_is_what_a_whole_message_would_begin_with(message: bytes) -> None:
    try:
        expected, _ = split(message, MAX)
    except (MalformedMessage, UnsupportedVersion):
        return
    assert prefix_of(message) == expected


def test_a_prefix_needs_no_frame_behind_it() -> None:
    assert prefix_of(b"\1\1" + PREFIX) == PREFIX
    assert prefix_of(b"\1\2") is None
    for message in (b"\1\1" + PREFIX[:-1], b"\1\3" + PREFIX, b"\1"):
        with pytest.raises(MalformedMessage):
            prefix_of(message)
    with pytest.raises(UnsupportedVersion):
        prefix_of(b"\2\1" + PREFIX)
