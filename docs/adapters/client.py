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
import math
import secrets
import ssl
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import frames
from heartbeat import INTERVAL, beat
from peer_sessions import NoSession, ResetNotGranted, WrongPeer
from pseudonyms import QUIET, pseudonym
from records import StoreBusy, StoreConflict, StoreUnavailable, TooManyPeers
from throttle import Rate, Throttle
from together import together
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from ratchetlib import (
    IdentityChanged,
    PeerError,
    PrekeyBundle,
    ReplayMemoryFull,
    SessionForked,
    TooManySkipped,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from records import Letter
    from store import Store
    from websockets.asyncio.client import ClientConnection

    from ratchetlib import IdentityKey

LOG: Final = logging.getLogger("ratchetlib.client")

FIRST_PAUSE, LAST_PAUSE = 0.2, 60.0
"""Seconds before connecting again, doubling from the one to the other while connections do not last, each time between
half and whole."""

LASTED: Final = 30.0
"""Seconds from the relay's welcome after which a connection was a good one."""

ANSWER_TIMEOUT: Final = 15.0
"""Seconds to wait for the relay's answer before the connection counts as dead."""

SILENCE: Final = 30.0
"""Seconds for the relay's answer to a letter: a large one takes its time on a slow line."""

LOOK: Final = 5.0
"""Seconds after which the outbox is looked into although nobody said that there is something."""

LEAST_WAIT: Final = 0.05
"""Seconds at least between two looks into the outbox that only time has caused."""

MEND: Final = 60.0
"""Seconds between two looks at whether a reset that was not granted, or was lost, is due."""

LOGGED: Final = Rate(1 / 10, 20)
"""Lines of one event in the log: anybody can cause some of them, as often as they send. `on_event` hears of all."""

UNDER_WAY: Final = 32
"""Letters sent to the relay that it has not answered; one that it refused for now is not among them."""

LONGEST_WAIT: Final = 60.0
"""Seconds for which a relay can have a letter wait."""

MAX_PLAINTEXT: Final = 1 << 19
"""Bytes of a plaintext: with padding and headers it fits into an envelope."""

HELD, HELD_IN_ALL = 16, 48
"""Messages of one sender, and of all, that are left in the mailbox until a person has decided. Each one more is
deleted, and told: nobody can fill the relay's window of 64 with them, behind which nothing comes in."""

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that a connection without TLS may go to."""

_DROPPED: Final = (ConnectionClosed, OSError, TimeoutError, frames.FrameError)
"""Ends of a connection."""

_random: Final = secrets.SystemRandom()
_Answer = TypeVar("_Answer", frames.Stock, frames.Bundle)


class InsecureLink(Exception):
    """The credential would have been sent in clear: the link needs wss://."""


class TooOften(Exception):
    """The relay has published nothing; `seconds` says when to try again."""

    def __init__(self, seconds: float) -> None:
        super().__init__("prekeys were published too often")
        self.seconds = seconds


@dataclass(slots=True)
class Link:
    """How to reach the relay.

    Attributes:
        uri: wss://…; ws:// for this machine only.
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
    """Runs a device's connection; any number of coroutines may send.

    Attributes:
        changed: the new identities, by address, about which a person has to decide: `repin` and `reconnect`.
    """

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
        self.changed: dict[bytes, IdentityKey] = {}
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
        self._heard = 0.0
        self._refusing: dict[bytes, float] = {}
        self._unfit: set[bytes] = set()
        self._held: Counter[bytes] = Counter()
        self._broken: dict[bytes, bool] = {}
        self._mending = asyncio.Event()
        self._welcomed = math.inf
        self._logged = Throttle(LOGGED, time.monotonic)

    async def run(self) -> None:
        """Be connected, for ever: cancel the task to stop. What no new connection heals is raised.

        Raises:
            StateMissing, StoreDamaged, StateError, RandomnessError: this device must not go on.
            InsecureLink: the link is without TLS.
        """
        pause = FIRST_PAUSE
        while True:
            self._welcomed = math.inf
            replaced = await self._try()
            lasted = time.monotonic() - self._welcomed >= LASTED
            pause = FIRST_PAUSE if lasted else min(2 * pause, LAST_PAUSE)
            if replaced:  # whoever else has this credential, do not fight
                pause = LAST_PAUSE
            await asyncio.sleep(pause * _random.uniform(0.5, 1))

    async def _try(self) -> bool:
        """One connection, and what is said about its end; whether another one has taken its place."""
        try:
            await self._once()
        except ssl.SSLCertVerificationError:
            self._event("relay not authenticated", b"")
        except _DROPPED as error:
            LOG.info("disconnected", extra={"reason": type(error).__name__})
            if isinstance(error, ConnectionClosed) and _code(error) == frames.REPLACED:
                self._event("replaced", b"")
                return True
        except (StoreConflict, StoreBusy) as error:  # another process of this device
            LOG.info("interrupted", extra={"reason": type(error).__name__})
        except StoreUnavailable:
            self._event("store unavailable", b"")
        return False

    async def send(self, peer: bytes, plaintext: bytes) -> None:
        """Encrypt and save; it is sent when there is a connection.

        First contact needs the peer's bundle, and waits for a connection.

        Raises:
            ValueError: the plaintext is too long for the relay.
            LookupError: the peer has published no bundle, or bundles were asked for too often.
            RatchetError: the library refused the bundle or the state.
        """
        if len(plaintext) > MAX_PLAINTEXT:
            raise ValueError("a plaintext must fit into an envelope")
        try:
            await asyncio.to_thread(self._encrypt, peer, plaintext)
        except NoSession:
            await asyncio.to_thread(self._initiate, peer, await self.fetch(peer), plaintext)
        finally:  # cancelled, the thread goes on
            self.wake()

    def wake(self) -> None:
        """Look into the outbox now: something was put there without `send`."""
        if self._broken:
            self._mending.set()
        self._work.set()

    async def publish(self, bundle: bytes, items: tuple[bytes, ...]) -> int:
        """Publish the ring's bundle and all its one-time items; how many of them the relay can still hand out then.

        Waits for a connection.

        Raises:
            TooOften: nothing was published.
        """
        stock = await self._ask(frames.Publish(bundle, items), frames.Stock)
        if stock.retry_after:
            raise TooOften(stock.retry_after / 1000)
        return stock.left

    async def reconnect(self) -> None:
        """Have the relay deliver again what was held back: call it when a person has decided about an identity."""
        if self._connection is not None:
            await self._connection.close()

    # Sending

    def _encrypt(self, address: bytes, plaintext: bytes) -> None:
        with self._store.peer(address) as peer:
            peer.send(plaintext, now=self._now())
            if peer.sessions.notes.broken is not None:
                self._broken.setdefault(address, True)

    def _initiate(self, address: bytes, bundle: PrekeyBundle, first: bytes) -> None:
        with self._store.peer(address) as peer:
            try:
                peer.begin(bundle, now=self._now(), first=first)
            except ResetNotGranted:  # a session came in while we were asking
                peer.send(first, now=self._now())

    async def fetch(self, address: bytes) -> PrekeyBundle:
        """A device's bundle from the relay. Waits for a connection.

        Raises:
            LookupError: it has published none, or bundles were asked for too often.
            MalformedMessage, UnsupportedVersion, BundleRejected: what the relay gave is no good bundle.
        """
        answer = await self._ask(frames.Fetch(address), frames.Bundle)
        if answer.address != address or not answer.bundle:
            raise LookupError("no bundle")
        return PrekeyBundle.from_parts(answer.bundle, answer.item or None)

    async def _ask(self, question: frames.Publish | frames.Fetch, kind: type[_Answer]) -> _Answer:
        """The relay's answer, over as many connections as it takes."""
        message = frames.encode(question)
        async with self._asking:
            while True:
                await self._connected.wait()
                self._answer = asyncio.get_running_loop().create_future()
                try:
                    async with asyncio.timeout(ANSWER_TIMEOUT):
                        await self._say(message)
                        answer = await self._answer
                        if isinstance(answer, kind):
                            return answer
                except TimeoutError:
                    LOG.info("no answer")
                except (ConnectionClosed, ConnectionError):
                    await asyncio.sleep(FIRST_PAUSE)
                    continue
                except BaseException:  # cancelled: the answer may still come
                    self._break_off()
                    raise
                self._break_off()  # what it says now would be taken for the answer to something else

    async def _pump(self) -> None:
        """Send what is in the outbox, a window at a time."""
        while True:
            self._work.clear()
            now = time.monotonic()
            self._refusing = {peer: until for peer, until in self._refusing.items() if until > now}
            letters = await asyncio.to_thread(self._store.outbox, tuple(self._refusing))
            self._unfit &= {letter.id for letter in letters}
            for letter in letters:
                if len(self._under_way) >= UNDER_WAY:
                    break
                await self._pass_on(letter)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), self._wait())

    def _wait(self) -> float:
        """Until the next look: a window that is full waits for the relay's answer, whoever may be written to again."""
        if len(self._under_way) >= UNDER_WAY:
            return LOOK
        due = min(self._refusing.values(), default=math.inf) - time.monotonic()
        return min(max(due, LEAST_WAIT), LOOK)

    async def _watch(self) -> None:
        """Break off when the relay has not answered a letter for long."""
        while not self._under_way or time.monotonic() - self._heard < SILENCE:  # noqa: ASYNC110  # a silence tells nobody
            await asyncio.sleep(LOOK)
        raise TimeoutError

    async def _pass_on(self, letter: Letter) -> None:
        if letter.id in self._under_way or letter.id in self._unfit or letter.peer in self._refusing:
            return
        try:
            message = frames.encode(frames.Send(letter.id, letter.peer, letter.content))
        except frames.FrameError:  # put into the store past `send`
            LOG.error("a letter does not fit into an envelope")  # noqa: TRY400  # a traceback would show nothing else
            self._unfit.add(letter.id)
            return
        if not self._under_way:
            self._heard = time.monotonic()
        self._under_way[letter.id] = letter
        await self._say(message)

    async def _accepted(self, key: bytes) -> None:
        letter = self._answered(key)
        if letter is not None:
            await asyncio.to_thread(self._store.done, letter)
            if len(self._under_way) <= UNDER_WAY // 2:
                self._work.set()

    def _refused(self, refused: frames.Refused) -> None:
        """Nothing more to that peer for a while: what waits for it must not hide what is for others."""
        letter = self._answered(refused.id)
        if letter is not None:
            wait = max(min(refused.retry_after / 1000, LONGEST_WAIT), LEAST_WAIT) * _random.uniform(1, 1.5)
            self._refusing[letter.peer] = max(self._refusing.get(letter.peer, 0), time.monotonic() + wait)
            self._work.set()

    def _answered(self, key: bytes) -> Letter | None:
        self._heard = time.monotonic()
        return self._under_way.pop(key, None)

    # Receiving

    async def _take(self, delivered: frames.Deliver) -> None:
        """Save a message, and then let the relay forget it.

        Whatever was wrong with it, its sender sees the same. The relay sees which ones wait for a decision.
        """
        try:
            await asyncio.to_thread(self._decrypt, delivered)
        except (PeerError, WrongPeer, TooManyPeers) as error:
            if isinstance(error, IdentityChanged):
                self.changed[delivered.sender] = error.presented
            self._event(type(error).__name__, delivered.sender)
            if isinstance(error, IdentityChanged | ReplayMemoryFull):
                if self._hold(delivered.sender):
                    return
                self._event("held message dropped", delivered.sender)
            if isinstance(error, TooManySkipped | SessionForked):
                self._mend(delivered.sender)
        else:
            self._on_letter()
        await self._say(frames.encode(frames.Ack(delivered.number)))

    def _hold(self, sender: bytes) -> bool:
        if self._held[sender] >= HELD or self._held.total() >= HELD_IN_ALL:
            return False
        self._held[sender] += 1
        return True

    def _decrypt(self, delivered: frames.Deliver) -> None:
        with self._store.peer(delivered.sender) as peer:
            peer.receive(delivered.envelope, now=self._now())

    # Resets

    def _mend(self, address: bytes) -> None:
        self._broken[address] = True
        self._mending.set()

    async def _reset(self) -> None:
        """Begin anew with the peers where only that heals, as soon as the limiter allows it, until it has healed."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._mending.wait(), MEND)
            self._mending.clear()
            for address in tuple(self._broken):
                try:
                    if await asyncio.to_thread(self._request_reset, address):
                        await asyncio.to_thread(self._initiate, address, await self.fetch(address), b"")
                        self._work.set()
                except (LookupError, PeerError) as error:
                    self._event(type(error).__name__, address)

    def _request_reset(self, address: bytes) -> bool:
        """Whether to begin now. The attempt is on disk before it is made; one that was never made is made up for."""
        new = self._broken.get(address, False)
        with self._store.peer(address) as peer:
            if peer.sessions.notes.broken is None:
                if not new:  # healed
                    self._broken.pop(address, None)
                    return False
                peer.report_broken()
            due = peer.request_reset(self._now()) or (new and peer.sessions.notes.granted)
        self._broken[address] = False
        return due

    # The connection

    async def _once(self) -> None:
        """One connection, to its end."""
        token, self._token = self._token, b""  # used, whatever comes of it
        try:
            async with self._open(token) as connection:
                pings = beat(connection, self._link.heartbeat)
                await together(self._listen(connection), self._pump(), self._watch(), self._reset(), pings)
        except ConnectionClosed as closed:
            if not token and _code(closed) == frames.REFUSED:
                self._event("login refused", b"")
            raise
        finally:
            self._connected.clear()
            self._connection = None
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(ConnectionError("disconnected"))
                self._answer.exception()  # looked at, whether or not anybody still waits

    @asynccontextmanager
    async def _open(self, token: bytes) -> AsyncIterator[ClientConnection]:
        async with await self._connect() as connection:
            greeting = frames.Resume(token) if token else frames.Login(self._link.address, self._link.credential)
            await connection.send(frames.encode(greeting))
            async with asyncio.timeout(ANSWER_TIMEOUT):
                welcome = frames.decode(await connection.recv())
            if not isinstance(welcome, frames.Welcome):
                raise frames.FrameError("no welcome")
            self._token = welcome.token
            self._under_way.clear()
            self._held.clear()
            self._connection = connection
            self._welcomed = time.monotonic()
            self._connected.set()
            yield connection

    async def _connect(self) -> ClientConnection:
        try:
            _require_tls(self._link.uri)
            return await _Connect(
                self._link.uri,
                ssl=self._link.context,
                compression=None,
                max_size=frames.MAX_FRAME,
                ping_interval=None,
                user_agent_header=None,
                proxy=None,
                logger=QUIET,
            )
        except ssl.SSLCertVerificationError:  # a ValueError, too
            raise
        except (WebSocketException, ValueError) as error:
            raise ConnectionError("there is no relay") from error

    async def _listen(self, connection: ClientConnection) -> None:
        async for message in connection:
            match frames.decode(message):
                case frames.Deliver() as delivered:
                    await self._take(delivered)
                case frames.Accepted(key):
                    await self._accepted(key)
                case frames.Refused() as refused:
                    self._refused(refused)
                case frames.Stock() | frames.Bundle() as answer:
                    if connection is self._connection and self._answer is not None and not self._answer.done():
                        self._answer.set_result(answer)
                case _:
                    raise frames.FrameError("no frame of a relay")

    async def _say(self, message: bytes) -> None:
        if self._connection is None:
            raise ConnectionError("not connected")
        await self._connection.send(message)

    def _break_off(self) -> None:
        """End the connection; what it has still read answers no later question."""
        connection, self._connection = self._connection, None
        self._connected.clear()
        if connection is not None:
            connection.transport.abort()

    def _event(self, event: str, peer: bytes) -> None:
        if not self._logged.wait(event):
            LOG.warning(event, extra={"device": pseudonym(peer)})
        self._on_event(event, peer)


class _Connect(connect):
    """A connection to the host that the link names and to no other."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _require_tls(uri: str) -> None:
    parts = urlsplit(uri)
    if parts.scheme == "ws" and parts.hostname not in LOOPBACK:
        raise InsecureLink


def _code(closed: ConnectionClosed) -> int:
    """With which the relay has closed, or 0."""
    return closed.rcvd.code if closed.rcvd is not None else 0
