"""Names for devices in logs: they tell devices apart within one process, and link nothing between two."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

_KEY: Final = secrets.token_bytes(32)
"""New in each process."""


def pseudonym(address: bytes) -> str:
    """Eight hexadecimal digits."""
    return hashlib.blake2b(address, key=_KEY, digest_size=4).hexdigest()
