"""Redaction for the whole process: `redaction.install()` once, before anything is logged.

It stands where records are made. A handler's filter guards one handler, and the next one that somebody adds is bare; a
logger's filter does not see what its children pass on. The record factory makes every record of every logger, so no
handler, formatter, queue or exporter ever holds anything else.

Only addresses and tokens keep a name: a hash under a key of this process, so that lines about one of them can be told
from lines about another. The same plaintext twice shows nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, Self

from redactor import Allowance, Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_FIXED: Final = frozenset(
    {"pathname", "filename", "module", "funcName", "lineno", "levelname", "levelno", "created", "msecs", "process"}
    | {"relativeCreated", "thread", "asctime"}
)
"""Attributes that the program's text and the clock decide."""


class _Attributes(dict[str, Any]):
    """What stands in a record: `logging` puts `extra` in here, behind the back of the record itself."""

    def __init__(self, redactor: Redactor, attributes: Mapping[str, Any]) -> None:
        super().__init__()
        self._redactor = redactor
        self._allowance = Allowance()
        self.update(attributes)

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401  # whatever is logged
        try:
            self._set(name, value)
        except Exception as error:  # noqa: BLE001  # likewise
            text = f"something that {type(error).__name__} kept from being redacted"
            super().__setitem__("exc_text" if name == "exc_info" else name, text)

    def __ior__(self, attributes: Any) -> Self:  # type: ignore[override,misc]  # noqa: ANN401  # as `update` takes it
        self.update(attributes)
        return self

    def setdefault(self, name: str, value: Any = None) -> Any:  # noqa: ANN401  # likewise
        """As of any dictionary."""
        if name not in self:
            self[name] = value
        return self[name]

    def update(self, *attributes: Any, **named: Any) -> None:  # noqa: ANN401  # likewise
        """Each by itself, but message and arguments together; an exception last, for it becomes a text."""
        found = dict(*attributes, **named)
        if found.get("args"):
            found["msg"] = _formatted(lambda: str(found.get("msg")) % found.pop("args"))
        for name in sorted(found, key="exc_info".__eq__):
            self[name] = found[name]

    def _set(self, name: str, value: Any) -> None:  # noqa: ANN401  # likewise
        if name in _FIXED:
            super().__setitem__(name, value)
        elif name == "args":
            super().__setitem__(name, ())
            if value:
                self["msg"] = _formatted(lambda: str(self.get("msg")) % value)
        elif name == "exc_info":
            super().__setitem__(name, None)
            if isinstance(value, tuple) and value[1] is not None:
                super().__setitem__("exc_text", self._redactor.error(value[1]))
        elif name == "stack_info":
            super().__setitem__(name, _places(value) if value else None)
        else:
            shown = self._redactor.attribute(name, value, allowance=self._allowance)
            super().__setitem__(self._redactor.text(name), shown)


class RedactedRecord(logging.LogRecord):
    """A record that holds no secret and takes none later, by whatever name."""

    def __init__(self, record: logging.LogRecord, redactor: Redactor) -> None:
        """A redacted copy."""
        said = {"msg": _formatted(record.getMessage), "args": ()}
        object.__setattr__(self, "__dict__", _Attributes(redactor, vars(record) | said))

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


def _formatted(message: Callable[[], str]) -> str:
    """The whole message, before redaction: a secret put together from harmless arguments is one as well."""
    try:
        return message()
    except Exception as error:  # noqa: BLE001  # `logging` would print message and arguments to stderr
        return f"a message that {type(error).__name__} kept from being formatted"


def _places(stack: str) -> str:
    """A stack without source."""
    return "\n".join(line for line in str(stack).splitlines() if line.startswith('  File "'))
