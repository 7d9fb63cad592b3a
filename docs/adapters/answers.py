"""What the relay does for devices, as far as they are allowed, and what it says then."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import frames
from pseudonyms import pseudonym

if TYPE_CHECKING:
    from allowances import Allowances
    from mailboxes import Mailboxes

LOG: Final = logging.getLogger("ratchetlib.relay")

FULL: Final = 5.0
"""Seconds after which to try a full mailbox again."""


class Answers:
    """Answers what is sent, published and asked for."""

    def __init__(self, mailboxes: Mailboxes, allowances: Allowances) -> None:
        """Over the relay's memory.

        Args:
            mailboxes: for mail and prekeys.
            allowances: of the devices.
        """
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
        wait = self._allowances.send(sender, sent.to)
        if not wait and not await self._mailboxes.put(sent.id, sender, sent.to, sent.envelope):
            wait = FULL
        return frames.Refused(sent.id, _milliseconds(wait)) if wait else frames.Accepted(sent.id)

    async def _publish(self, address: bytes, said: frames.Publish) -> frames.Stock:
        wait = self._allowances.publish(address, len(said.items))
        if wait:
            LOG.warning("prekeys published too often", extra={"device": pseudonym(address)})
            return frames.Stock(await self._mailboxes.stock(address), _milliseconds(wait))
        return frames.Stock(await self._mailboxes.publish(address, *said), 0)

    async def _fetch(self, asking: bytes, address: bytes) -> tuple[bytes, bytes]:
        if self._allowances.fetch(asking):
            LOG.warning("prekeys asked for too often", extra={"device": pseudonym(asking)})
            return b"", b""
        return await self._mailboxes.fetch(address, item=not self._allowances.item(address))


def _milliseconds(seconds: float) -> int:
    return 1 + int(seconds * 1000)
