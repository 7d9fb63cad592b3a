"""Addresses: the application's own names for devices."""

from __future__ import annotations

from ratchetlib.limits import MAX_ADDRESS
from ratchetlib.wire import require_bytes


def require_address(value: object, name: str) -> None:
    """An address is 1 to 128 bytes, compared exactly: no Unicode form, no case, no separator means anything here.

    Raises:
        UsageError: `value` is not that. `name` says which argument it was.
    """
    require_bytes(value, name, minimum=1, maximum=MAX_ADDRESS)
