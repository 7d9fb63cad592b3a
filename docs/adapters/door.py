"""Who is let in: by a credential, or by a resume token, and not once it was revoked."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import frames
from networks import network
from pseudonyms import pseudonym
from resume_tokens import shown

if TYPE_CHECKING:
    from allowances import Allowances
    from mailboxes import Mailboxes
    from relay_log import RelayLog
    from resume_tokens import ResumeTokens
    from websockets.asyncio.server import ServerConnection

LOG: Final = logging.getLogger("ratchetlib.relay")

GREETING_TIMEOUT: Final = 10.0
"""Seconds for the first frame: whoever opens connections and says nothing does not keep them."""


class NotLetIn(Exception):
    """A connection is to be closed with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Door:
    """Says whose a connection is."""

    def __init__(self, mailboxes: Mailboxes, tokens: ResumeTokens, allowances: Allowances, log: RelayLog) -> None:
        """A door.

        Args:
            mailboxes: know the credentials, and who was barred.
            tokens: that were issued.
            allowances: of connections.
            log: of who was not let in.
        """
        self._log = log
        self._mailboxes = mailboxes
        self._tokens = tokens
        self._allowances = allowances

    async def greet(self, connection: ServerConnection) -> bytes:
        """Whose connection it is, by its first frame; `NotLetIn`, or `TimeoutError`."""
        async with asyncio.timeout(GREETING_TIMEOUT):
            if self._allowances.greet(network(connection.remote_address)):
                raise NotLetIn(frames.BUSY)
            match frames.decode(await connection.recv()):
                case frames.Login(address, credential):
                    if await self._mailboxes.admits(address, credential):
                        return address
                    barred = await self._mailboxes.barred(address)
                    self._log.warn("login refused", device=pseudonym(address), barred=barred)
                case frames.Resume(token):
                    found = await self._tokens.redeem(token)
                    LOG.info("resume", extra={"hash": shown(token), "known": found is not None})
                    if found is not None:
                        return found
                case _:
                    raise frames.FrameError("no first frame")
            raise NotLetIn(frames.REFUSED)

    async def token(self, address: bytes) -> bytes:
        """What lets a device in the next time; `NotLetIn` if it has been revoked since it was greeted."""
        token = await self._tokens.issue(address)
        if await self._mailboxes.barred(address):  # after this, `revoke` finds the token
            await self._tokens.revoke(address)
            raise NotLetIn(frames.REFUSED)
        return token

    async def dismissal(self, address: bytes, token: bytes) -> int:
        """The code with which a device that was let in with a token has to go: revoked, or let in elsewhere; or 0."""
        if await self._mailboxes.barred(address):
            return frames.REFUSED
        return frames.REPLACED if await self._tokens.superseded(address, token) else 0

    async def revoke(self, address: bytes) -> None:
        """Nothing that a device knows lets it in again."""
        await self._mailboxes.bar(address)
        await self._tokens.revoke(address)
