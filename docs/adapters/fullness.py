"""Whether Redis has room: what it keeps must never take the room that devices need to log in and to fetch it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

FULL: Final = 0.8
"""Share of Redis' `maxmemory` above which nothing more is taken. The rest is for tokens, for what clients of Redis have
under way, and for its own needs."""

LOOK: Final = 0.25
"""Seconds between two looks: far less than all devices together need to fill the rest."""


class Fullness:
    """Looks at the memory of a Redis."""

    def __init__(self, redis: Redis, clock: Callable[[], float]) -> None:
        """Not looked yet.

        Args:
            redis: whose; without `maxmemory` it is never full, until the machine is.
            clock: monotonic seconds.
        """
        self._redis = redis
        self._clock = clock
        self._due = clock()
        self._full = False

    async def full(self) -> bool:
        """Whether nothing more is to be put into it."""
        now = self._clock()
        if now >= self._due:
            self._due = now + LOOK
            memory = await self._redis.info("memory")
            self._full = 0 < memory["maxmemory"] * FULL < memory["used_memory"]
        return self._full
