"""Mailboxes and prekeys in a real Redis."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from adapters.relays import run
from mailboxes import OVERHEAD, Mailboxes, Room
from redis.asyncio import Redis

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from adapters.redis_server import RedisServer

ALICE, BOB, CAROL = b"alice", b"bob", b"carol"
SECRET = bytes(32)


def with_mail(server: RedisServer, work: Callable[[Mailboxes], Awaitable[None]], room: Room | None = None) -> None:
    async def inner() -> None:
        async with Redis(unix_socket_path=str(server.socket)) as redis:
            mail = Mailboxes(redis, room, open_registration=True)
            for address in (ALICE, BOB, CAROL):
                assert await mail.admits(address, SECRET)
            await work(mail)

    run(inner(), server)


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def test_the_first_credential_is_taken_and_no_other(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        shown = [bytes([number]) * 32 for number in range(20)]
        admitted = await asyncio.gather(*(mail.admits(b"new", credential) for credential in shown))
        assert admitted.count(True) == 1
        assert await mail.admits(b"new", shown[admitted.index(True)])

    with_mail(redis_server, work)


def test_a_barred_device_stays_out_and_nobody_takes_its_address(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        assert not await mail.barred(ALICE)
        await mail.bar(ALICE)
        assert await mail.barred(ALICE)
        assert not await mail.admits(ALICE, SECRET)
        assert not await mail.admits(ALICE, bytes([1]) * 32)

    with_mail(redis_server, work)


def test_a_device_that_was_not_registered_stays_out_unless_registration_is_open(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        closed = Mailboxes(mail._redis)
        assert not await closed.admits(b"new", SECRET)
        assert not await closed.put(key(1), ALICE, b"new", b"envelope")
        await closed.register(b"new", SECRET)
        await closed.register(b"new", bytes([1]) * 32)
        assert await closed.admits(b"new", SECRET)
        assert not await closed.admits(b"new", bytes([1]) * 32)

    with_mail(redis_server, work)


def test_mail_shows_no_content(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        await mail.put(key(1), ALICE, BOB, b"envelope")
        assert re.fullmatch(r"\[<Mail \d+>\]", repr(await mail.behind(BOB, 0, 1)))

    with_mail(redis_server, work)


def test_the_same_id_again_is_not_put_in_twice(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        done = await asyncio.gather(*(mail.put(key(1), ALICE, BOB, b"once") for _ in range(20)))
        assert all(done)
        assert await mail.put(key(1), CAROL, BOB, b"another sender's id is its own")
        assert [found.envelope for found in await mail.behind(BOB, 0, 10)] == [
            b"once",
            b"another sender's id is its own",
        ]

    with_mail(redis_server, work)


def test_mail_is_read_in_order_from_any_place_until_it_is_forgotten(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        for number in range(5):
            await mail.put(key(number), ALICE, BOB, b"%d" % number)
        found = await mail.behind(BOB, 0, 3)
        assert [(m.sender, m.envelope) for m in found] == [(ALICE, b"0"), (ALICE, b"1"), (ALICE, b"2")]
        assert [m.envelope for m in await mail.behind(BOB, found[-1].number, 9)] == [b"3", b"4"]
        await mail.forget(BOB, found[1].number)
        await mail.forget(BOB, found[1].number)
        await mail.forget(CAROL, found[0].number)
        assert [m.envelope for m in await mail.behind(BOB, 0, 9)] == [b"0", b"2", b"3", b"4"]

    with_mail(redis_server, work)


@pytest.mark.attack("A26")
@pytest.mark.parametrize(
    ("room", "size"),
    [(Room(envelopes=3), 1), (Room(size=30), 10), (Room(share=3), 1), (Room(share_size=30), 10)],
    ids=["envelopes", "size", "share", "share_size"],
)
def test_a_full_mailbox_refuses_until_there_is_room(redis_server: RedisServer, room: Room, size: int) -> None:
    async def work(mail: Mailboxes) -> None:
        assert [await mail.put(key(number), ALICE, BOB, bytes(size)) for number in range(4)] == [True] * 3 + [False]
        assert await mail.put(key(0), ALICE, BOB, bytes(size))  # that one is in
        assert await mail.put(key(9), CAROL, BOB, bytes(size)) is (room.share == 3 or room.share_size == 30)
        await mail.forget(BOB, (await mail.behind(BOB, 0, 1))[0].number)
        assert await mail.put(key(3), ALICE, BOB, bytes(size))

    with_mail(redis_server, work, room)


@pytest.mark.attack("A26")
def test_nobody_fills_all_mailboxes_together(redis_server: RedisServer) -> None:
    """Small envelopes count as well; what was fetched does not, and neither does a sender of long ago."""
    room = Room(total=3 * (OVERHEAD + 10))

    async def work(mail: Mailboxes) -> None:
        for number, to in enumerate((ALICE, BOB, CAROL)):
            assert await mail.put(key(number), ALICE, to, bytes(10))
        for number, to in enumerate((ALICE, BOB, CAROL)):
            assert not await mail.put(key(3), ALICE, to, bytes(1))
            assert await mail.put(key(number), BOB, to, bytes(10))
        for _ in range(2):
            await mail.forget(BOB, (await mail.behind(BOB, 0, 1))[0].number)
        assert await mail.put(key(4), ALICE, CAROL, bytes(10))
        assert not await mail.put(key(5), ALICE, CAROL, bytes(10))
        assert await mail._redis.expire(b"sent:" + ALICE, 0)
        await mail.forget(ALICE, (await mail.behind(ALICE, 0, 1))[0].number)
        assert await mail.put(key(5), ALICE, CAROL, bytes(10))

    with_mail(redis_server, work, room)


@pytest.mark.attack("A26")
def test_nothing_is_kept_for_a_device_that_was_never_there(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        for number in range(100):
            assert not await mail.put(key(number), ALICE, b"nobody/%d" % number, bytes(1000))

    with_mail(redis_server, work)
    assert b"nobody" not in redis_server.everything()
    assert b"mail:" not in redis_server.everything()


@pytest.mark.attack("A13")
def test_of_many_that_fetch_at_once_nobody_gets_the_item_of_another(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        items = tuple(b"item %d" % number for number in range(20))
        assert await mail.publish(BOB, b"bundle", items) == 20
        found = await asyncio.gather(*(mail.fetch(BOB, item=True) for _ in range(25)))
        assert {bundle for bundle, _ in found} == {b"bundle"}
        assert sorted(item for _, item in found) == sorted(items + (b"",) * 5)

    with_mail(redis_server, work)


@pytest.mark.attack("A13")
def test_an_item_that_was_handed_out_stays_handed_out(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        assert await mail.publish(BOB, b"bundle", (b"one", b"two")) == 2
        _, gone = await mail.fetch(BOB, item=True)
        assert await mail.publish(BOB, b"bundle", (b"one", b"two", b"three")) == 2
        left = [(await mail.fetch(BOB, item=True))[1] for _ in range(3)]
        assert sorted([gone, *left]) == sorted([b"one", b"two", b"three", b""])

    with_mail(redis_server, work)


def test_a_publication_replaces_the_last_one(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        await mail.publish(BOB, b"old", (b"revoked", b"kept"))
        assert await mail.publish(BOB, b"new", (b"kept",)) == 1
        assert await mail.stock(BOB) == 1
        assert await mail.fetch(BOB, item=False) == (b"new", b"")
        assert await mail.fetch(BOB, item=True) == (b"new", b"kept")
        assert await mail.fetch(BOB, item=True) == (b"new", b"")

    with_mail(redis_server, work)


def test_who_published_nothing_has_no_bundle(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        assert await mail.fetch(BOB, item=True) == (b"", b"")

    with_mail(redis_server, work)


def test_news_come_of_each_mailbox_and_after_each_gap(redis_server: RedisServer) -> None:
    async def work(mail: Mailboxes) -> None:
        news = mail.news()
        assert await anext(news) is None
        await mail.put(key(1), ALICE, BOB, b"envelope")
        assert await anext(news) == BOB
        await news.aclose()

    with_mail(redis_server, work)


def test_everything_that_is_kept_for_a_while_ends(redis_server: RedisServer) -> None:
    ends = {}

    async def work(mail: Mailboxes) -> None:
        await mail.put(key(1), ALICE, BOB, b"envelope")
        await mail.publish(BOB, b"bundle", (b"item",))
        await mail.fetch(BOB, item=True)
        async for name in mail._redis.scan_iter():
            ends[name.partition(b":")[0]] = await mail._redis.ttl(name)

    with_mail(redis_server, work)
    assert {name for name, seconds in ends.items() if seconds > 0} == {
        b"mail",
        b"held",
        b"seen",
        b"sent",
        b"handed-out",
    }
    assert {name for name, seconds in ends.items() if seconds < 0} == {b"login", b"count", b"bundle"}
