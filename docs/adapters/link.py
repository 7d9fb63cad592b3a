"""How a device reaches the relay: over TLS, at the host that the link names and at no other."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import frames
from heartbeat import INTERVAL, HeardClient
from pseudonyms import QUIET
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidURI, WebSocketException
from websockets.uri import parse_uri

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that a connection without TLS may go to."""

CLOSE_TIMEOUT: Final = 1.0
"""Seconds for a relay to answer when the device goes: one that is gone must not hold up the end of a program."""


class BadLink(ValueError):
    """With this link there will never be a connection."""


class InsecureLink(BadLink):
    """The credential would have been sent in clear: the link needs wss://."""


@dataclass(slots=True)
class Link:
    """How to reach the relay. `BadLink` if it cannot be reached like this.

    Attributes:
        uri: wss://…; ws:// for this machine only.
        address: ours.
        credential: 32 random bytes, ours alone.
        context: see `tls`; None only without TLS.
        heartbeat: seconds between pings, on average.
        proxy: to go through, such as socks5h://localhost:9050 for Tor, with the package python-socks. None for none,
            whatever the environment says.
    """

    uri: str
    address: bytes
    credential: bytes = field(repr=False)
    context: ssl.SSLContext | None = None
    heartbeat: float = INTERVAL
    proxy: str | None = None

    def __post_init__(self) -> None:
        """Nothing that is wrong for good is tried again and again."""
        try:
            frames.encode(frames.Login(self.address, self.credential))
        except frames.FrameError as error:
            raise BadLink("an address has 1 to 128 bytes, a credential 32") from error
        self._require_good_uri()

    async def connect(self) -> ClientConnection:
        """A connection on which nothing has been said.

        Raises:
            BadLink: the address of the relay was changed to none.
            SSLCertVerificationError: whoever answers is not the relay.
            ConnectionError: nobody answers, or no relay.
        """
        self._require_good_uri()
        try:
            return await _Connect(
                self.uri,
                ssl=self.context,
                create_connection=HeardClient,
                compression=None,
                max_size=frames.MAX_FRAME,
                ping_interval=None,
                close_timeout=CLOSE_TIMEOUT,
                user_agent_header=None,
                proxy=self.proxy,
                logger=QUIET,
            )
        except ssl.SSLCertVerificationError:  # a ValueError, too
            raise
        except (WebSocketException, ValueError) as error:
            raise ConnectionError("there is no relay") from error

    def _require_good_uri(self) -> None:
        try:
            self.uri.encode()
            parts = parse_uri(self.uri)
        except (InvalidURI, ValueError) as error:
            raise BadLink("the address of a relay is wss://…") from error
        if not parts.secure and parts.host not in LOOPBACK:
            raise InsecureLink("the credential would go over the network in clear: wss://…")
        if parts.secure is (self.context is None):
            raise BadLink("wss:// goes with a context, ws:// without one")


class _Connect(connect):
    """A connection to the host that the link names and to no other."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc
