"""How much the relay does for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from frames import MAX_ITEMS
from throttle import Rate, Throttle

if TYPE_CHECKING:
    from collections.abc import Callable


CHARGED: Final = 8 << 10
"""Bytes that count as one envelope: a larger one counts as several."""


class Rates(NamedTuple):
    """How much of what is allowed.

    Attributes:
        greeting: connections from a network address: guessing, and the cost of a handshake.
        sending: envelopes from a device, large ones as several.
        peer: envelopes from a device to one other, large ones as several.
        fetching: bundles for a device: draining somebody's one-time items is slow.
        target: items of a device, whoever asks; above that, there are bundles without one.
        publishing: one-time items, and one for the bundle, from a device.
    """

    greeting: Rate = Rate(1, 20)
    sending: Rate = Rate(20, 200)
    peer: Rate = Rate(10, 100)
    fetching: Rate = Rate(1 / 6, 20)
    target: Rate = Rate(1 / 60, 60)
    publishing: Rate = Rate(1 / 36, 2 * MAX_ITEMS)


class Allowances:
    """Each method takes what it is named after, if it is allowed now: 0; else the seconds until it will be."""

    def __init__(self, rates: Rates, clock: Callable[[], float]) -> None:
        """Nothing has been taken yet.

        Args:
            rates: what is allowed.
            clock: monotonic seconds.
        """
        self._greeting = Throttle(rates.greeting, clock)
        self._sending = Throttle(rates.sending, clock)
        self._peer = Throttle(rates.peer, clock)
        self._fetching = Throttle(rates.fetching, clock)
        self._target = Throttle(rates.target, clock)
        self._publishing = Throttle(rates.publishing, clock)

    def greet(self, network: str) -> float:
        """A connection from a network."""
        return self._greeting.wait(network)

    def send(self, sender: bytes, to: bytes, size: int) -> float:
        """An envelope of so many bytes from a device to another."""
        cost = max(1.0, size / CHARGED)
        return self._sending.wait(sender, cost) or self._peer.wait((sender, to), cost)

    def publish(self, address: bytes, items: int) -> float:
        """A bundle of a device, with so many items."""
        return self._publishing.wait(address, 1 + items)

    def fetch(self, asking: bytes) -> float:
        """A bundle for a device."""
        return self._fetching.wait(asking)

    def item(self, address: bytes) -> float:
        """An item of a device, whoever asks."""
        return self._target.wait(address)
