"""How the relay ends a connection and says why: whoever is on it may not answer, and nobody waits for that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from together import end

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

PARTING: Final = 1.0
"""Seconds for a device to answer when it is told why it is disconnected."""


class Partings:
    """Connections that are being closed."""

    def __init__(self) -> None:
        """None is."""
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, connection: ServerConnection, code: int) -> None:
        """Close a connection with a code, or without, if that takes long."""
        parting = asyncio.create_task(_close(connection, code))
        self._tasks.add(parting)
        parting.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Give up those that are left."""
        await end(*self._tasks)


async def _close(connection: ServerConnection, code: int) -> None:
    try:
        async with asyncio.timeout(PARTING):
            await connection.close(code)
    except TimeoutError:
        connection.transport.abort()
