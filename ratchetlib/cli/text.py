"""A message on one line of a terminal, whatever is in it."""

from __future__ import annotations

from itertools import accumulate
from typing import Final
from unicodedata import category, east_asian_width

_ELLIPSIS: Final = "…"
_STAND_IN: Final = "·"
_CHARACTERS_A_COLUMN: Final = 10
"""A letter and more marks on it than any script has."""


def quoted(text: str, columns: int) -> str:
    """The text in quotation marks, cut or filled to exactly `columns` columns.

    Line ends, escape sequences and whatever else does not print become a dot: a message must not draw on the screen.
    """
    # A megabyte need not be measured for one line.
    head = text[: _CHARACTERS_A_COLUMN * columns]
    printable = "".join(character if character.isprintable() else _STAND_IN for character in head)
    shown = f'"{_cut(printable, columns - 2)}"'
    return shown + " " * (columns - _width(shown))


def _cut(text: str, columns: int) -> str:
    if _width(text) <= columns:
        return text
    ends = accumulate(map(_character_width, text))
    return text[: sum(end <= columns - _width(_ELLIPSIS) for end in ends)] + _ELLIPSIS


def _width(text: str) -> int:
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if category(character) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(character) in ("W", "F") else 1
