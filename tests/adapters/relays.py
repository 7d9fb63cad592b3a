"""A relay with a real Redis, devices that speak frames by hand, and devices with stores."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import frames
from allowances import Rates
from client import Client
from heartbeat import INTERVAL
from link import Link
from pseudonyms import QUIET
from redis.asyncio import Redis
from redis_link import connect_redis
from relay import Relay
from throttle import Rate
from websockets.asyncio.client import connect

from ratchetlib import IdentityKeyPair, PrekeyRing

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Coroutine

    from adapters.places import Place
    from adapters.redis_server import RedisServer
    from mailboxes import Room
    from store import Store
    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.server import Server

PATIENCE = float(os.environ.get("RATCHETLIB_PATIENCE", "60"))
"""Seconds after which a test that waits has failed: far more than anything takes, on a busy machine too."""

PLENTY = Rate(1e6, 1e6)
NO_LIMITS = Rates(PLENTY, PLENTY, PLENTY, PLENTY, PLENTY, PLENTY)


@dataclass
class Running:
    """A relay that listens.

    Attributes:
        relay: itself.
        redis: its own.
        uri: where it listens.
        server: for its sockets.
    """

    relay: Relay
    redis: Redis
    uri: str
    server: Server


@asynccontextmanager
async def running(
    server: RedisServer,
    *,
    rates: Rates = NO_LIMITS,
    room: Room | None = None,
    clock: Callable[[], float] = time.monotonic,
    context: ssl.SSLContext | None = None,
    port: int = 0,
    redis: Redis | None = None,
    heartbeat: float = INTERVAL,
) -> AsyncIterator[Running]:
    redis = redis or connect_redis(f"unix://{server.socket}")
    relay = Relay(redis, rates=rates, room=room, clock=clock, heartbeat=heartbeat, open_registration=True)
    try:
        async with relay.listen("localhost", port, context) as listening:
            port = listening.sockets[0].getsockname()[1]
            yield Running(relay, redis, f"{'ws' if context is None else 'wss'}://localhost:{port}", listening)
    finally:
        await redis.aclose()


def run(work: Coroutine[Any, Any, None], server: RedisServer) -> None:
    """A test's coroutine, with an empty Redis and a bound on its time."""

    async def bounded() -> None:
        async with Redis(unix_socket_path=str(server.socket)) as redis:
            await redis.flushall()
        async with asyncio.timeout(PATIENCE):
            await work

    asyncio.run(bounded())


def credential(address: bytes) -> bytes:
    return hashlib.sha256(b"of a test" + address).digest()


@dataclass
class Raw:
    """A device that speaks frames by hand.

    Attributes:
        connection: to the relay.
        token: the last one it got.
    """

    connection: ClientConnection
    token: bytes = b""

    async def say(self, frame: frames.Frame) -> None:
        await self.connection.send(frames.encode(frame))

    async def hear(self) -> Any:
        return frames.decode(await self.connection.recv())

    async def ask(self, frame: frames.Frame) -> Any:
        await self.say(frame)
        return await self.hear()

    async def greet(self, frame: frames.Frame) -> None:
        welcome = await self.ask(frame)
        assert isinstance(welcome, frames.Welcome)
        self.token = welcome.token

    async def send(self, to: bytes, envelope: bytes, key: bytes = b"") -> Any:
        return await self.ask(frames.Send(key or hashlib.sha256(envelope).digest()[:16], to, envelope))

    async def settled(self) -> None:
        """All that was said before is done."""
        await self.say(frames.Fetch(b"nobody"))
        while not isinstance(await self.hear(), frames.Bundle):
            pass

    async def silent(self) -> bool:
        """Nothing comes within a moment."""
        try:
            async with asyncio.timeout(0.2):
                await self.hear()
        except TimeoutError:
            return True
        return False

    async def closed(self) -> int:
        """The code with which the relay closes."""
        await self.connection.wait_closed()
        assert self.connection.close_code is not None
        return self.connection.close_code


@asynccontextmanager
async def raw(at: Running, context: ssl.SSLContext | None = None, **settings: Any) -> AsyncIterator[Raw]:
    """A connection on which nothing has been said."""
    settings |= {"compression": None, "ping_interval": None, "proxy": None, "logger": QUIET}
    async with connect(at.uri, ssl=context, **settings) as connection:
        yield Raw(connection)


@asynccontextmanager
async def device(at: Running, address: bytes) -> AsyncIterator[Raw]:
    """A device that has logged in."""
    async with raw(at) as connected:
        await connected.greet(frames.Login(address, credential(address)))
        yield connected


@dataclass
class Phone:
    """A device with a store and a client.

    Attributes:
        address: its own.
        store: its own.
        client: runs while the block lasts.
        events: what it was told.
        calls: how often it was told of a letter.
    """

    address: bytes
    store: Store
    client: Client
    events: list[tuple[str, bytes]] = field(default_factory=list)
    calls: list[None] = field(default_factory=list)

    def plaintexts(self) -> list[bytes]:
        return [letter.content for letter in self.store.inbox()]

    async def publish(self) -> int:
        with self.store.device() as locked:
            assert locked.ring is not None
            prekeys = locked.ring.signed_bundle(), locked.ring.one_time_items()
        return await self.client.publish(*prekeys)


@asynccontextmanager
async def phone(at: Running, place: Place, address: bytes, **link: Any) -> AsyncIterator[Phone]:
    """A device that runs; made if it is new."""
    events: list[tuple[str, bytes]] = []
    calls: list[None] = []
    store = place.open(address)
    settings = {"uri": at.uri, "credential": credential(address)} | link
    client = Client(
        store,
        Link(address=address, **settings),
        on_event=lambda event, peer: events.append((event, peer)),
        on_letter=lambda: calls.append(None),
    )
    made = Phone(address, store, client, events, calls)
    with store.device() as locked:
        new = locked.identity is None
        if locked.identity is None:
            locked.identity = IdentityKeyPair.generate()
            locked.ring = PrekeyRing.generate(locked.identity, address=address, now=int(time.time()), one_time=5)
    task = asyncio.create_task(client.run())
    try:
        if new:
            await made.publish()
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], object]) -> None:
    """Wait until it holds; `run` bounds the time."""
    while not condition():  # noqa: ASYNC110  # what is waited for tells nobody
        await asyncio.sleep(0.02)
