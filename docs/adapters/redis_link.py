"""How the relay reaches its Redis: over TLS, or over a socket of this machine, with a password that can be rotated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from redis import CredentialProvider
from redis.asyncio import BlockingConnectionPool, Redis
from tls import client_context

if TYPE_CHECKING:
    from pathlib import Path

    from redis.asyncio.retry import Retry

REDIS_TIMEOUT: Final = 10.0
"""Seconds for which Redis may be silent before it counts as gone: longer than a slow disk, shorter than patience."""

REDIS_CONNECTIONS: Final = 32
"""To Redis, of one process: it runs one command after the other, so that more would only wait there. One of them hears
the news all the time."""

REDIS_QUEUE: Final = 30.0
"""Seconds for which a command waits until one of them is free: as long as it takes all devices of a process to look
into their mailboxes at once, with time to spare."""


class PasswordFile(CredentialProvider):
    """The password of Redis, read anew for each connection: rotate it in the file, and no process restarts."""

    def __init__(self, path: Path, user: str) -> None:
        self._path = path
        self._user = user

    def get_credentials(self) -> tuple[str, str]:
        """Name and password."""
        return self._user, self._path.read_text(encoding="utf-8").strip()

    async def get_credentials_async(self) -> tuple[str, str]:
        """The same."""
        return self.get_credentials()


def connect_redis(
    uri: str,
    *,
    authority: Path | None = None,
    user: str = "default",
    password: Path | None = None,
    retry: Retry | None = None,
) -> Redis:
    """A Redis over TLS, or over a socket of this machine; no other.

    More commands than connections wait: a pool that does not block would fail them, and with them a relay's devices.

    Args:
        uri: rediss:// or unix://. Its query may name the authority (`ssl_ca_certs`) and nothing else: it would override
            what is set here, the checks of names included.
        authority: the only certificate authority to trust for it; None for the system's.
        user: its name there.
        password: the file that holds the user's.
        retry: how often to try again; None for what redis-py does.
    """
    settings: dict[str, Any] = {
        "socket_timeout": REDIS_TIMEOUT,
        "socket_connect_timeout": REDIS_TIMEOUT,
        "max_connections": REDIS_CONNECTIONS,
        "timeout": REDIS_QUEUE,
    }
    if retry is not None:
        settings["retry"] = retry
    if parse_qs(urlsplit(uri).query, keep_blank_values=True).keys() - {"ssl_ca_certs"}:
        raise ValueError("the query of the address of Redis may name ssl_ca_certs, and nothing else")
    if uri.startswith("rediss://"):
        settings |= {"ssl_min_version": client_context().minimum_version, "ssl_check_hostname": True}
        if authority:
            settings["ssl_ca_certs"] = str(authority)
    elif not uri.startswith("unix://"):
        raise ValueError("Redis is reached by rediss:// or unix://")
    if password:
        settings["credential_provider"] = PasswordFile(password, user)
    return Redis.from_pool(BlockingConnectionPool.from_url(uri, **settings))
