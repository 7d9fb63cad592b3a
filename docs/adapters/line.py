"""A device's connection to the relay, and its mail on the way to it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import frames

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mailboxes import Mailboxes
    from websockets.asyncio.server import ServerConnection

WINDOW: Final = 64
"""Envelopes under way to a device that it has not acknowledged: more would only fill its memory."""

READ_AHEAD: Final = 8
"""Envelopes read from a mailbox at once: at most 8 MiB a connection, however slow it is."""

POLL: Final = 5.0
"""Seconds after which a mailbox is looked into although nothing was heard: what is heard is no promise."""

GUARD: Final = 60.0
"""Seconds after which it is asked whether a device has to go although nothing was heard of it."""

SEND_TIMEOUT: Final = 30.0
"""Seconds for which a connection may take nothing before it is closed."""


class Line:
    """The connection of a device that was let in.

    Attributes:
        address: whose.
        connection: over which.
    """

    def __init__(self, address: bytes, connection: ServerConnection, mailboxes: Mailboxes) -> None:
        """Nothing has been sent yet.

        Args:
            address: of the device.
            connection: to it.
            mailboxes: hold its mail.
        """
        self.address = address
        self.connection = connection
        self._mailboxes = mailboxes
        self._room = asyncio.Semaphore(WINDOW)
        self._unacknowledged: set[int] = set()
        self._mail = asyncio.Event()
        self._check = asyncio.Event()

    def wake(self) -> None:
        """There may be more to deliver, or the device may have to go."""
        self._mail.set()
        self._check.set()

    async def send(self, frame: frames.Frame) -> None:
        """Send a frame; `TimeoutError` if it is not taken in time."""
        async with asyncio.timeout(SEND_TIMEOUT):
            await self.connection.send(frames.encode(frame))

    async def deliver(self) -> None:
        """Send what is in the mailbox, at most a window ahead of the acknowledgements."""
        sent = 0
        while True:
            self._mail.clear()
            found = await self._mailboxes.behind(self.address, sent, READ_AHEAD)
            for mail in found:
                await self._room.acquire()
                self._unacknowledged.add(mail.number)
                await self.send(frames.Deliver(*mail))
                sent = mail.number
            if not found:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._mail.wait(), POLL)

    async def acknowledged(self, number: int) -> None:
        """The device has an envelope: forget it. Only what was sent can be acknowledged."""
        if number in self._unacknowledged:
            self._unacknowledged.remove(number)
            await self._mailboxes.forget(self.address, number)
            self._room.release()

    async def dismissed(self, why: Callable[[], Awaitable[int]]) -> int:
        """Wait until the device has to go, whichever process says so; the code that `why` gives then."""
        while True:
            self._check.clear()
            if code := await why():
                return code
            with suppress(TimeoutError):
                await asyncio.wait_for(self._check.wait(), GUARD)
