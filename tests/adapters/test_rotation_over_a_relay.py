"""Rotation with the real relay and client: what it publishes can be used, and nothing old spoils a first contact."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from adapters.conversations import ALICE, BOB
from adapters.relays import Phone, phone, run, running, until
from identity_rotation import rotate_identity
from plan import look
from renewal import Renewal
from rotation import ROTATE_EVERY, Action, Rotation

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from adapters.places import SqlitePlace
    from adapters.redis_server import RedisServer


def waiting(call: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """A call of the client, for a thread beside its loop."""
    loop = asyncio.get_running_loop()
    return lambda *arguments: asyncio.run_coroutine_threadsafe(call(*arguments), loop).result()


async def first_contacts(place: SqlitePlace, at: Any, to: Phone, number: int) -> None:
    """Strangers, each of whom needs a bundle that holds together."""
    for n in range(number):
        async with phone(at, place, b"stranger %d %d" % (time.monotonic_ns(), n)) as stranger:
            received = len(to.plaintexts())
            await stranger.client.send(to.address, b"hello")
            await until(lambda received=received: len(to.plaintexts()) > received)  # type: ignore[misc]


def test_strangers_get_through_after_each_rotation(sqlite_place: SqlitePlace, redis_server: RedisServer) -> None:
    async def work() -> None:
        async with running(redis_server) as at, phone(at, sqlite_place, BOB) as bob:
            rotation = Rotation(bob.store, waiting(bob.client.publish))
            now = int(time.time()) - 4 * ROTATE_EVERY
            for week in range(5):
                done = await asyncio.to_thread(rotation.tick, now + week * ROTATE_EVERY)
                assert Action.PUBLISH in done
            await first_contacts(sqlite_place, at, bob, 3)

    run(work(), redis_server)


def test_strangers_get_through_to_a_new_identity(sqlite_place: SqlitePlace, redis_server: RedisServer) -> None:
    async def work() -> None:
        async with (
            running(redis_server) as at,
            phone(at, sqlite_place, BOB) as bob,
            phone(at, sqlite_place, ALICE) as a,
        ):
            await a.client.send(BOB, b"hello")
            await until(bob.plaintexts)
            await bob.client.send(ALICE, b"hello yourself")
            await until(a.plaintexts)
            now = int(time.time())
            rotate_identity(bob.store, now=now)
            renewal = Renewal(bob.store, publish=waiting(bob.client.publish), fetch=waiting(bob.client.fetch))
            assert await asyncio.to_thread(renewal.tick, now) == {ALICE: None}
            bob.client.wake()
            await first_contacts(sqlite_place, at, bob, 3)
            await until(lambda: any(peer == BOB for _, peer in a.events))
            assert look(bob.store).ring.status.epoch == 3

    run(work(), redis_server)
