"""What the relay does for devices, as far as they are allowed, and what it says then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import frames
from pseudonyms import pseudonym

if TYPE_CHECKING:
    from allowances import Allowances
    from fullness import Fullness
    from mailboxes import Mailboxes
    from relay_log import RelayLog

FULL: Final = 5.0
"""Seconds after which to try a full mailbox, or a full Redis, again."""


class Answers:
    """Answers what is sent, published and asked for."""

    def __init__(self, mailboxes: Mailboxes, fullness: Fullness, allowances: Allowances, log: RelayLog) -> None:
        """Over the relay's memory.

        Args:
            mailboxes: for mail and prekeys.
            fullness: of what they are in.
            allowances: of the devices.
            log: of who wanted more.
        """
        self._log = log
        self._fullness = fullness
        self._mailboxes = mailboxes
        self._allowances = allowances

    async def to(self, asking: bytes, frame: frames.Frame) -> frames.Frame:
        """The answer to a device's frame, once it holds; `FrameError` if there is none."""
        match frame:
            case frames.Send():
                return await self._take(asking, frame)
            case frames.Publish():
                return await self._publish(asking, frame)
            case frames.Fetch(address):
                return frames.Bundle(address, *await self._fetch(asking, address))
            case _:
                raise frames.FrameError("no frame of a client")

    async def _take(self, sender: bytes, sent: frames.Send) -> frames.Accepted | frames.Refused:
        wait = self._allowances.send(sender, sent.to, len(sent.envelope)) or await self._room()
        if not wait and not await self._mailboxes.put(sent.id, sender, sent.to, sent.envelope):
            wait = FULL
        return frames.Refused(sent.id, _milliseconds(wait)) if wait else frames.Accepted(sent.id)

    async def _publish(self, address: bytes, said: frames.Publish) -> frames.Stock:
        wait = self._allowances.publish(address, len(said.items)) or await self._room()
        if wait:
            self._log.warn("prekeys not taken", device=pseudonym(address))
            return frames.Stock(await self._mailboxes.stock(address), _milliseconds(wait))
        return frames.Stock(await self._mailboxes.publish(address, *said), 0)

    async def _room(self) -> float:
        if not await self._fullness.full():
            return 0
        self._log.warn("Redis is full")
        return FULL

    async def _fetch(self, asking: bytes, address: bytes) -> tuple[bytes, bytes]:
        if self._allowances.fetch(asking):
            self._log.warn("prekeys asked for too often", device=pseudonym(asking))
            return b"", b""
        return await self._mailboxes.fetch(address, item=not self._allowances.item(address))


def _milliseconds(seconds: float) -> int:
    return 1 + int(seconds * 1000)
