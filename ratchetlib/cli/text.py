"""A message on one line of a terminal, whatever is in it."""

from __future__ import annotations

from typing import Final
from unicodedata import category, east_asian_width

_ELLIPSIS: Final = "…"
_STAND_IN: Final = "·"


def quoted(text: str, columns: int) -> str:
    """The text in quotation marks, cut or filled to exactly `columns` columns.

    Line ends, escape sequences and whatever else does not print become a dot: a message must not draw on the screen.
    """
    printable = "".join(character if character.isprintable() else _STAND_IN for character in text)
    shown = f'"{_cut(printable, columns - 2)}"'
    return shown + " " * (columns - _width(shown))


def _cut(text: str, columns: int) -> str:
    if _width(text) <= columns:
        return text
    kept, left = [], columns - _width(_ELLIPSIS)
    for character in text:
        left -= _width(character)
        if left < 0:
            break
        kept.append(character)
    return "".join(kept) + _ELLIPSIS


def _width(text: str) -> int:
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if category(character) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(character) in ("W", "F") else 1
