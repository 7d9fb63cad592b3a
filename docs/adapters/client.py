"""A device: its store on one side, the relay on the other.

    client = Client(store, link, now=lambda: int(time.time()), on_event=…)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(client.run())
        await client.send(b"bob/phone", b"hello")       # saved when this returns; sent when there is a connection
    for letter in store.inbox(): …                       # what has come in, each once

What is to be sent waits in the store's outbox until the relay has it on disk; what is received is in the store before
the relay is told to forget it. So connections, the relay, and this process can die at any time.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import frames
from heartbeat import INTERVAL, beat
from peer_sessions import NoSession, ResetNotGranted, WrongPeer
from pseudonyms import pseudonym
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from ratchetlib import IdentityChanged, PeerError, PrekeyBundle, SessionForked, TooManySkipped

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Coroutine

    from records import Letter
    from store import Store
    from websockets.asyncio.client import ClientConnection

LOG: Final = logging.getLogger("ratchetlib.client")

FIRST_PAUSE, LAST_PAUSE = 0.2, 60.0
"""Seconds before connecting again, doubling from the one to the other, each time between half and whole."""

ANSWER_TIMEOUT: Final = 15.0
"""Seconds to wait for the relay's answer before the connection counts as dead."""

UNDER_WAY: Final = 32
"""Letters sent to the relay that it has not confirmed."""

HELD: Final = 8
"""Messages of changed identities that are left in the mailbox until a person has decided; more are dropped, so that
nobody can fill the window with them."""

_random: Final = secrets.SystemRandom()


@dataclass(slots=True)
class Link:
    """How to reach the relay.

    Attributes:
        uri: wss://…
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
            on_event: called with the name of a security event and a peer's address.
            on_letter: called when something has come into the inbox.
        """
        self._store = store
        self._link = link
        self._now = now
        self._on_event = on_event
        self._on_letter = on_letter
        self._token = b""
        self._connection: ClientConnection | None = None
        self._connected = asyncio.Event()
        self._work = asyncio.Event()
        self._asking = asyncio.Lock()
        self._answer: asyncio.Future[frames.Stock | frames.Bundle] | None = None
        self._under_way: dict[bytes, Letter] = {}
        self._held: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Be connected, for ever: cancel the task to stop."""
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._open() as connection:
                    pause = FIRST_PAUSE
                    await self._hold(connection)
            except (OSError, ConnectionClosed, InvalidHandshake, TimeoutError, frames.FrameError) as error:
                LOG.info("disconnected", extra={"reason": type(error).__name__})
            await asyncio.sleep(pause * _random.uniform(0.5, 1))
            pause = min(2 * pause, LAST_PAUSE)

    async def send(self, peer: bytes, plaintext: bytes) -> None:
        """Encrypt and save; it is sent when there is a connection.

        First contact needs the peer's bundle, and waits for a connection.

        Raises:
            LookupError: the peer has published no bundle, or bundles were asked for too often.
            RatchetError: the library refused the bundle or the state.
        """
        try:
            await asyncio.to_thread(self._encrypt, peer, plaintext)
        except NoSession:
            await self._begin(peer, plaintext)
        self._work.set()

    async def publish(self, bundle: bytes, items: tuple[bytes, ...]) -> int:
        """Publish prekeys; how many one-time items the relay has then. Waits for a connection."""
        stock = await self._ask(frames.Publish(bundle, items))
        return stock.left if isinstance(stock, frames.Stock) else 0

    async def reconnect(self) -> None:
        """Have the relay deliver again what was held back: call it when a person has decided about an identity."""
        if self._connection is not None:
            await self._connection.close()

    # Sending

    def _encrypt(self, address: bytes, plaintext: bytes) -> None:
        with self._store.peer(address) as peer:
            peer.send(plaintext, now=self._now())

    async def _begin(self, address: bytes, first: bytes = b"") -> None:
        """Begin a session with a bundle from the relay."""
        answer = await self._ask(frames.Fetch(address))
        if not isinstance(answer, frames.Bundle) or not answer.bundle:
            raise LookupError("no bundle")
        bundle = PrekeyBundle.from_parts(answer.bundle, answer.item or None)
        await asyncio.to_thread(self._initiate, address, bundle, first)
        self._work.set()

    def _initiate(self, address: bytes, bundle: PrekeyBundle, first: bytes) -> None:
        with self._store.peer(address) as peer:
            try:
                peer.begin(bundle, now=self._now(), first=first)
            except ResetNotGranted:  # a session came in while we were asking
                peer.send(first, now=self._now())

    async def _ask(self, question: frames.Publish | frames.Fetch) -> frames.Stock | frames.Bundle:
        """The relay's answer, over as many connections as it takes."""
        async with self._asking:
            while True:
                await self._connected.wait()
                self._answer = asyncio.get_running_loop().create_future()
                try:
                    async with asyncio.timeout(ANSWER_TIMEOUT):
                        await self._say(question)
                        return await self._answer
                except (ConnectionClosed, ConnectionError, TimeoutError):
                    await asyncio.sleep(FIRST_PAUSE)

    async def _pump(self) -> None:
        """Send what is in the outbox, a window at a time."""
        while True:
            self._work.clear()
            for letter in await asyncio.to_thread(self._store.outbox):
                if len(self._under_way) >= UNDER_WAY:
                    break
                if letter.id not in self._under_way:
                    self._under_way[letter.id] = letter
                    await self._say(frames.Send(letter.id, letter.peer, letter.content))
            await self._work.wait()

    def _sent(self, key: bytes) -> None:
        letter = self._under_way.pop(key, None)
        if letter is not None:
            self._store.done(letter)
            self._work.set()

    async def _again(self, refused: frames.Refused) -> None:
        await asyncio.sleep(refused.retry_after / 1000 * _random.uniform(1, 1.5))
        if letter := self._under_way.get(refused.id):
            await self._say(frames.Send(letter.id, letter.peer, letter.content))

    # Receiving

    async def _take(self, delivered: frames.Deliver) -> None:
        """Save a message, and then let the relay forget it. Whatever was wrong with it, the relay sees the same."""
        try:
            await asyncio.to_thread(self._decrypt, delivered)
        except IdentityChanged:
            self._event("identity changed", delivered.sender)
            if len(self._held) < HELD:
                self._held.add(delivered.number)
                return
        except (TooManySkipped, SessionForked) as error:
            self._event(type(error).__name__, delivered.sender)
            await self._reset(delivered.sender)
        except (PeerError, WrongPeer) as error:
            self._event(type(error).__name__, delivered.sender)
        else:
            self._on_letter()
        await self._say(frames.Ack(delivered.number))

    def _decrypt(self, delivered: frames.Deliver) -> None:
        with self._store.peer(delivered.sender) as peer:
            peer.receive(delivered.envelope, now=self._now())

    async def _reset(self, address: bytes) -> None:
        """Begin anew, if the limiter allows it. The attempt is on disk before it is made."""
        if await asyncio.to_thread(self._request_reset, address):
            self._spawn(self._begin(address))

    def _request_reset(self, address: bytes) -> bool:
        with self._store.peer(address) as peer:
            return peer.request_reset(self._now())

    # The connection

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[ClientConnection]:
        async with connect(
            self._link.uri,
            ssl=self._link.context,
            compression=None,
            max_size=frames.MAX_FRAME,
            ping_interval=None,
            user_agent_header=None,
            proxy=None,
        ) as connection:
            token, self._token = self._token, b""  # used, whatever comes of it
            await connection.send(frames.encode(self._greeting(token)))
            async with asyncio.timeout(ANSWER_TIMEOUT):
                welcome = frames.decode(await connection.recv())
            if not isinstance(welcome, frames.Welcome):
                raise frames.FrameError("no welcome")
            self._token = welcome.token
            yield connection

    def _greeting(self, token: bytes) -> frames.Frame:
        return frames.Resume(token) if token else frames.Login(self._link.address, self._link.credential)

    async def _hold(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._under_way.clear()
        self._held.clear()
        self._connected.set()
        self._spawn(self._pump())
        self._spawn(beat(connection, self._link.heartbeat))
        try:
            async for message in connection:
                await self._hear(frames.decode(message))
        finally:
            self._connected.clear()
            self._connection = None
            running = list(self._tasks)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _hear(self, frame: frames.Frame) -> None:
        match frame:
            case frames.Deliver():
                await self._take(frame)
            case frames.Accepted(key):
                self._sent(key)
            case frames.Refused():
                self._spawn(self._again(frame))
            case frames.Stock() | frames.Bundle():
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(frame)
            case _:
                raise frames.FrameError("no frame of a relay")

    async def _say(self, frame: frames.Frame) -> None:
        if self._connection is None:
            raise ConnectionError("not connected")
        await self._connection.send(frames.encode(frame))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the connection; if it fails, the connection is closed and everything begins anew."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.info("broken off", extra={"reason": type(error).__name__})
            if self._connection is not None:
                self._connection.transport.abort()

    def _event(self, event: str, peer: bytes) -> None:
        LOG.warning(event, extra={"device": pseudonym(peer)})
        self._on_event(event, peer)
