"""One address for one device: `alice` and `laptop` make `alice/laptop`, and nothing else makes it."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
"""What a name may be: no separator, one spelling, and short enough that two of them make an address."""


def address(account: str, device: str) -> bytes:
    """The address of a device.

    Raises:
        ValueError: a name is not 1 to 63 of a-z, 0-9, `.`, `_` and `-`, with a letter or a digit first.
    """
    for name in (account, device):
        if _NAME.fullmatch(name) is None:
            raise ValueError("a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', with a letter or a digit first")
    return f"{account}/{device}".encode("ascii")
