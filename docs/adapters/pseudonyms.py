"""What logs may show of a connection: names that tell devices apart within one process, and link nothing between two.

Frames they may not show, and `websockets` writes them at DEBUG, tokens and all: it gets a logger that has no DEBUG.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from typing import Final

QUIET: Final = logging.getLogger("ratchetlib.websockets")
"""For `websockets`, whatever the level of the application's own loggers."""
QUIET.setLevel(logging.WARNING)

_KEY: Final = secrets.token_bytes(32)
"""New in each process."""


def pseudonym(address: bytes) -> str:
    """Eight hexadecimal digits."""
    return hashlib.blake2b(address, key=_KEY, digest_size=4).hexdigest()
