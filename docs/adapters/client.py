"""A device: its store on one side, the relay on the other.

    client = Client(store, link, now=lambda: int(time.time()), on_event=…)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.run())
        await client.send(b"bob/phone", b"hello")       # saved when this returns; sent when there is a connection
    for letter in store.inbox(): …                       # what has come in, each once; empty ones only began a session

What is to be sent waits in the store's outbox until the relay has it on disk; what is received is in the store before
the relay is told to forget it. So connections, the relay, and this process can die at any time.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
import time
from typing import TYPE_CHECKING, Final

import frames
from beginnings import Beginnings
from channel import Channel, code
from client_events import Events
from heartbeat import beat
from incoming import Incoming
from off_loop import off_loop
from outgoing import Outgoing
from peer_sessions import NoSession
from questions import Questions
from records import StoreBusy, StoreConflict, StoreUnavailable
from refusals import Refusals
from resets import Resets
from together import together
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Callable

    from link import Link
    from store import Store
    from websockets.asyncio.client import ClientConnection

    from ratchetlib import IdentityKey, PrekeyBundle

LOG: Final = logging.getLogger("ratchetlib.client")

FIRST_PAUSE, LAST_PAUSE = 0.2, 60.0
"""Seconds before connecting again, doubling from the one to the other while connections do not last, each time between
half and whole."""

LASTED: Final = 30.0
"""Seconds from the relay's welcome after which a connection was a good one."""

MAX_PLAINTEXT: Final = (1 << 16) - 1
"""Bytes of a plaintext: padded to 64 KiB, by whichever policy, it fits into an envelope."""

_DROPPED: Final = (ConnectionClosed, OSError, TimeoutError, frames.FrameError)
"""Ends of a connection."""

_random: Final = secrets.SystemRandom()


class Client:
    """Runs a device's connection; any number of coroutines may send."""

    def __init__(
        self,
        store: Store,
        link: Link,
        *,
        now: Callable[[], int] = lambda: int(time.time()),
        on_event: Callable[[str, bytes], None] = lambda _event, _peer: None,
        on_letter: Callable[[], None] = lambda: None,
    ) -> None:
        """A client that is not connected yet.

        Args:
            store: of this device; it has an identity and a ring.
            link: where the relay is.
            now: seconds since the Unix epoch.
            on_event: called with the name of a security event and a peer's address, empty if it is the relay's.
            on_letter: called when something has come into the inbox.
        """
        self._store = store
        self._link = link
        self._now = now
        self._events = Events(on_event)
        self._channel = Channel(link, self._events)
        self._questions = Questions(self._channel)
        self._refusals = Refusals(store, self._events)
        self._outgoing = Outgoing(store, self._channel, self._refusals)
        self._beginnings = Beginnings(store, self._questions, now)
        self._resets = Resets(store, self._beginnings, self._outgoing, self._events, self._refusals, now)
        self._incoming = Incoming(store, self._channel, self._resets, self._events, self._refusals, now, on_letter)

    @property
    def changed(self) -> dict[bytes, IdentityKey]:
        """The new identities, by address, about which a person has to decide: `repin` and `reconnect`."""
        return self._incoming.changed

    @property
    def refused(self) -> dict[bytes, Exception]:
        """The peers whose records are missing, old or damaged, about whom a person has to decide: `abandon`.

        Their messages and letters wait; nobody else's do. The empty address: it is not known whose letters they are.
        """
        return self._refusals.peers

    async def run(self) -> None:
        """Be connected, for ever: cancel the task to stop. What no new connection heals is raised.

        Raises:
            StateMissing, StateError: of the device's own records; this device must not go on.
            StoreError, RandomnessError: the store is damaged, or the random source; it must not go on either.
            BadLink: the link was changed to one that is none.
        """
        pause = FIRST_PAUSE
        while True:
            replaced = await self._try()
            lasted = time.monotonic() - self._channel.welcomed >= LASTED
            pause = FIRST_PAUSE if lasted else min(2 * pause, LAST_PAUSE)
            if replaced:  # whoever else has this credential, do not fight
                pause = LAST_PAUSE
            await asyncio.sleep(pause * _random.uniform(0.5, 1))

    async def send(self, peer: bytes, plaintext: bytes) -> None:
        """Encrypt and save; it is sent when there is a connection.

        First contact needs the peer's bundle, and waits for a connection.

        Raises:
            ValueError: the plaintext is too long for the relay.
            LookupError: the peer has published no bundle, or bundles were asked for too often.
            RatchetError, StateMissing: the bundle or the state was refused.
        """
        if len(plaintext) > MAX_PLAINTEXT:
            raise ValueError("a plaintext must fit into an envelope")
        try:
            await off_loop(self._encrypt, peer, plaintext)
        except NoSession:
            await self._beginnings.begin(peer, plaintext)
        finally:  # cancelled, the thread goes on
            self.wake()

    def wake(self) -> None:
        """Look into the outbox now: something was put there without `send`."""
        self._resets.wake()
        self._outgoing.wake()

    async def publish(self, bundle: bytes, items: tuple[bytes, ...]) -> int:
        """Publish the ring's bundle and all its one-time items; how many of them the relay can still hand out then.

        Waits for a connection.

        Raises:
            TooOften: nothing was published.
        """
        return await self._questions.publish(bundle, items)

    async def fetch(self, address: bytes) -> PrekeyBundle:
        """A device's bundle from the relay. Waits for a connection.

        Raises:
            LookupError: it has published none, or bundles were asked for too often.
            MalformedMessage, UnsupportedVersion, BundleRejected: what the relay gave is no good bundle.
        """
        return await self._questions.fetch(address)

    async def reconnect(self) -> None:
        """Have the relay deliver again what was held back: call it when a person has decided about an identity."""
        await self._channel.close()

    async def abandon(self, address: bytes) -> bool:
        """`Store.abandon` for one of `refused`, and then a new session with that peer, as soon as one is allowed.

        Returns:
            Whether a pinned identity is left. If not, whoever answers first is believed: compare fingerprints.
        """
        pinned = await off_loop(self._store.abandon, address)
        self._refusals.healed(address)
        self._resets.remember(address)
        await self.reconnect()
        self.wake()
        return pinned

    def _encrypt(self, address: bytes, plaintext: bytes) -> None:
        with self._store.peer(address) as peer:
            peer.send(plaintext, now=self._now())
            if peer.notes.broken is not None:
                self._resets.remember(address)

    async def _try(self) -> bool:
        """One connection, and what is said about its end; whether another one has taken its place."""
        try:
            await self._once()
        except ssl.SSLCertVerificationError:
            self._events.tell("relay not authenticated", b"")
        except _DROPPED as error:
            LOG.info("disconnected", extra={"reason": type(error).__name__})
            if isinstance(error, ConnectionClosed) and code(error) == frames.REPLACED:
                self._events.tell("replaced", b"")
                return True
        except (StoreConflict, StoreBusy) as error:  # another process of this device
            LOG.info("interrupted", extra={"reason": type(error).__name__})
        except StoreUnavailable:
            self._events.tell("store unavailable", b"")
        return False

    async def _once(self) -> None:
        """One connection, to its end."""
        try:
            async with self._channel.open() as connection:
                self._outgoing.reconnected()
                self._incoming.reconnected()
                await together(
                    self._listen(connection),
                    self._outgoing.pump(),
                    self._outgoing.watch(),
                    self._resets.run(),
                    beat(connection, self._link.heartbeat),
                )
        finally:
            self._questions.disconnected()

    async def _listen(self, connection: ClientConnection) -> None:
        async for message in connection:
            match frames.decode(message):
                case frames.Deliver() as delivered:
                    await self._incoming.take(delivered)
                case frames.Accepted(key):
                    await self._outgoing.accepted(key)
                case frames.Refused() as refused:
                    self._outgoing.refused(refused)
                case frames.Stock() | frames.Bundle() as answer:
                    if self._channel.carries(connection):
                        self._questions.answered(answer)
                case _:
                    raise frames.FrameError("no frame of a relay")
