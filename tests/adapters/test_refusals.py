"""One peer's records are refused: nothing of that peer's is used, and nothing of anybody else's waits for it."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from adapters.places import SqlitePlace
from adapters.relays import credential, phone, run, running, until
from anchors import FileAnchor
from client import Client
from link import Link
from mailboxes import _key
from records import RING, StateMissing, StoreError
from store import LETTERS_AT_ONCE

from ratchetlib import StateRolledBack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from adapters.places import Anchor
    from adapters.redis_server import RedisServer
    from adapters.relays import Phone, Running
    from store import Store

ALICE, BOB, CAROL = b"alice/laptop", b"bob/phone", b"carol/tablet"


class Anchored(SqlitePlace):
    """Stores that notice when they are older than they were."""

    def open(self, owner: bytes, *, anchor: Anchor | None = None, **settings: object) -> Store:
        anchor = anchor or FileAnchor(self.directory / f"{owner.hex()}-anchor")
        return super().open(owner, anchor=anchor, **settings)  # type: ignore[arg-type]

    def roll_back(self, address: bytes, records: list[tuple[object, ...]], shelf: bytes) -> None:
        """A peer's records, to what they were."""
        self.interfere(address, "DELETE FROM records WHERE shelf = ?", shelf)
        for record in records:
            if record[0] == shelf:
                self.interfere(
                    address, "INSERT INTO records (shelf, name, generation, blob) VALUES (?, ?, ?, ?)", *record
                )


def rolled_back(server: RedisServer, work: Callable[[Running, Anchored, Phone, Phone], Awaitable[None]]) -> None:
    """Alice has written to Bob and to Carol, and what she knows of Carol is old now; she is not connected."""
    place = Anchored()

    async def inner() -> None:
        async with running(server) as at, phone(at, place, BOB) as bob, phone(at, place, CAROL) as carol:
            async with phone(at, place, ALICE) as alice:
                for peer in (bob, carol):
                    await alice.client.send(peer.address, b"first")
                    await until(peer.plaintexts)
                    await peer.client.send(ALICE, b"answer")
                await until(lambda: len(alice.plaintexts()) == 2)
                await until(lambda: not alice.store.outbox())
            old = place.interfere(ALICE, "SELECT shelf, name, generation, blob FROM records")
            for number in range(LETTERS_AT_ONCE + 20):
                with alice.store.peer(CAROL) as peer:
                    peer.send(b"%d" % number, now=int(time.time()))
            shelf = alice.store._sealing.shelf(CAROL)
            alice.store.close()
            place.roll_back(ALICE, old, shelf)
            await work(at, place, bob, carol)

    try:
        run(inner(), server)
    finally:
        place.close()


@asynccontextmanager
async def back(at: Running, place: Anchored) -> AsyncIterator[Phone]:
    async with phone(at, place, ALICE) as alice:
        yield alice


@pytest.mark.attack("A71")
def test_letters_to_others_leave_and_the_event_is_told_once(redis_server: RedisServer) -> None:
    async def work(at: Running, place: Anchored, bob: Phone, _: Phone) -> None:
        store = place.open(ALICE)
        with store.peer(BOB) as peer:
            peer.send(b"behind all of them", now=int(time.time()))
        store.close()
        async with back(at, place) as alice:
            await until(lambda: b"behind all of them" in bob.plaintexts())
            await alice.client.reconnect()
            await alice.client.send(BOB, b"on another connection")
            await until(lambda: b"on another connection" in bob.plaintexts())
            assert alice.events == [("StateRolledBack", CAROL)]
            assert {peer: type(error) for peer, error in alice.client.refused.items()} == {CAROL: StateRolledBack}
            with pytest.raises(StateRolledBack):
                await alice.client.send(CAROL, b"not now")

    rolled_back(redis_server, work)


@pytest.mark.attack("A71")
def test_messages_of_others_come_in_and_its_own_wait(redis_server: RedisServer) -> None:
    async def work(at: Running, place: Anchored, bob: Phone, carol: Phone) -> None:
        await carol.client.send(ALICE, b"from carol")
        await until(lambda: not carol.store.outbox())
        await bob.client.send(ALICE, b"from bob")
        async with back(at, place) as alice:
            await until(lambda: b"from bob" in alice.plaintexts())
            assert alice.events == [("StateRolledBack", CAROL)]
            assert await at.redis.xlen(_key("mail", ALICE)) == 1

    rolled_back(redis_server, work)


@pytest.mark.attack("A71")
def test_a_person_gives_its_sessions_up_and_a_new_one_is_begun(redis_server: RedisServer) -> None:
    async def work(at: Running, place: Anchored, bob: Phone, carol: Phone) -> None:
        async with back(at, place) as alice:
            await until(lambda: CAROL in alice.client.refused)
            assert await alice.client.abandon(CAROL)
            assert alice.client.refused == {}
            await until(lambda: b"" in carol.plaintexts())
            await alice.client.send(CAROL, b"again")
            await until(lambda: b"again" in carol.plaintexts())
            await carol.client.send(ALICE, b"here I am")
            await until(lambda: b"here I am" in alice.plaintexts())
            assert alice.events == [("StateRolledBack", CAROL)]
            assert bob.events == []

    rolled_back(redis_server, work)


@pytest.mark.attack("A71")
def test_a_reset_that_is_refused_ends_nothing(redis_server: RedisServer) -> None:
    async def work(at: Running, place: Anchored, bob: Phone, _: Phone) -> None:
        async with back(at, place) as alice:
            await until(lambda: CAROL in alice.client.refused)

            def refused(*_: object) -> bool:
                raise StateRolledBack

            alice.client._resets._request = refused  # type: ignore[method-assign]  # only the sessions are old here
            alice.client._resets.need(CAROL)
            await until(lambda: not alice.client._resets._broken)
            await alice.client.send(BOB, b"still here")
            await until(lambda: b"still here" in bob.plaintexts())

    rolled_back(redis_server, work)


@pytest.mark.attack("A71")
def test_the_devices_own_records_end_the_client(redis_server: RedisServer) -> None:
    async def work(at: Running, place: Anchored, _: Phone, carol: Phone) -> None:
        await carol.client.send(ALICE, b"from carol")
        store = place.open(ALICE)
        ring = store._sealing.name(RING)
        store.close()
        place.interfere(ALICE, "DELETE FROM records WHERE name = ?", ring)
        with pytest.raises(StateMissing):
            await Client(place.open(ALICE), Link(at.uri, ALICE, credential(ALICE))).run()

    rolled_back(redis_server, work)


def test_an_anchor_that_fails_like_a_connection_is_no_connection(
    redis_server: RedisServer, sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def inner() -> None:
        async with running(redis_server) as at:
            async with phone(at, sqlite_place, BOB) as bob:
                pass

            def failed(_skip: object) -> None:
                raise ConnectionResetError

            monkeypatch.setattr(bob.store, "outbox", failed)
            async with asyncio.timeout(10):
                with pytest.raises(StoreError):
                    await bob.client.run()

    run(inner(), redis_server)
