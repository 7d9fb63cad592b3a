"""Takes out of texts, values and exceptions whatever may be a secret."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from secret_forms import BYTES, HIDDEN, MARK, NAMED, REDACTED, named, without_dense, without_rows
from secret_names import SENSITIVE, without_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_TEXT: Final = 20_000
"""Characters of a text that are looked at; the rest is cut off, so that nobody can make logging slow."""

MAX_RECORD: Final = 2 * MAX_TEXT
"""Characters, and items of containers, of all that one record shows."""

MAX_ERRORS: Final = 50
"""Of a chain or a group; the last ones raised are shown."""

MAX_FRAMES: Final = 50
"""Of an exception; the innermost are shown."""

MAX_REMEMBERED: Final = 1_000
"""Texts that are known to be harmless: names of loggers and threads, constant messages."""

MAX_REMEMBERED_TEXT: Final = 100
"""Characters of such a text."""

MAX_DEPTH: Final = 4
"""Containers within containers that are looked into; what is deeper, or contains itself, is taken as text."""

CUT: Final = "[cut]"
_MARKED: Final = re.compile(MARK)
_PIECE: Final = re.compile(r"\S{1,200}\Z")  # of a secret, perhaps, too short to be found
_NAME: Final = re.compile(r"[\w.-]{1,64}")


class Allowance:
    """What a record may still show."""

    def __init__(self) -> None:
        """`MAX_RECORD`."""
        self.left = MAX_RECORD

    def cut(self, text: str) -> str:
        """As much of a text as there is room for."""
        shown = text[: max(0, min(MAX_TEXT, self.left))]
        self.left -= len(shown) + 1
        return shown if shown == text else _PIECE.sub("", shown)

    def items(self, items: Iterable[Any]) -> Iterator[Any]:
        """As many as there is room for."""
        for item in items:
            if self.left <= 0:
                return
            self.left -= 1
            yield item


class Redactor:
    """Takes secrets out."""

    def __init__(self, also: Iterable[str] = ()) -> None:
        """A redactor.

        Args:
            also: regular expressions of what else to hide, such as the application's own form of addresses.
        """
        hidden = HIDDEN | {f"also{number}": pattern for number, pattern in enumerate(also)}
        parts = [f"(?P<mark>{MARK})"]
        parts += [f"(?P<hidden_{name}>{pattern})" for name, pattern in hidden.items()]
        parts += [f"(?P<named_{name}>{pattern})" for name, pattern in NAMED.items()]
        self._forms = re.compile("|".join(parts), re.IGNORECASE | re.MULTILINE)
        self._harmless: set[str] = set()

    def text(self, text: str, allowance: Allowance | None = None) -> str:
        """A text without secrets."""
        looked_at = (allowance or Allowance()).cut(text)
        if looked_at in self._harmless:
            return looked_at
        shown = self._redacted(looked_at)
        if shown == looked_at and len(text) <= MAX_REMEMBERED_TEXT:
            self._remember(text)
        return shown if len(looked_at) == len(text) else shown + CUT

    def value(self, value: Any, depth: int = MAX_DEPTH, allowance: Allowance | None = None) -> Any:  # noqa: ANN401  # whatever is logged
        """A value of an attribute: numbers as they are, containers item by item, anything else as text."""
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return value if value.bit_length() <= 64 else REDACTED  # noqa: PLR2004  # what counters and times have
        if isinstance(value, bytes | bytearray | memoryview):
            return REDACTED
        allowance = allowance or Allowance()
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            value = dict(zip(value._fields, value, strict=False))
        if isinstance(value, Mapping) and depth:
            return {
                self.text(name, allowance): self.attribute(name, item, depth - 1, allowance)
                for name, item in ((shown(key), item) for key, item in allowance.items(value.items()))
            }
        if isinstance(value, list | tuple | AbstractSet) and depth:
            return self._items(list(islice(value, MAX_RECORD)), depth - 1, allowance)
        return self.text(shown(value), allowance)

    def attribute(self, name: str, value: Any, depth: int = MAX_DEPTH, allowance: Allowance | None = None) -> Any:  # noqa: ANN401  # whatever is logged
        """A value under a name."""
        if SENSITIVE.search(name):
            return value if isinstance(value, str) and _MARKED.fullmatch(value) else REDACTED
        return self.value(value, depth, allowance)

    def error(self, error: BaseException) -> str:
        """An exception with its causes: types, texts without secrets, and where, without values or source."""
        allowance = Allowance()
        return "\n".join(line for told in _told(error) for line in self._lines(told, allowance))

    def _redacted(self, text: str) -> str:
        """In this order: a bytes literal may begin in a value under a name, and anything within a bytes literal."""
        text = BYTES.sub(REDACTED, without_named(text))
        return self._forms.sub(_replace, without_dense(without_rows(text)))

    def _remember(self, text: str) -> None:
        """What a program logs again and again need not be searched again; nothing that was hidden is kept."""
        if len(self._harmless) >= MAX_REMEMBERED:
            self._harmless.clear()
        self._harmless.add(text)

    def _items(self, items: list[Any], depth: int, allowance: Allowance) -> Any:  # noqa: ANN401  # a list, or the mark
        if len(items) > 7 and all(type(item) is int for item in items):  # noqa: PLR2004  # the octets of something
            return REDACTED
        found, before = [], None
        for item in allowance.items(items):
            says = isinstance(before, str) and _NAME.fullmatch(before) and SENSITIVE.search(before)
            found.append(REDACTED if says else self.value(item, depth, allowance))
            before = item
        return found if len(found) == len(items) else [*found, CUT]

    def _lines(self, told: BaseException | str, allowance: Allowance) -> Iterator[str]:
        if isinstance(told, str):
            yield told
            return
        for frame, line in list(traceback.walk_tb(told.__traceback__))[-MAX_FRAMES:]:
            yield f"  {Path(frame.f_code.co_filename).name}, line {line}, in {frame.f_code.co_name}"
        said = (told, *islice(getattr(told, "__notes__", ()), MAX_ERRORS))
        yield ": ".join([type(told).__qualname__, *(self.text(shown(text), allowance) for text in said)])


def shown(value: object) -> str:
    """A text of anything."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  # what it is does not matter
        return f"something that {type(error).__name__} kept from being shown"


def _told(error: BaseException) -> Iterator[BaseException | str]:
    """Causes before what they caused, groups before their members; the last raised, if there are too many."""
    waiting: list[tuple[BaseException | str, bool]] = [(error, False)]
    seen: set[int] = set()
    while waiting:
        told, is_known = waiting.pop()
        if is_known or isinstance(told, str):
            yield told
        elif len(seen) >= MAX_ERRORS:
            yield CUT
        elif id(told) not in seen:
            seen.add(id(told))
            waiting += [(member, False) for member in reversed(getattr(told, "exceptions", ())[:MAX_ERRORS])]
            waiting.append((told, True))
            before = told.__cause__ or (None if told.__suppress_context__ else told.__context__)
            if before is not None and id(before) not in seen:
                waiting += [("followed by", True), (before, False)]


def _replace(match: re.Match[str]) -> str:
    if match["mark"]:
        return match["mark"]
    return named(match[0]) if (match.lastgroup or "").startswith("named_") else REDACTED
