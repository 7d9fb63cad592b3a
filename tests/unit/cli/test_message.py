from __future__ import annotations

import io
import os
import socket
from typing import TYPE_CHECKING, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchetlib.cli.message import UnusableText, own_text
from ratchetlib.limits import MAX_PLAINTEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Piped = Callable[[bytes], TextIO]


@pytest.fixture
def piped(tmp_path: Path) -> Iterator[Piped]:
    """Standard input redirected from a file."""
    opened: list[TextIO] = []

    def redirect(content: bytes) -> TextIO:
        path = tmp_path / "input"
        path.write_bytes(content)
        opened.append(path.open())
        return opened[-1]

    yield redirect
    for stream in opened:
        stream.close()


def in_memory(content: bytes) -> TextIO:
    return io.TextIOWrapper(io.BytesIO(content))


def test_the_argument_wins(piped: Piped) -> None:
    assert own_text("from the argument", piped(b"from the pipe")) == "from the argument"


def test_an_empty_argument_is_a_text() -> None:
    assert own_text("", None) == ""


def test_a_file_is_read(piped: Piped) -> None:
    assert own_text(None, piped("zażółć".encode())) == "zażółć"


def test_a_pipe_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"through a pipe\n")
    os.close(writing)
    with os.fdopen(reading) as stdin:
        assert own_text(None, stdin) == "through a pipe"


@pytest.mark.parametrize(
    ("read", "text"), [(b"a\n", "a"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b"\n", ""), (b" a ", " a "), (b"a\r", "a\r")]
)
def test_one_line_end_is_dropped(piped: Piped, read: bytes, text: str) -> None:
    assert own_text(None, piped(read)) == text


def test_an_empty_pipe_says_nothing(piped: Piped) -> None:
    assert own_text(None, piped(b"")) is None


def test_an_empty_input_that_was_asked_for_is_a_text(piped: Piped) -> None:
    assert own_text("-", piped(b"")) == ""


def test_a_dash_reads_whatever_standard_input_is() -> None:
    assert own_text("-", in_memory(b"typed")) == "typed"


def test_no_standard_input_says_nothing() -> None:
    assert own_text(None, None) is None
    assert own_text("-", None) is None


def test_neither_a_device_nor_a_socket_is_waited_for() -> None:
    ours, theirs = socket.socketpair()
    with open(os.devnull) as device, ours, theirs, ours.makefile("r") as left_open:  # noqa: PTH123  # os.devnull
        assert own_text(None, device) is None
        assert own_text(None, left_open) is None


def test_standard_input_that_is_no_file_says_nothing(piped: Piped) -> None:
    closed = piped(b"closed")
    closed.close()
    assert own_text(None, closed) is None
    assert own_text(None, in_memory(b"unread")) is None


def test_as_long_as_a_message_may_be(piped: Piped) -> None:
    longest = "x" * MAX_PLAINTEXT
    assert own_text(longest, None) == longest
    assert own_text(None, piped(longest.encode())) == longest
    assert own_text("-", piped(longest.encode() + b"\r\n")) == longest


def test_longer_is_refused(piped: Piped) -> None:
    with pytest.raises(UnusableText, match="longer than one message"):
        own_text("ż" * (MAX_PLAINTEXT // 2 + 1), None)
    for excess in (b"x", b"x\n", b"\n\r\n", b"x" * 2**20):
        with pytest.raises(UnusableText, match="longer than one message"):
            own_text(None, piped(b"x" * MAX_PLAINTEXT + excess))


@pytest.mark.parametrize("argument", ["\udcff", "a\ud800"])
def test_an_argument_that_is_no_text_is_refused(argument: str) -> None:
    with pytest.raises(UnusableText, match="not UTF-8"):
        own_text(argument, None)


def test_input_that_is_no_text_is_refused(piped: Piped) -> None:
    with pytest.raises(UnusableText, match=r"not UTF-8: byte 2 \(invalid start byte\)"):
        own_text(None, piped(b"ab\xff"))


@given(st.binary(max_size=40))
def test_any_bytes_are_a_text_or_refused(read: bytes) -> None:
    try:
        text = own_text("-", in_memory(read))
    except UnusableText:
        return
    assert text is not None
    assert text.encode() in (read, read[:-1], read[:-2])
