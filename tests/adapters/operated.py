"""Devices whose operations run on a simulated clock, beside a server that may fail and calls that may crash."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from adapters.conversations import NOW
from peer_sessions import NoSession
from renewal import Renewal
from rotation import new_ring, publish_due
from support.anchors import MemoryAnchor

from ratchetlib import IdentityChanged, IdentityKeyPair, PeerError, PrekeyBundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from adapters.places import Place, SqlitePlace
    from store import Store

HOUR = 3600
DAY = 24 * HOUR
WEEK = 7 * DAY


_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Crash(BaseException):
    """The process dies here: nothing may catch it."""


@dataclass
class Server:
    """What a relay keeps of prekeys, and what it sees."""

    bundles: dict[bytes, bytes] = field(default_factory=dict)
    items: dict[bytes, list[bytes]] = field(default_factory=dict)
    handed_out: set[bytes] = field(default_factory=set)
    fetched: list[bytes] = field(default_factory=list)
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

    def epochs(self, address: bytes) -> list[int]:
        """Of the bundles that a device has uploaded, each once, in order."""
        bundles = dict.fromkeys(bundle for owner, bundle, _ in self.uploads if owner == address)
        return [PrekeyBundle.from_parts(bundle, None).signed.epoch for bundle in bundles]

    def fetch(self, address: bytes) -> PrekeyBundle:
        self.fetched.append(address)
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

    def around(self, function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
        """Before it and behind it."""

        def surrounded(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
            self()
            result = function(*arguments, **named)
            self()
            return result

        return surrounded

    def watch(self, store: Store) -> None:
        """Every commit of a store, and every move of its anchor."""
        database = store._database
        database.commit = self.around(database.commit)  # type: ignore[method-assign]
        store._sealing.advance = self.around(store._sealing.advance)  # type: ignore[method-assign]


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


class World:
    """Devices with stores over one server, whose post holds back what a changed identity has sent, as the client does.

    Attributes:
        changed: (recipient, sender) of each refusal because of a changed identity.
        lost: (recipient, sender) of each message that was refused for any other reason.
    """

    def __init__(self, place: Place, *addresses: bytes) -> None:
        self._place = place
        self.server = Server()
        self.anchors = {address: MemoryAnchor() for address in addresses}
        self.stores: dict[bytes, Store] = {}
        self.held: list[tuple[bytes, bytes, bytes]] = []
        self.changed: list[tuple[bytes, bytes]] = []
        self.lost: list[tuple[bytes, bytes]] = []
        self.read: dict[bytes, list[tuple[bytes, bytes]]] = {address: [] for address in addresses}
        for address in addresses:
            new_device(self.open(address), address)
            publish_due(self.stores[address], self.server.publisher(address))

    def open(self, address: bytes) -> Store:
        self.stores[address] = self._place.open(address, anchor=self.anchors[address])
        return self.stores[address]

    def send(self, sender: bytes, to: bytes, plaintext: bytes, now: int) -> None:
        try:
            with self.stores[sender].peer(to) as peer:
                peer.send(plaintext, now=now)
        except NoSession:
            with self.stores[sender].peer(to) as peer:
                peer.begin(self.server.fetch(to), now=now, first=plaintext)

    def carry(self, now: int) -> None:
        """Everything that waits is delivered, and what is received is read."""
        self.held = [post for post in self.held if not self._deliver(*post, now)]
        for sender, store in self.stores.items():
            for letter in store.outbox():
                if not self._deliver(letter.peer, sender, letter.content, now):
                    self.held.append((letter.peer, sender, letter.content))
                store.done(letter)
        for address, store in self.stores.items():
            for letter in store.inbox():
                self.read[address].append((letter.peer, letter.content))
                store.done(letter)

    def _deliver(self, to: bytes, sender: bytes, envelope: bytes, now: int) -> bool:
        try:
            with self.stores[to].peer(sender) as peer:
                peer.receive(envelope, now=now)
        except IdentityChanged:
            self.changed.append((to, sender))
            return False
        except PeerError:
            self.lost.append((to, sender))
        return True

    def befriend(self, one: bytes, other: bytes, now: int) -> None:
        self.send(one, other, b"hello", now)
        self.carry(now)
        self.send(other, one, b"hello yourself", now)
        self.carry(now)

    def sessions(self, address: bytes, peer: bytes) -> set[str]:
        with self.stores[address].peer(peer) as locked:
            return {entry.session_id for entry in locked.notes.entries}

    def look_after(self, address: bytes, peer: bytes, now: int) -> None:
        """What an application does now and then: begin anew if only that heals and it is allowed."""
        with self.stores[address].peer(peer) as locked:
            due = locked.request_reset(now)
        if due:
            with self.stores[address].peer(peer) as locked:
                locked.begin(self.server.fetch(peer), now=now)

    @contextmanager
    def rolled_back(self, address: bytes, peer: bytes) -> Iterator[None]:
        """What one device keeps of a peer is as old as the start of the block when that is over."""
        shelf = self.stores[address]._sealing.shelf(peer)
        columns = self._place.interfere(address, "SELECT name, generation, blob FROM records WHERE shelf=?", shelf)
        yield
        with self.stores[address].peer(peer) as locked:
            locked.report_broken()  # the notes are older as well then
        for name, generation, blob in columns:
            change = "UPDATE records SET generation=?, blob=? WHERE shelf=? AND name=?"
            self._place.interfere(address, change, generation, blob, shelf, name)
        self.open(address)

    def texts(self, address: bytes) -> list[bytes]:
        return [content for _, content in self.read[address] if content]

    def renewal(self, address: bytes, crashes: Crashes | None = None) -> Renewal:
        around = (crashes or Crashes()).around
        publish, fetch = around(self.server.publisher(address)), around(self.server.fetch)
        return Renewal(self.stores[address], publish=publish, fetch=fetch)
