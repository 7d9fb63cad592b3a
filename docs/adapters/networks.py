"""Whence connections come, and how many there may be at once."""

from __future__ import annotations

import ipaddress
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CONNECTIONS: Final = 10_000
"""Of one process, let in or not."""

MAX_OF_A_NETWORK: Final = 200
"""Connections of one network address at once: an office behind one address, and no more memory than that."""


def network(remote: Any) -> str:  # noqa: ANN401  # whatever the socket says
    """What one subscriber has: an IPv4 address, or 64 bits of IPv6."""
    host = remote[0] if isinstance(remote, tuple) else ""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    if found.version == 4:  # noqa: PLR2004  # its name
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


class Places:
    """The places for connections."""

    def __init__(self) -> None:
        """All are free."""
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, of: str) -> Iterator[bool]:
        """A place for a connection of a network, for the block; whether there was one."""
        if self._taken.total() >= MAX_CONNECTIONS or self._taken[of] >= MAX_OF_A_NETWORK:
            yield False
            return
        self._taken[of] += 1
        try:
            yield True
        finally:
            self._taken[of] -= 1
            if not self._taken[of]:
                del self._taken[of]
