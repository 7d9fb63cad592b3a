"""Pings at intervals that nobody can set a clock by; and who is still there: anybody of whom something comes in.

A fixed interval tells an observer which connections belong to one client, and its phase follows a device from network
to network. On a slow line a ping, or its answer, waits behind what is under way: that is a sign of life as well.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

INTERVAL: Final = 30.0
"""Seconds between pings on average: below the idle timeout of common middleboxes, 60 seconds."""

JITTER: Final = 0.1
"""Share of the interval by which each one is shorter or longer, uniformly."""

PONG_TIMEOUT: Final = 40.0
"""Seconds without a byte of a peer that has been pinged, after which it is gone: longer than between its own pings,
which come although its answer waits behind what it is sent."""

_random: Final = secrets.SystemRandom()


class _Heard(Connection):
    """Counts what comes in.

    Attributes:
        heard: bytes.
    """

    heard: int = 0

    def data_received(self, data: bytes) -> None:
        """Something has come in."""
        self.heard += len(data)
        super().data_received(data)


class HeardServer(_Heard, ServerConnection):
    """The relay's end of a connection."""


class HeardClient(_Heard, ClientConnection):
    """A device's end."""


def next_interval(interval: float = INTERVAL) -> float:
    """Seconds until the next ping."""
    return interval * _random.uniform(1 - JITTER, 1 + JITTER)


async def beat(connection: Connection, interval: float = INTERVAL, timeout: float = PONG_TIMEOUT) -> None:  # noqa: ASYNC109  # of the pong, not of this
    """Ping until the connection ends; end it when nothing has come in for a while after a ping."""
    loop = asyncio.get_running_loop()
    checks: list[asyncio.TimerHandle] = []
    try:
        while True:
            await asyncio.sleep(next_interval(interval))
            now = loop.time()
            checks = [check for check in checks if check.when() > now]
            checks.append(loop.call_later(timeout, _require_life, connection, _heard(connection)))
            await connection.ping()
    except ConnectionClosed:
        return
    finally:
        for check in checks:
            check.cancel()


def _require_life(connection: Connection, heard: int) -> None:
    if _heard(connection) == heard:
        connection.transport.abort()


def _heard(connection: Any) -> int:  # noqa: ANN401  # one that counts, or another
    return getattr(connection, "heard", 0)
