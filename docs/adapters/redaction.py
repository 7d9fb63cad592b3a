"""Redaction for the whole process: `redaction.install()` once, before anything is logged.

It stands where records are made. A handler's filter guards one handler, and the next one that somebody adds is bare; a
logger's filter does not see what its children pass on. The record factory makes every record of every logger, so no
handler, formatter, queue or exporter ever holds anything else.

Only addresses and tokens keep a name: a hash under a key of this process, so that lines about one of them can be told
from lines about another. The same plaintext twice shows nothing.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pseudonyms import pseudonym

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

REDACTED: Final = "[redacted]"

MAX_TEXT: Final = 20_000
"""Characters of a text that are looked at; the rest is cut off, so that nobody can make logging slow."""

MAX_REMEMBERED: Final = 1_000
"""Texts that are known to be harmless: names of loggers and threads, constant messages."""

MAX_REMEMBERED_TEXT: Final = 100
"""Characters of such a text."""

MAX_DEPTH: Final = 4
"""Containers within containers that are looked into; what is deeper, or contains itself, is taken as text."""

SENSITIVE: Final = (
    "token|secret|passw|passphrase|credential|key|authori[sz]ation|cookie|address|addr|peer|sender|recipient|plaintext"
    "|ciphertext|envelope|payload|content|body|nonce|seed|salt|fingerprint|identity|session_?id|pin(?![gn])"
)
"""What a parameter's or an attribute's name may hold of which the value is never shown."""

_MARK: Final = r"\[redacted\]|\[\#[0-9a-f]{8}\]"

_LETTERS: Final = r"[A-Za-z0-9+/_-]"
_VOWEL: Final = r"(?=[^aeiouyAEIOUY]{0,3}[aeiouyAEIOUY])"
_CAMEL: Final = rf"(?:{_VOWEL}[A-Z][a-z]{{2,14}}){{1,5}}"
_SMALL: Final = rf"{_VOWEL}[a-z]{{2,15}}"
_CAPITAL: Final = rf"{_VOWEL}[A-Z]{{2,15}}"
_SNAKES: Final = rf"{_SMALL}(?:[_/-]{_SMALL}){{0,7}}|{_CAPITAL}(?:[_-]{_CAPITAL}){{0,7}}"
_WORDS: Final = rf"_?(?:{_CAMEL}(?:-{_CAMEL}){{0,3}}|{_SNAKES})"
"""Names as programs have them: ConnectionResetError, the_library_logs_nothing, LOGIN_REFUSED, Sec-WebSocket-Key."""
_NO_TEXT: Final = r"[\x00-\x08\x0e-\x1f\x7f-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7\ufffd\ud800-\udfff]"
_ESCAPE: Final = rf"(?:\\(?:x[0-9a-f]{{2}}|u[0-9a-f]{{4}}|[0-7]{{3}})|%[0-9a-f]{{2}}|{_NO_TEXT})"
_LITERAL: Final = r"b(?:\"(?:\\.|[^\"\\])*+\"?|'(?:\\.|[^'\\])*+'?)"
"""A bytes literal: blanks are part of it, also where it stands glued to a name, as in the text of a `bytearray`."""
_PLAIN: Final = rf"(?:{_LITERAL}|(?!{_ESCAPE})\S)"
_MORE: Final = rf"(?:{_LITERAL}|\S)"

_OCTET: Final = r"(?:0x[0-9a-f]{1,2}|[0-9a-f]{2}|\d{1,3})"

_HIDDEN: Final = {
    "frame": r"\b(?:TEXT|BINARY|CONT|PING|PONG|CLOSE)\s.*\[[^\]]*\d\sbytes?[^\]]*\]",  # as `websockets` writes it
    "bearer": r"\b(?:bearer|basic)\s+(?!\[redacted\])\S+",
    "bytes": _LITERAL,
    "login": r"(?<=://)[^\s/@]+@",
    "escapes": rf"(?<!\S){_PLAIN}*+{_ESCAPE}{_MORE}*+(?:\s{_PLAIN}*+{_ESCAPE}{_MORE}*+)*+",
    "octets": rf"(?<![\w.])(?:{_OCTET}[\s:,;]+){{5,}}{_OCTET}(?!\w)",
    "digits": r"(?<!\w)\d{5}(?:[\s-]\d{5}){3,}(?!\w)",  # a fingerprint, as people compare it
}
_RUN: Final = rf"(?<!{_LETTERS})(?!(?-i:{_WORDS})(?!{_LETTERS})){_LETTERS}{{16,}}={{0,2}}"
_NAMED: Final = {
    "random": _RUN,
    "path": r"(?<![\w.+-])/?[a-z0-9][\w.+-]*(?:/+[\w.+-]+)+/*=*",  # an address as `addresses` makes it
    "mail": r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    "phone": r"(?<![\w+])\+\d{7,15}",
    "network": r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"
    r"|(?<![\w:])(?:(?:[0-9a-f]{1,4}:){4,7}[0-9a-f]{0,4}|[0-9a-f:]{0,30}::[0-9a-f:.]{0,30})(?![\w:])",
}
_LINE: Final = r"(?<!\w)[\w-]*(?:cookie|authorization)[\"']?\s*[:=]\s*"
_LABEL: Final = rf"(?<![\w.-])[\"']?(?=[\w.-]*(?:{SENSITIVE}))[\w.-]++[\"']?\s*[=:]\s*"
_VALUE: Final = (
    rf"(?:{_MARK}|"
    r"b?\"(?:\\.|[^\"\\])*+\"?|b?'(?:\\.|[^'\\])*+'?|[\w.]*+[\[({].*|[^\[({\n][^,;)\]}\n]*?(?=\s+[\w.-]+=|[,;)\]}\n]|$))"
)
_RANDOM: Final = re.compile(_RUN, re.IGNORECASE)
_MARKED: Final = re.compile(_MARK)
_SENSITIVE: Final = re.compile(SENSITIVE, re.IGNORECASE)

_FIXED: Final = frozenset(
    {"pathname", "filename", "module", "funcName", "lineno", "levelname", "levelno", "created", "msecs", "process"}
    | {"relativeCreated", "thread"}
)
"""Attributes that the program's text and the clock decide."""


class Redactor:
    """Takes out of texts and values whatever may be a secret."""

    def __init__(self, also: Iterable[str] = ()) -> None:
        """A redactor.

        Args:
            also: regular expressions of what else to hide, such as the application's own form of addresses.
        """
        hidden = _HIDDEN | {f"also{number}": pattern for number, pattern in enumerate(also)}
        parts = [f"(?P<mark>{_MARK})", f"(?P<line>{_LINE}).+", f"(?P<label>{_LABEL})(?P<value>{_VALUE})"]
        parts += [f"(?P<hidden_{name}>{pattern})" for name, pattern in hidden.items()]
        parts += [f"(?P<named_{name}>{pattern})" for name, pattern in _NAMED.items()]
        self._secret = re.compile("|".join(parts), re.IGNORECASE | re.MULTILINE)
        self._harmless: set[str] = set()

    def text(self, text: str) -> str:
        """A text without secrets."""
        if text in self._harmless:
            return text
        shown = self._secret.sub(_replace, text[:MAX_TEXT])
        if shown == text and len(text) <= MAX_REMEMBERED_TEXT:
            self._remember(text)
        return shown if len(text) <= MAX_TEXT else f"{shown}[cut]"

    def value(self, value: Any, depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401  # whatever is logged
        """A value of an attribute: numbers as they are, containers item by item, anything else as text."""
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return value if value.bit_length() <= 64 else REDACTED  # noqa: PLR2004  # what counters and times have
        if isinstance(value, bytes | bytearray | memoryview):
            return REDACTED
        if isinstance(value, Mapping) and depth:
            return {self.text(_shown(key)): self.attribute(_shown(key), item, depth - 1) for key, item in value.items()}
        if isinstance(value, list | tuple | AbstractSet) and depth:
            return self._items(list(value), depth - 1)
        return self.text(_shown(value))

    def attribute(self, name: str, value: Any, depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401  # whatever is logged
        """A value under a name."""
        if _SENSITIVE.search(name):
            return value if isinstance(value, str) and _MARKED.fullmatch(value) else REDACTED
        return self.value(value, depth)

    def error(self, error: BaseException) -> str:
        """An exception with its causes: types, texts without secrets, and where, without values or source."""
        return "\n".join(self._lines(error, set()))

    def _remember(self, text: str) -> None:
        """What a program logs again and again need not be searched again; nothing that was hidden is kept."""
        if len(self._harmless) >= MAX_REMEMBERED:
            self._harmless.clear()
        self._harmless.add(text)

    def _items(self, items: list[Any], depth: int) -> Any:  # noqa: ANN401  # a list, or the mark
        if len(items) > 7 and all(type(item) is int for item in items):  # noqa: PLR2004  # the octets of something
            return REDACTED
        return [self.value(item, depth) for item in items]

    def _lines(self, error: BaseException, seen: set[int]) -> Iterator[str]:
        seen.add(id(error))
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is not None and id(before) not in seen:
            yield from self._lines(before, seen)
            yield "followed by"
        for frame, line in traceback.walk_tb(error.__traceback__):
            yield f"  {Path(frame.f_code.co_filename).name}, line {line}, in {frame.f_code.co_name}"
        notes = getattr(error, "__notes__", ())
        yield ": ".join([type(error).__qualname__, *(self.text(_shown(said)) for said in (error, *notes))])
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                if id(member) not in seen:
                    yield from self._lines(member, seen)


class _Attributes(dict[str, Any]):
    """What stands in a record: `logging` puts `extra` in here, behind the back of the record itself."""

    def __init__(self, redactor: Redactor, attributes: Mapping[str, Any]) -> None:
        super().__init__()
        self._redactor = redactor
        self.update(attributes)

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401  # whatever is logged
        try:
            shown = value if name in _FIXED else self._redactor.attribute(name, value)
        except Exception as error:  # noqa: BLE001  # likewise
            shown = f"something that {type(error).__name__} kept from being redacted"
        super().__setitem__(name, shown)

    def update(self, attributes: Mapping[str, Any]) -> None:  # type: ignore[override]  # all that `logging` uses
        """Each by itself."""
        for name, value in attributes.items():
            self[name] = value


class RedactedRecord(logging.LogRecord):
    """A record that holds no secret and takes none later, by whatever name."""

    def __init__(self, record: logging.LogRecord, redactor: Redactor) -> None:
        """A redacted copy."""
        found = dict(vars(record))
        error = found.pop("exc_info", None)
        where = found.pop("stack_info", None)
        shown = {"msg": _message(record), "args": (), "exc_info": None, "stack_info": None}
        object.__setattr__(self, "__dict__", _Attributes(redactor, found | shown))
        if isinstance(error, tuple) and error[1] is not None:
            object.__setattr__(self, "exc_text", redactor.error(error[1]))
        if where:
            lines = (line for line in str(where).splitlines() if line.startswith('  File "'))
            object.__setattr__(self, "stack_info", "\n".join(lines))

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401  # whatever a filter or a formatter adds
        vars(self)[name] = value

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[dict[str, Any]]]:
        return logging.makeLogRecord, (dict(vars(self)),)


class _Factory:
    def __init__(self, before: Callable[..., logging.LogRecord], redactor: Redactor) -> None:
        self.before = before
        self._redactor = redactor

    def __call__(self, *arguments: Any, **named: Any) -> logging.LogRecord:  # noqa: ANN401  # as `logging` calls it
        made = self.before(*arguments, **named)
        try:
            return RedactedRecord(made, self._redactor)
        except Exception as error:  # noqa: BLE001  # logging must neither fail nor show what it could not redact
            text = f"a record that {type(error).__name__} kept from being redacted"
            return logging.LogRecord("redaction", logging.ERROR, "", 0, text, (), None)


def install(*, also: Iterable[str] = ()) -> Callable[[], None]:
    """Redact everything that is logged in this process from now on; what comes back undoes it, for tests.

    Args:
        also: regular expressions of what else to hide.
    """
    if installed():
        raise RuntimeError("redaction is installed")
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(_Factory(before, Redactor(also)))
    return lambda: logging.setLogRecordFactory(before)


def installed() -> bool:
    """Whether it is still in its place: ask in a health check, for another library can put its own factory there."""
    return isinstance(logging.getLogRecordFactory(), _Factory)


def _message(record: logging.LogRecord) -> str:
    """The whole message, before redaction: a secret put together from harmless arguments is one as well."""
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001  # `logging` would print message and arguments to stderr
        return f"a message that {type(error).__name__} kept from being formatted"


def _replace(match: re.Match[str]) -> str:
    if match["mark"]:
        return match["mark"]
    if match["line"]:
        return match["line"] + REDACTED
    if match["label"]:
        if _RANDOM.search(match["label"]):
            return REDACTED
        return match["label"] + (match["value"] if _MARKED.fullmatch(match["value"]) else REDACTED)
    if (match.lastgroup or "").startswith("named_"):
        return f"[#{pseudonym(match[0].encode('utf-8', 'surrogatepass'))}]"
    return REDACTED


def _shown(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  # what it is does not matter
        return f"something that {type(error).__name__} kept from being shown"
