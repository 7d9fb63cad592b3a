"""Log records as lines of JSON: what is asked of a log later is asked by field."""

from __future__ import annotations

import json
import logging
import time
from typing import Any, Final

from redactor import shown

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One line of JSON a record, in ASCII: nothing in a message can forge a line or move a terminal's cursor."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "logger": record.name,
            "text": record.getMessage(),
        }
        said |= {name: value for name, value in vars(record).items() if name not in _STANDARD | said.keys()}
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            said["trace"] = record.exc_text.splitlines()
        try:
            return json.dumps(said, default=shown, allow_nan=False)
        except (TypeError, ValueError, RecursionError):  # keys that are no text, not-a-number, what contains itself
            return json.dumps({name: value if name == "trace" else shown(value) for name, value in said.items()})
