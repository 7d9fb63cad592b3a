"""A device's connection to the relay: at most one at a time, and each one greeted before anything else is said."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import frames
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from client_events import Events
    from link import Link
    from websockets.asyncio.client import ClientConnection

ANSWER_TIMEOUT: Final = 15.0
"""Seconds to wait for the relay's answer, once it has the question, before the connection counts as dead."""


class Channel:
    """The connection that there is just now, if there is one.

    Attributes:
        welcomed: when the relay let the last connection in, by the monotonic clock; infinite if it did not.
    """

    def __init__(self, link: Link, events: Events) -> None:
        """Not connected yet.

        Args:
            link: where the relay is.
            events: hears of it when the credential is refused.
        """
        self.welcomed = math.inf
        self._link = link
        self._events = events
        self._token = b""
        self._connection: ClientConnection | None = None
        self._connected = asyncio.Event()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[ClientConnection]:
        """A new connection, let in, until the block ends. `Link.connect` says what is raised if there is no relay."""
        self.welcomed = math.inf
        token, self._token = self._token, b""  # used, whatever comes of it
        try:
            async with await self._link.connect() as connection:
                await self._greet(connection, token)
                self._connection = connection
                self.welcomed = time.monotonic()
                self._connected.set()
                yield connection
        except ConnectionClosed as closed:
            if not token and code(closed) == frames.REFUSED:
                self._events.tell("login refused", b"")
            raise
        finally:
            self._connected.clear()
            self._connection = None

    async def connected(self) -> None:
        """Wait for a connection."""
        await self._connected.wait()

    def carries(self, connection: ClientConnection) -> bool:
        """Whether this is the connection, and not one that was broken off."""
        return connection is self._connection

    async def say(self, message: bytes) -> None:
        """Send a frame; `ConnectionError` or `ConnectionClosed` if there is no connection."""
        if self._connection is None:
            raise ConnectionError("not connected")
        await self._connection.send(message)

    async def close(self) -> None:
        """End the connection, if there is one."""
        if self._connection is not None:
            await self._connection.close()

    def break_off(self) -> None:
        """End the connection; what it has still read answers no later question."""
        connection, self._connection = self._connection, None
        self._connected.clear()
        if connection is not None:
            connection.transport.abort()

    async def _greet(self, connection: ClientConnection, token: bytes) -> None:
        greeting = frames.Resume(token) if token else frames.Login(self._link.address, self._link.credential)
        await connection.send(frames.encode(greeting))
        async with asyncio.timeout(ANSWER_TIMEOUT):
            welcome = frames.decode(await connection.recv())
        if not isinstance(welcome, frames.Welcome):
            raise frames.FrameError("no welcome")
        self._token = welcome.token


def code(closed: ConnectionClosed) -> int:
    """With which the relay has closed, or 0."""
    return closed.rcvd.code if closed.rcvd is not None else 0
