"""Resume tokens: random, good once, known to Redis and to the logs as hashes only.

Who reads Redis or the logs cannot resume anybody's connection: 32 random bytes are not guessed from their hash.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from redis.asyncio import Redis

LENGTH: Final = 32
"""Bytes of a token."""

LIFETIME: Final = 24 * 3600
"""Seconds for which a token is good: after a day offline a device logs in again."""

SHOWN: Final = 12
"""Hexadecimal digits of the hash in a log: enough to tell tokens apart, too few for `redaction` to hide, and no help in
finding one."""

_ISSUE: Final = """
local before = redis.call('GETDEL', KEYS[1])
if before then redis.call('DEL', 'token:' .. before) end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
redis.call('SET', 'token:' .. ARGV[1], ARGV[2], 'EX', ARGV[3])
redis.call('PUBLISH', 'mail', ARGV[2])
"""
"""One step: of two connections at once, only the later one's token is good, and `revoke` finds it. Every relay hears of
it. It begins with a deletion: a Redis that is full still takes what follows."""

_REVOKE: Final = """
local current = redis.call('GETDEL', KEYS[1])
if current then redis.call('DEL', 'token:' .. current) end
"""


def digest(token: bytes) -> str:
    """What is stored."""
    return hashlib.sha256(b"resume token" + token).hexdigest()


def shown(token: bytes) -> str:
    """What is logged."""
    return digest(token)[:SHOWN]


class ResumeTokens:
    """All tokens that are out."""

    def __init__(self, redis: Redis, lifetime: int = LIFETIME) -> None:
        """Keep them in a Redis.

        Args:
            redis: over TLS, unless it is a socket of this machine.
            lifetime: seconds.
        """
        self._redis = redis
        self._lifetime = lifetime
        self._issue = redis.register_script(_ISSUE)
        self._revoke = redis.register_script(_REVOKE)

    async def issue(self, address: bytes) -> bytes:
        """A new token for a device; those it had before are no longer good."""
        token = secrets.token_bytes(LENGTH)
        await self._issue(keys=[_owner(address)], args=[digest(token), address, self._lifetime])
        return token

    async def superseded(self, address: bytes, token: bytes) -> bool:
        """Whether a later one was issued to the device, by whichever relay."""
        newest: bytes | None = await self._redis.get(_owner(address))  # type: ignore[assignment]  # not decoded
        return newest is not None and newest.decode() != digest(token)

    async def redeem(self, token: bytes) -> bytes | None:
        """Whose token it is, or None: unknown, used, revoked or too old. After that it is used."""
        address: bytes | None = await self._redis.getdel(f"token:{digest(token)}")  # type: ignore[assignment]
        return address

    async def revoke(self, address: bytes) -> None:
        """None of a device's tokens is good any more."""
        await self._revoke(keys=[_owner(address)])


def _owner(address: bytes) -> str:
    return f"token-of:{hashlib.sha256(address).hexdigest()}"
