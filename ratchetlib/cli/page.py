"""What a command prints: sections, rows, and checks that are counted.

    4  Title
       why it matters
       label         a fact
     ✓ label         a check that held

Colour only on a terminal, without NO_COLOR; marks in ASCII where the encoding has no others.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TextIO

from ratchetlib import RatchetError

if TYPE_CHECKING:
    from collections.abc import Callable

_LABEL_WIDTH: Final = 14
_NO_MARK: Final = " "
_HELD: Final = "✓"
_FAILED: Final = "✗"
_ASCII: Final = str.maketrans({_HELD: "+", _FAILED: "!", "→": ">", "…": "~", "·": "."})

_BOLD: Final = "1"
_DIM: Final = "2"
_RED: Final = "31"
_GREEN: Final = "32"


class Page:
    """One command's output, with the number of its checks and of those that failed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colour = _wants_colour(stream)
        self._encoding = stream.encoding or "utf-8"
        self._plain_marks = not _can_show(_HELD + _FAILED + "→…·", self._encoding)
        self._sections = 0
        self.checks = 0
        self.failures = 0

    def title(self, text: str) -> None:
        """The first or the last line."""
        self._write(self._styled(text, _BOLD))

    def section(self, title: str, why: str) -> None:
        """A numbered heading and, below it, why it matters."""
        self._sections += 1
        self._write("")
        self._write(self._styled(f"{self._sections}  {title}", _BOLD))
        self._write("   " + self._styled(why, _DIM))

    def row(self, label: str, text: str) -> None:
        """A fact."""
        self._line(_NO_MARK, label, text)

    def check(self, label: str, text: str, *, held: bool) -> None:
        """A fact that was checked."""
        self.checks += 1
        self.failures += not held
        mark = self._styled(_HELD, _GREEN) if held else self._styled(_FAILED, _RED)
        self._line(mark, label, text)

    def refused(self, label: str, text: str, expected: type[RatchetError], call: Callable[[], object]) -> None:
        """Something that must be refused, and with which error."""
        try:
            call()
        except RatchetError as error:
            outcome, held = f"refused, {type(error).__name__}", type(error) is expected
        else:
            outcome, held = "ACCEPTED", False
        wanted = "" if held else f" (must be refused, {expected.__name__})"
        self.check(label, f"{text}: {outcome}{wanted}", held=held)

    def verdict(self, *, held: str, failed: str) -> int:
        """The last line, and the exit code."""
        self._write("")
        if self.failures == 0:
            self.title(f"All {self.checks} checks held. {held}".rstrip())
            return 0
        self._write(self._styled(f"{self.failures} of {self.checks} checks FAILED. {failed}", _RED))
        return 1

    def _line(self, mark: str, label: str, text: str) -> None:
        self._write(f" {mark} {label:{_LABEL_WIDTH}}{text}".rstrip())

    def _styled(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[m" if self._colour else text

    def _write(self, line: str) -> None:
        if self._plain_marks:
            line = line.translate(_ASCII).encode(self._encoding, "backslashreplace").decode(self._encoding)
        self._stream.write(line + "\n")


def _wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _can_show(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
