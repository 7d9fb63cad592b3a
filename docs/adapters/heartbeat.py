"""Pings at intervals that nobody can set a clock by.

A fixed interval tells an observer which connections belong to one client, and its phase follows a device from network
to network.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Final

from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from websockets.asyncio.connection import Connection

INTERVAL: Final = 30.0
"""Seconds between pings on average: below the idle timeout of common middleboxes, 60 seconds."""

JITTER: Final = 0.1
"""Share of the interval by which each one is shorter or longer, uniformly."""

PONG_TIMEOUT: Final = 20.0
"""Seconds after which a silent peer is gone."""

_random: Final = secrets.SystemRandom()


def next_interval(interval: float = INTERVAL) -> float:
    """Seconds until the next ping."""
    return interval * _random.uniform(1 - JITTER, 1 + JITTER)


async def beat(connection: Connection, interval: float = INTERVAL, timeout: float = PONG_TIMEOUT) -> None:  # noqa: ASYNC109  # of the pong, not of this
    """Ping until the connection ends; close it when a ping is not answered in time."""
    try:
        while True:
            await asyncio.sleep(next_interval(interval))
            async with asyncio.timeout(timeout):
                await (await connection.ping())
    except TimeoutError:
        await connection.close(1011, "no pong")
    except ConnectionClosed:
        return
