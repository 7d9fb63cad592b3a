"""Many messages between many devices while everything breaks: each arrives once, and no log shows a secret.

Connections are cut by both sides, the relay is stopped and started, Redis is killed and started with its file, devices
are dropped without a clean end and opened from their databases, and what a sender is told to send later is overtaken.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import secrets
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

import client
import pytest
import resume_tokens
from adapters.figures import report
from adapters.redis_server import DURABLE, RedisServer
from adapters.relays import NO_LIMITS, credential
from client import Client
from link import Link
from redis.asyncio import Redis
from relay import Relay
from support.leaks import leaked, secrets_in
from throttle import Rate

from ratchetlib import IdentityKeyPair, PrekeyRing

if TYPE_CHECKING:
    from adapters.places import SqlitePlace
    from store import Store

DEEP: Final = bool(os.environ.get("RATCHETLIB_DEEP"))
MESSAGES: Final = 10_000 if DEEP else 2_000
DEVICES: Final = 50
PEERS: Final = 4
DEADLINE: Final = 1500.0 if DEEP else 500.0
"""Seconds, on a machine as busy as it may be."""

SEED: Final = 20_261_124
HURRIED: Final = NO_LIMITS._replace(peer=Rate(100, 1))
"""So tight that of a burst some are sent again later, and overtaken."""

BREAKAGES: Final = {
    "connections cut by the client": 10,
    "connections cut by the relay": 10,
    "devices dropped and opened again": 5,
    "relay stopped and started": 1,
    "Redis killed and started": 1,
}
"""How often in each round."""

COMMAND: Final = "RATCHETLIB_DEEP=1 pytest tests/adapters/test_load.py"


@dataclass
class Device:
    """A device that can be dropped and opened again.

    Attributes:
        address: its own.
        seen: the ids of the letters that the application has had.
        received: what they said, in order.
        whole: held while the application is inside `send`, which is a promise only when it returns.
        dropped: what is left of earlier processes.
    """

    address: bytes
    place: SqlitePlace
    link: Link
    seen: set[bytes] = field(default_factory=set)
    received: list[bytes] = field(default_factory=list)
    whole: asyncio.Lock = field(default_factory=asyncio.Lock)
    dropped: list[tuple[Store, Client]] = field(default_factory=list)

    def start(self) -> None:
        self.store = self.place.open(self.address)
        self.client = Client(self.store, self.link)
        self.task = asyncio.create_task(self.client.run())

    async def begin(self) -> None:
        """New: make keys, and publish them."""
        self.start()
        with self.store.device() as locked:
            locked.identity = IdentityKeyPair.generate()
            locked.ring = PrekeyRing.generate(locked.identity, address=self.address, now=int(time.time()), one_time=5)
            prekeys = locked.ring.signed_bundle(), locked.ring.one_time_items()
        await self.client.publish(*prekeys)

    async def drop(self) -> None:
        """No clean end: nothing is flushed or closed, and a thread that is at work goes on for a moment."""
        async with self.whole:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
            self.dropped.append((self.store, self.client))
            self.start()

    def cut(self) -> None:
        connection = self.client._channel._connection
        if connection is not None:
            connection.transport.abort()

    async def send(self, to: bytes, plaintext: bytes) -> None:
        async with self.whole:
            await self.client.send(to, plaintext)

    async def read(self) -> None:
        """The application takes its letters, each once, whatever it had when it was dropped."""
        store = self.store
        for letter in await asyncio.to_thread(store.inbox):
            if letter.id not in self.seen:
                self.seen.add(letter.id)
                self.received.append(letter.content)
            store.done(letter)


class World:
    """All of it, and what breaks."""

    def __init__(self, place: SqlitePlace, server: RedisServer) -> None:
        self.random = random.Random(SEED)
        self.server = server
        self.relay = Relay(Redis())
        self.relay_dies = asyncio.Event()
        self.up = asyncio.Event()
        self.port = 0
        self.broken: Counter[str] = Counter()
        self.sent: dict[bytes, bytes] = {}
        self.devices = [
            Device(address, place, Link("ws://localhost:1", address, credential(address), heartbeat=1.0))
            for address in (b"device/%d" % number for number in range(DEVICES))
        ]

    async def live(self) -> None:
        async with asyncio.timeout(DEADLINE):
            serving = asyncio.create_task(self.serve())
            await self.up.wait()
            for device in self.devices:
                device.link.uri = f"ws://localhost:{self.port}"
            await asyncio.gather(*(device.begin() for device in self.devices))
            breaking = asyncio.create_task(self.break_things())
            await asyncio.gather(self.read(), *(self.talk(device) for device in self.devices))
            await self.stop(breaking)
            await self.settle()
            await self.stop(serving, *(device.task for device in self.devices))

    async def serve(self) -> None:
        """One relay after the other, on one port."""
        while True:
            self.relay_dies.clear()
            async with Redis(unix_socket_path=str(self.server.socket)) as redis:
                self.relay = Relay(redis, rates=HURRIED, heartbeat=1.0, open_registration=True)
                async with self.relay.listen("localhost", self.port, None) as listening:
                    self.port = listening.sockets[0].getsockname()[1]
                    self.up.set()
                    await self.relay_dies.wait()
                    for line in self.relay._lines.values():
                        line.connection.transport.abort()

    async def break_things(self) -> None:
        while True:
            for what in self.random.sample(list(BREAKAGES), sum(BREAKAGES.values()), counts=BREAKAGES.values()):
                await asyncio.sleep(self.random.uniform(0.02, 0.2))
                await self.break_one(what)
                self.broken[what] += 1

    async def break_one(self, what: str) -> None:
        device = self.random.choice(self.devices)
        match what:
            case "connections cut by the client":
                device.cut()
            case "connections cut by the relay":
                if line := self.relay._lines.get(device.address):
                    line.connection.transport.abort()
            case "devices dropped and opened again":
                await device.drop()
            case "relay stopped and started":
                self.relay_dies.set()
            case "Redis killed and started":
                await asyncio.to_thread(self.server.kill)
                await asyncio.to_thread(self.server.start)

    async def talk(self, sender: Device) -> None:
        """Bursts to a few peers."""
        peers = self.random.sample([device for device in self.devices if device is not sender], PEERS)
        left = MESSAGES // DEVICES
        while left:
            peer, burst = self.random.choice(peers), self.random.randint(1, min(left, 20))
            for number in range(left, left - burst, -1):
                plaintext = b"%b to %b, %d to go" % (sender.address, peer.address, number)
                self.sent[plaintext] = peer.address
                await sender.send(peer.address, plaintext)
            left -= burst
            await asyncio.sleep(self.random.uniform(0, 2))

    async def read(self) -> None:
        """Until everything has arrived."""
        while sum(len(device.received) for device in self.devices) < MESSAGES:
            for device in self.devices:
                await device.read()
            await asyncio.sleep(0.05)

    async def settle(self) -> None:
        """Until nothing waits anywhere: then nothing can arrive a second time."""
        async with Redis(unix_socket_path=str(self.server.socket)) as redis:
            boxes = await redis.keys("mail:*")
            while any([await redis.xlen(box) for box in boxes]) or self.unsent():  # noqa: ASYNC110  # polled for once
                await asyncio.sleep(0.1)
        for device in self.devices:
            await device.read()

    def unsent(self) -> bool:
        return any(device.store.outbox() for device in self.devices)

    @staticmethod
    async def stop(*tasks: asyncio.Task[None]) -> None:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError), result

    def overtaken(self) -> int:
        """How many messages came after a later one of the same sender."""
        count = 0
        for device in self.devices:
            least: defaultdict[bytes, int] = defaultdict(lambda: MESSAGES)
            for plaintext in device.received:
                pair, _, rest = plaintext.partition(b", ")
                number = int(rest.split()[0])
                count += number > least[pair]
                least[pair] = min(least[pair], number)
        return count

    def secrets(self) -> set[bytes]:
        """What all devices hold in memory at the end, dropped ones too, and what they log in with."""
        caches = [
            store._sealing.cache for device in self.devices for store, _ in [*device.dropped, (device.store, None)]
        ]
        values = [opened.value for cache in caches for opened in cache.values()]
        held = {secret for secret in secrets_in(*values) if len(secret) >= 16}
        return held | {device.link.credential for device in self.devices}


@pytest.fixture
def durable_redis() -> RedisServer:
    return RedisServer(*DURABLE)


class Lines(logging.Handler):
    """All that any logger says, with all that it says it with; names of devices and tokens only if they are hashes."""

    HASHES: Final = {"device": re.compile(r"[0-9a-f]{8}"), "hash": re.compile(r"[0-9a-f]{12}")}

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: set[str] = set()
        self.hashes: set[str] = set()
        self._usual = vars(logging.makeLogRecord({})).keys()

    def emit(self, record: logging.LogRecord) -> None:
        extra = {name: value for name, value in vars(record).items() if name not in self._usual}
        for name, form in self.HASHES.items():
            if form.fullmatch(str(extra.get(name))):
                self.hashes.add(extra.pop(name))
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self.lines.add(f"{record.getMessage()} {extra} {trace}")


@pytest.mark.attack("A114")
def test_every_message_arrives_once_and_no_log_shows_a_secret(
    sqlite_place: SqlitePlace, durable_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens: set[bytes] = set()

    def draw(length: int) -> bytes:
        tokens.add(token := secrets.token_bytes(length))
        return token

    monkeypatch.setattr(client, "LAST_PAUSE", 1.0)  # what breaks every few seconds would look like an attack
    monkeypatch.setattr(resume_tokens, "secrets", SimpleNamespace(token_bytes=draw))
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    began = time.monotonic()
    try:
        world = World(sqlite_place, durable_redis)
        asyncio.run(world.live())
        stored, files = durable_redis.everything().decode(), durable_redis.files()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        durable_redis.close()
    seconds = time.monotonic() - began

    arrived = Counter((plaintext, device.address) for device in world.devices for plaintext in device.received)
    assert arrived == Counter(world.sent.items())
    assert sum(arrived.values()) == MESSAGES
    assert set(world.broken) == set(BREAKAGES)
    assert world.overtaken() > 0
    logged = "\n".join(handler.lines)
    assert not any(text in logged for text in ("to go", "device/"))
    assert leaked(logged, {secret[:6] for secret in tokens | world.secrets()}) == set()
    assert not [token for token in tokens if token[:4].hex(" ") in logged]
    assert {resume_tokens.shown(token) for token in tokens} & handler.hashes
    shown = {device.link.credential for device in world.devices} | set(sorted(tokens)[:50])
    assert leaked(stored, {secret[:8] for secret in shown}) == set()
    assert not [secret for secret in shown if secret[:8] in files or secret[:8].hex().encode() in files]
    if DEEP:
        counted = {f"load: {what}": world.broken[what] for what in BREAKAGES}
        report(
            COMMAND,
            {
                f"load: messages between {DEVICES} devices, each delivered once": MESSAGES,
                **counted,
                "load: messages overtaken by a later one": world.overtaken(),
                "load: resume tokens issued, none in a log or in Redis": len(tokens),
                "load: seconds": round(seconds),
            },
        )
