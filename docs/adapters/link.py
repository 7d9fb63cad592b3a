"""How a device reaches the relay: over TLS, at the host that the link names and at no other."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import frames
from heartbeat import INTERVAL, HeardClient
from pseudonyms import QUIET
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that a connection without TLS may go to."""


class InsecureLink(Exception):
    """The credential would have been sent in clear: the link needs wss://."""


@dataclass(slots=True)
class Link:
    """How to reach the relay.

    Attributes:
        uri: wss://…; ws:// for this machine only.
        address: ours.
        credential: 32 random bytes, ours alone.
        context: see `tls`; None only for a relay in the same process.
        heartbeat: seconds between pings, on average.
    """

    uri: str
    address: bytes
    credential: bytes = field(repr=False)
    context: ssl.SSLContext | None = None
    heartbeat: float = INTERVAL

    async def connect(self) -> ClientConnection:
        """A connection on which nothing has been said.

        Raises:
            InsecureLink: it would be without TLS.
            SSLCertVerificationError: whoever answers is not the relay.
            ConnectionError: nobody answers, or no relay.
        """
        try:
            _require_tls(self.uri)
            return await _Connect(
                self.uri,
                ssl=self.context,
                create_connection=HeardClient,
                compression=None,
                max_size=frames.MAX_FRAME,
                ping_interval=None,
                user_agent_header=None,
                proxy=None,
                logger=QUIET,
            )
        except ssl.SSLCertVerificationError:  # a ValueError, too
            raise
        except (WebSocketException, ValueError) as error:
            raise ConnectionError("there is no relay") from error


class _Connect(connect):
    """A connection to the host that the link names and to no other."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _require_tls(uri: str) -> None:
    parts = urlsplit(uri)
    if parts.scheme == "ws" and parts.hostname not in LOOPBACK:
        raise InsecureLink
