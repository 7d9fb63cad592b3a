"""The user's own text: from the command line or standard input, as the bytes to encrypt."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from ratchetlib.limits import MAX_PLAINTEXT

if TYPE_CHECKING:
    from typing import TextIO

FROM_STDIN: Final = "-"
# One line end is not part of the text: `echo hello |` means hello.
_LINE_ENDS: Final = (b"\r\n", b"\n")


class UnusableText(Exception):
    """The text is not UTF-8, or longer than one message may be."""


def own_text(argument: str | None, stdin: TextIO | None) -> str | None:
    """What the user wants to send: the argument, or standard input where it is named or piped; None if neither.

    Raises:
        UnusableText: it says why.
    """
    if argument is not None and argument != FROM_STDIN:
        return _checked(argument.encode(errors="surrogatepass"))
    if stdin is None or not (argument == FROM_STDIN or _is_piped(stdin)):
        return None
    read = stdin.buffer.read(MAX_PLAINTEXT + len(_LINE_ENDS[0]) + 1)
    if argument is None and not read:
        return None
    return _checked(_without_line_end(read))


def _without_line_end(read: bytes) -> bytes:
    for line_end in _LINE_ENDS:
        if read.endswith(line_end):
            return read.removesuffix(line_end)
    return read


def _checked(encoded: bytes) -> str:
    if len(encoded) > MAX_PLAINTEXT:
        raise UnusableText(f"the text is longer than one message may be: {MAX_PLAINTEXT:,} bytes of UTF-8")
    try:
        return encoded.decode()
    except UnicodeDecodeError as error:
        reason = f"the text is not UTF-8: byte {error.start} ({error.reason})"
    raise UnusableText(reason)


def _is_piped(stdin: TextIO) -> bool:
    """A pipe or a file. Neither a terminal nor a device or socket that a supervisor left open: those may never end."""
    try:
        mode = os.fstat(stdin.fileno()).st_mode
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)
