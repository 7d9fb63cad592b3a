"""Devices whose operations run on a simulated clock, beside a server that may fail and calls that may crash."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adapters.conversations import NOW
from rotation import new_ring

from ratchetlib import IdentityKeyPair, PrekeyBundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from adapters.places import SqlitePlace
    from store import Store

HOUR = 3600
DAY = 24 * HOUR
WEEK = 7 * DAY


class Crash(BaseException):
    """The process dies here: nothing may catch it."""


@dataclass
class Server:
    """What a relay keeps of prekeys, and what it sees."""

    bundles: dict[bytes, bytes] = field(default_factory=dict)
    items: dict[bytes, list[bytes]] = field(default_factory=dict)
    handed_out: set[bytes] = field(default_factory=set)
    uploads: list[tuple[bytes, bytes, tuple[bytes, ...]]] = field(default_factory=list)
    answers: bool = True

    def publisher(self, address: bytes) -> Callable[[bytes, tuple[bytes, ...]], None]:
        def publish(bundle: bytes, items: tuple[bytes, ...]) -> None:
            if not self.answers:
                raise ConnectionError
            self.uploads.append((address, bundle, items))
            self.bundles[address] = bundle
            self.items[address] = [item for item in items if item not in self.handed_out]

        return publish

    def fetch(self, address: bytes) -> PrekeyBundle:
        if address not in self.bundles:
            raise LookupError("no bundle")
        item = self.items[address].pop(0) if self.items[address] else None
        if item is not None:
            self.handed_out.add(item)
        return PrekeyBundle.from_parts(self.bundles[address], item)


@dataclass
class Crashes:
    """Counts the moments at which a process could die, and makes it die at one of them."""

    at: int | None = None
    passed: int = 0

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise Crash

    def around(self, function: Callable[..., object]) -> Callable[..., object]:
        """Before it and behind it."""

        def surrounded(*arguments: object, **named: object) -> object:
            self()
            result = function(*arguments, **named)
            self()
            return result

        return surrounded

    def watch(self, store: Store) -> None:
        """Every commit of a store, and every move of its anchor."""
        database = store._database
        database.commit = self.around(database.commit)  # type: ignore[method-assign,assignment]
        store._sealing.advance = self.around(store._sealing.advance)  # type: ignore[method-assign,assignment]


def new_device(store: Store, address: bytes, *, now: int = NOW) -> None:
    with store.device() as device:
        device.identity = IdentityKeyPair.generate()
        device.ring = new_ring(device.identity, address, now)


@contextmanager
def dying(place: SqlitePlace) -> Iterator[None]:
    """The process in which the block runs may die; whatever it has open is gone then."""
    try:
        yield
    except Crash:
        for store in place._opened:
            store._database.close()
            store._closed = True
        place._opened.clear()
