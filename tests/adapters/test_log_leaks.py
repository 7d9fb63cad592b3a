"""A relay and its clients at DEBUG, every failure provoked, every logger heard: no secret is in what they write.

Without redaction the same run leaks, which shows that the search finds what there is.
"""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import frames
import pytest
import redaction
from adapters.places import SqlitePlace
from adapters.redis_server import RedisServer
from adapters.relays import PATIENCE, credential, phone, raw, running, until
from adapters.sources import fresh_source, give
from json_lines import JsonFormatter
from pseudonyms import QUIET
from security_events import SecurityLog
from support.bad_sources import stuck
from support.leaks import leaked, secrets_in
from websockets.asyncio.client import connect

import ratchetlib
from ratchetlib.primitives import random

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapters.relays import Phone, Running

ALICE, BOB, MALLORY = b"alice-7f/laptop", b"bob-7f/phone", b"mallory-7f/tablet"
PLAINTEXTS = (b"meet me at the old bridge", b"bring the documents")
APP = logging.getLogger("tests.application")


@dataclass
class World:
    """What the run has used.

    Attributes:
        secrets: what may not be written.
        events: names of what clients reported.
        envelopes: as delivered to Bob.
    """

    secrets: set[bytes] = field(default_factory=lambda: {ALICE, BOB, MALLORY, *PLAINTEXTS})
    events: set[str] = field(default_factory=set)
    envelopes: list[bytes] = field(default_factory=list)

    def keep(self, device: Phone) -> None:
        """All that a device holds."""
        self.secrets |= {credential(device.address), device.client._channel._token}
        with device.store.device() as locked:
            self.secrets |= secrets_in(locked.identity, locked.ring)
        for address in device.store.peers():
            with device.store.peer(address) as peer:
                for entry in peer.notes.entries:
                    self.secrets |= secrets_in(peer._sessions.session(entry.key)) | {entry.key}
        self.events |= {event for event, _ in device.events}


class Everything(logging.Handler):
    """What any handler could write: two formatters, and every attribute."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines = io.StringIO()
        self.loggers: set[str] = set()
        self._formatters = (logging.Formatter("%(name)s %(message)s"), JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.loggers.add(record.name.partition(".")[0])
        for formatter in self._formatters:
            self.lines.write(formatter.format(record) + "\n")
        self.lines.write(f"{vars(record)}\n")


@contextmanager
def heard() -> Iterator[Everything]:
    """Every logger at DEBUG, those that this project keeps quiet as well."""
    root, handler = logging.getLogger(), Everything()
    levels = {log: log.level for log in (root, QUIET)}
    for log in levels:
        log.setLevel(logging.DEBUG)
    root.addHandler(handler)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        for log, level in levels.items():
            log.setLevel(level)


def spy(device: Phone, world: World) -> None:
    decrypt = device.client._incoming._decrypt

    def seen(delivered: frames.Deliver) -> None:
        world.envelopes.append(delivered.envelope)
        world.secrets.add(delivered.envelope)
        decrypt(delivered)

    device.client._incoming._decrypt = seen  # type: ignore[method-assign]


async def put(at: Running, number: int, sender: bytes, envelope: bytes) -> None:
    """The relay itself is hostile, or what a sender says is what it wants to say."""
    await at.relay._mailboxes.put(bytes([number]) * 16, sender, BOB, envelope)


async def talk(alice: Phone, bob: Phone) -> None:
    await alice.client.send(BOB, PLAINTEXTS[0])
    await until(bob.plaintexts)
    await bob.client.send(ALICE, PLAINTEXTS[1])
    await until(alice.plaintexts)
    await alice.client.send(BOB, PLAINTEXTS[0])
    await until(lambda: len(bob.plaintexts()) > 1)


async def attack(at: Running, bob: Phone, world: World) -> None:
    """Messages that Bob refuses, and connections that the relay refuses."""
    envelope = world.envelopes[-1]
    damaged = envelope[:-1] + bytes([envelope[-1] ^ 1])
    forged = [(1, ALICE, envelope), (2, ALICE, damaged), (3, ALICE, envelope[:40]), (4, MALLORY, envelope)]
    for number, sender, content in forged:
        await put(at, number, sender, content)
    await until(lambda: len(bob.events) >= len(forged))
    greetings: list[Any] = [
        frames.Login(BOB, bytes(range(32))),
        frames.Resume(bytes(range(1, 33))),
        frames.Fetch(ALICE),
    ]
    world.secrets |= {bytes(range(32)), bytes(range(1, 33))}
    for greeting in greetings:
        async with raw(at) as stranger:
            await stranger.say(greeting)
            await stranger.closed()
    async with connect(at.uri, proxy=None) as stranger:
        await stranger.send("token=" + credential(ALICE).hex())
        await stranger.wait_closed()


async def reinstall(at: Running, world: World, bob: Phone) -> None:
    """Alice comes back with another identity."""
    place = SqlitePlace()
    async with phone(at, place, ALICE) as again:
        await again.client.send(BOB, PLAINTEXTS[0])
        await until(lambda: "IdentityChanged" in {event for event, _ in bob.events})
        world.keep(again)
    place.close()


async def be_careless(world: World) -> None:
    """What an application logs when it was written in a hurry, and a task that nobody waits for."""
    for secret in sorted(world.secrets):
        APP.debug("state %s %r", secret, {"k": [secret.hex()]})
        APP.debug("state", extra={"value": list(secret), "of": secret})
        try:
            {}[secret]
        except KeyError:
            APP.exception("failed")

    async def fail() -> None:
        raise ValueError(ALICE, PLAINTEXTS[0])

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()


def break_the_random_source(patch: pytest.MonkeyPatch) -> None:
    fresh_source(patch)
    random.observe(SecurityLog().random_source)
    give(patch, stuck)
    with pytest.raises(ratchetlib.RandomnessError):
        random.random_bytes(32)


async def live(redis: RedisServer, place: SqlitePlace, world: World) -> None:
    asyncio.get_running_loop().set_debug(True)
    async with asyncio.timeout(PATIENCE), running(redis) as at, phone(at, place, BOB) as bob:
        spy(bob, world)
        async with phone(at, place, ALICE) as alice:
            await talk(alice, bob)
            world.keep(alice)
        await attack(at, bob, world)
        await reinstall(at, world, bob)
        with suppress(LookupError):
            await bob.client.send(MALLORY, PLAINTEXTS[0])
        world.keep(bob)
        redis.kill()
        async with raw(at) as stranger:
            await stranger.say(frames.Login(ALICE, credential(ALICE)))
            await stranger.closed()
    with suppress(OSError, ssl.SSLError):
        await connect("wss://localhost:1", proxy=None)
    await be_careless(world)


@contextmanager
def everything_went_wrong(patch: pytest.MonkeyPatch) -> Iterator[tuple[World, Everything]]:
    world, redis, place = World(), RedisServer(), SqlitePlace()
    with heard() as handler:
        asyncio.run(live(redis, place, world))
        break_the_random_source(patch)
        logging.getLogger("redis").debug("last")
    place.close()
    redis.close()
    yield world, handler


def found(world: World, handler: Everything) -> set[bytes]:
    text = handler.lines.getvalue()
    plain = {secret for secret in (ALICE, BOB, MALLORY, *PLAINTEXTS) if secret.decode() in text}
    return plain | leaked(text, {secret for secret in world.secrets if len(secret) >= 8})


@pytest.mark.attack("A92", "A114")
def test_a_full_run_at_debug_leaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    undo = redaction.install()
    try:
        with everything_went_wrong(monkeypatch) as (world, handler):
            assert found(world, handler) == set()
    finally:
        undo()
    assert {"AuthenticationError", "DuplicateMessage", "MalformedMessage", "IdentityChanged"} <= world.events
    assert {"ratchetlib", "asyncio", "redis", "tests"} <= handler.loggers
    assert "random source failed" in handler.lines.getvalue()
    assert len(world.secrets) > 50


def test_without_redaction_the_same_run_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    with everything_went_wrong(monkeypatch) as (world, handler):
        assert found(world, handler) >= {ALICE, BOB, PLAINTEXTS[0], credential(ALICE), *world.envelopes}
