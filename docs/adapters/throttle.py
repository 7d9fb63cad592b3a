"""Token buckets, one for each key: an address, a peer, a network address."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

MAX_KEYS: Final = 100_000
"""Buckets kept; a full bucket that has gone is a full bucket, so the least recently used one can go."""


class Rate(NamedTuple):
    """How much is allowed.

    Attributes:
        a_second: how fast a bucket fills.
        burst: how much it holds.
    """

    a_second: float
    burst: float


class Throttle:
    """Says how long to wait."""

    def __init__(self, rate: Rate, clock: Callable[[], float], max_keys: int = MAX_KEYS) -> None:
        """All buckets are full.

        Args:
            rate: of each bucket.
            clock: monotonic seconds.
            max_keys: buckets kept.
        """
        self._rate = rate
        self._clock = clock
        self._max_keys = max_keys
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait(self, key: Hashable, cost: float = 1) -> float:
        """Take `cost` from the key's bucket, if it is there: 0; else the seconds until it will be."""
        now = self._clock()
        level, at = self._buckets.pop(key, (self._rate.burst, now))
        level = min(self._rate.burst, level + (now - at) * self._rate.a_second)
        missing = max(0.0, cost - level)
        self._buckets[key] = (level if missing else level - cost, now)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        return missing / self._rate.a_second
