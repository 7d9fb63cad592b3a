"""The relay over real connections and a real Redis, spoken to frame by frame."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING

import allowances
import door
import frames
import fullness
import line
import networks
import partings
import pytest
import redis_link
import relay
import relay_log
import resume_tokens
from adapters.pages import ADAPTERS
from adapters.relays import NO_LIMITS, Raw, credential, device, raw, run, running, until
from mailboxes import Room, _key
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError
from redis_link import connect_redis
from support.leaks import leaked
from throttle import Rate
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from adapters.redis_server import RedisServer
    from adapters.relays import Running

ALICE, BOB, CAROL = b"alice/laptop", b"bob/phone", b"carol/tablet"
RIGHTS = "~* resetchannels &mail +@read +@write +@scripting +@pubsub +@connection -@dangerous +info +time"
"""Of the relay's user, as the page says."""

SLOW = Rate(1e-9, 3)
"""Three, and then never again in a test's time."""


def with_relay(server: RedisServer, work: Callable[[Running], Awaitable[None]], **settings: object) -> None:
    async def inner() -> None:
        async with running(server, **settings) as at:  # type: ignore[arg-type]
            await work(at)

    run(inner(), server)


async def enter(at: Running, frame: frames.Frame) -> int | Raw:
    """The code with which a first frame is refused; else the token is in what comes back."""
    async with raw(at) as connected:
        try:
            await connected.greet(frame)
        except ConnectionClosed:
            return await connected.closed()
    return connected


# --- delivery -----------------------------------------------------------------------------------


@pytest.mark.attack("A130")
def test_what_is_sent_is_delivered_until_it_is_acknowledged(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, BOB), device(at, ALICE) as alice:
            assert await alice.send(BOB, b"envelope", bytes(16)) == frames.Accepted(bytes(16))
        for _ in range(2):
            async with device(at, BOB) as bob:
                found = await bob.hear()
                assert found == frames.Deliver(found.number, ALICE, b"envelope")
        async with device(at, BOB) as bob:
            await bob.say(frames.Ack((await bob.hear()).number))
            await bob.settled()
        async with device(at, BOB) as bob:
            assert await bob.silent()

    with_relay(redis_server, work)


def test_only_what_was_delivered_can_be_acknowledged(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, BOB):
            pass
        async with device(at, ALICE) as alice:
            await alice.send(BOB, b"envelope")
            for number in (0, 1, 2**64 - 1):
                await alice.say(frames.Ack(number))
            await alice.settled()
        async with device(at, BOB) as bob:
            assert (await bob.hear()).envelope == b"envelope"

    with_relay(redis_server, work)


def test_mail_comes_at_once_to_a_device_that_waits(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "POLL", 1e6)

    async def work(at: Running) -> None:
        async with device(at, BOB) as bob, device(at, ALICE) as alice:
            await asyncio.sleep(0.3)
            for number in range(20):
                await alice.send(BOB, b"%d" % number)
                assert (await bob.hear()).envelope == b"%d" % number

    with_relay(redis_server, work)


def test_mail_comes_to_a_device_on_another_relay_over_the_same_redis(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with running(redis_server) as other, device(other, BOB) as bob, device(at, ALICE) as alice:
            await alice.send(BOB, b"envelope")
            assert (await bob.hear()).envelope == b"envelope"

    with_relay(redis_server, work)


def test_a_device_that_connects_again_replaces_its_old_connection(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, BOB) as old, device(at, BOB) as new, device(at, ALICE) as alice:
            assert await old.closed() == frames.REPLACED
            await alice.send(BOB, b"envelope")
            assert (await new.hear()).envelope == b"envelope"

    with_relay(redis_server, work)


@pytest.mark.attack("A114")
def test_a_device_that_connects_to_another_relay_replaces_its_old_connection(redis_server: RedisServer) -> None:
    """A thief comes in elsewhere: the owner hears so, and does not wait for mail that goes to somebody else."""

    async def work(at: Running) -> None:
        async with running(redis_server) as other, device(at, BOB) as owner:
            async with device(other, BOB) as thief, device(at, ALICE) as alice:
                assert await owner.closed() == frames.REPLACED
                await alice.send(BOB, b"envelope")
                assert (await thief.hear()).envelope == b"envelope"
            assert isinstance(await enter(at, frames.Login(BOB, credential(BOB))), Raw)

    with_relay(redis_server, work)


def test_a_device_whose_token_has_expired_stays_connected(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, BOB) as bob:
            await at.redis.delete(*await at.redis.keys("token*"))
            at.relay._lines[BOB].wake()
            await asyncio.sleep(0.2)
            assert isinstance(await bob.ask(frames.Fetch(BOB)), frames.Bundle)

    with_relay(redis_server, work)


def test_what_comes_after_redis_has_lost_everything_is_delivered_and_no_old_acknowledgement_deletes_it(
    redis_server: RedisServer,
) -> None:
    async def work(at: Running) -> None:
        async with device(at, BOB) as bob, device(at, ALICE) as alice:
            for number in range(3):
                await alice.send(BOB, b"old %d" % number)
            old = [await bob.hear() for _ in range(3)]
            await at.redis.flushall()
            await at.relay._mailboxes.register(BOB, credential(BOB))
            for number in range(3):
                await alice.send(BOB, b"new %d" % number)
            new = [await bob.hear() for _ in range(3)]
            assert [mail.envelope for mail in new] == [b"new 0", b"new 1", b"new 2"]
            for mail in old:
                await bob.say(frames.Ack(mail.number))
            await bob.settled()
            assert await at.redis.xlen(_key("mail", BOB)) == 3

    with_relay(redis_server, work)


def test_a_device_that_does_not_let_itself_be_replaced_holds_nobody_up(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, BOB) as old:
            old.connection.transport.pause_reading()  # type: ignore[attr-defined]  # of a socket
            loop = asyncio.get_running_loop()
            began = loop.time()
            async with device(at, BOB):
                assert loop.time() - began < partings.PARTING
            old.connection.transport.abort()

    with_relay(redis_server, work)


@pytest.mark.attack("A26")
@pytest.mark.parametrize("limit", ["MAX_CONNECTIONS", "MAX_OF_A_NETWORK"])
def test_of_too_many_connections_the_last_are_not_taken(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(networks, limit, 1)

    async def work(at: Running) -> None:
        async with device(at, ALICE):
            assert await enter(at, frames.Login(BOB, credential(BOB))) == 1006
        await until(lambda: not at.relay._places._taken)
        async with device(at, BOB):
            pass

    with_relay(redis_server, work)


def test_a_relay_without_redis_closes_and_serves_again_when_it_is_back(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, ALICE) as alice:
            await asyncio.to_thread(redis_server.kill)
            try:
                with suppress(ConnectionClosed):  # it has noticed before
                    await alice.say(frames.Fetch(ALICE))
                assert await alice.closed() == frames.BUSY
            finally:
                await asyncio.to_thread(redis_server.start)
        async with device(at, ALICE) as alice:
            assert isinstance(await alice.ask(frames.Fetch(ALICE)), frames.Bundle)

    with_relay(redis_server, work)


# --- prekeys ------------------------------------------------------------------------------------


@pytest.mark.attack("A13")
def test_an_item_is_handed_out_once(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        items = (b"one", b"two", b"three")
        async with device(at, BOB) as bob:
            assert await bob.ask(frames.Publish(b"bundle", items)) == frames.Stock(3, 0)
        async with device(at, ALICE) as alice, device(at, CAROL) as carol:
            for who in (alice, carol) * 2:
                await who.say(frames.Fetch(BOB))
            found = [await who.hear() for who in (alice, carol) * 2]
        assert {(answer.address, answer.bundle) for answer in found} == {(BOB, b"bundle")}
        assert sorted(answer.item for answer in found) == sorted([b"", *items])
        async with device(at, BOB) as bob:
            assert await bob.ask(frames.Publish(b"bundle", items)) == frames.Stock(0, 0)

    with_relay(redis_server, work)


@pytest.mark.attack("A13")
def test_who_asks_too_often_gets_nothing_and_drains_nothing(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        items = tuple(b"%d" % number for number in range(10))
        async with device(at, BOB) as bob, device(at, CAROL) as carol:
            await bob.ask(frames.Publish(b"bundle", items))
            found = [await carol.ask(frames.Fetch(BOB)) for _ in range(6)]
            assert [bool(answer.item) for answer in found] == [True] * 3 + [False] * 3
            assert [bool(answer.bundle) for answer in found] == [True] * 3 + [False] * 3
            assert (await bob.ask(frames.Fetch(BOB))).item == b"3"

    with_relay(redis_server, work, rates=NO_LIMITS._replace(fetching=SLOW))


@pytest.mark.attack("A13")
def test_many_that_ask_for_one_device_get_no_items_but_everybody_gets_the_bundle(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, BOB) as bob:
            await bob.ask(frames.Publish(b"bundle", tuple(b"%d" % number for number in range(10))))
        found = []
        for number in range(6):
            async with device(at, b"attacker/%d" % number) as attacker:
                found.append(await attacker.ask(frames.Fetch(BOB)))
        assert {answer.bundle for answer in found} == {b"bundle"}
        assert [bool(answer.item) for answer in found] == [True] * 3 + [False] * 3

    with_relay(redis_server, work, rates=NO_LIMITS._replace(target=SLOW))


def test_who_publishes_too_often_is_told_when_to_try_again(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, BOB) as bob:
            assert await bob.ask(frames.Publish(b"bundle", (b"one", b"two"))) == frames.Stock(2, 0)
            refused = await bob.ask(frames.Publish(b"other", (b"three",)))
            assert refused.left == 2
            assert refused.retry_after > 0
            assert (await bob.ask(frames.Fetch(BOB))).bundle == b"bundle"

    with_relay(redis_server, work, rates=NO_LIMITS._replace(publishing=SLOW))


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.attack("A26")
@pytest.mark.parametrize("limited", ["sending", "peer"])
def test_who_sends_too_much_is_refused_and_nothing_is_put_in(redis_server: RedisServer, limited: str) -> None:
    async def work(at: Running) -> None:
        async with device(at, BOB), device(at, CAROL), device(at, ALICE) as alice:
            answers = [await alice.send(BOB, b"%d" % number) for number in range(5)]
            assert [type(answer).__name__ for answer in answers] == ["Accepted"] * 3 + ["Refused"] * 2
            assert all(answer.retry_after > 1000 for answer in answers[3:])
            to_another = await alice.send(CAROL, b"another")
            assert isinstance(to_another, frames.Accepted) is (limited == "peer")
        assert await at.redis.xlen(_key("mail", BOB)) == 3

    with_relay(redis_server, work, rates=NO_LIMITS._replace(**{limited: SLOW}))


@pytest.mark.attack("A26")
@pytest.mark.parametrize("limited", ["sending", "peer"])
def test_a_large_envelope_counts_as_several(redis_server: RedisServer, limited: str) -> None:
    async def work(at: Running) -> None:
        async with device(at, BOB), device(at, ALICE) as alice:
            sizes = [2 * allowances.CHARGED, allowances.CHARGED, 1]
            found = [await alice.send(BOB, bytes(size)) for size in sizes]
            assert [type(answer).__name__ for answer in found] == ["Accepted", "Accepted", "Refused"]

    with_relay(redis_server, work, rates=NO_LIMITS._replace(**{limited: SLOW}))


@pytest.mark.attack("A26")
@pytest.mark.parametrize("share", [0.7, 0.9, 1.05])
def test_a_redis_that_is_nearly_full_takes_no_mail_and_lets_everybody_in_to_fetch_it(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(fullness, "LOOK", 0.0)

    async def work(at: Running) -> None:
        async with Redis(unix_socket_path=str(redis_server.socket)) as admin, device(at, ALICE) as alice:
            async with device(at, BOB) as bob:
                assert isinstance(await alice.send(BOB, b"before"), frames.Accepted)
            await admin.set("filling", bytes(20_000_000))
            used = (await admin.info("memory"))["used_memory"]
            try:
                await admin.config_set("maxmemory", int(used / share))
                full = share > 0.8
                assert isinstance(await alice.send(BOB, b"mail"), frames.Refused) is full
                assert bool((await alice.ask(frames.Publish(b"bundle", (b"item",)))).retry_after) is full
                for frame in (frames.Resume(bob.token), frames.Login(BOB, credential(BOB))):
                    if isinstance(frame, frames.Login):
                        await admin.delete(*await admin.keys("token*"))  # it has been away for long
                    async with raw(at) as back:
                        await back.greet(frame)
                        await back.hear()
                async with device(at, BOB) as bob:
                    await bob.say(frames.Ack((await bob.hear()).number))
                    await bob.settled()
                assert await at.redis.xlen(_key("mail", BOB)) == (0 if full else 1)
            finally:
                await admin.config_set("maxmemory", 0)

    with_relay(redis_server, work)


@pytest.mark.attack("A26")
def test_nobody_floods_the_log(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async def work(at: Running) -> None:
        async with device(at, ALICE) as alice:
            for _ in range(300):
                await alice.ask(frames.Fetch(BOB))
                await alice.ask(frames.Publish(b"bundle", ()))

    with_relay(redis_server, work, rates=NO_LIMITS._replace(fetching=SLOW, publishing=SLOW))
    for text in ("prekeys asked for too often", "prekeys not taken"):
        assert relay_log.WARNED.burst <= caplog.messages.count(text) <= relay_log.WARNED.burst + 6


@pytest.mark.attack("A26")
def test_a_network_address_that_connects_too_often_is_sent_away(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        codes = [await enter(at, frames.Login(b"device/%d" % number, bytes(32))) for number in range(5)]
        assert [isinstance(code, Raw) for code in codes] == [True] * 3 + [False] * 2
        assert codes[3:] == [frames.BUSY] * 2

    with_relay(redis_server, work, rates=NO_LIMITS._replace(greeting=SLOW))


@pytest.mark.attack("A26")
@pytest.mark.parametrize(
    ("remote", "network"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("::ffff:192.0.2.7", 1, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1, 0, 0), "2001:db8:1:2::/64"),
        (("2001:db8:1:2::9", 1, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 1, 0, 3), "fe80::/64"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_network_is_what_one_subscriber_has(remote: object, network: str) -> None:
    assert networks.network(remote) == network


@pytest.mark.attack("A26")
def test_a_full_mailbox_refuses_and_takes_again(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, BOB):
            pass
        async with device(at, ALICE) as alice:
            answers = [await alice.send(BOB, b"%d" % number) for number in range(4)]
            assert [type(answer).__name__ for answer in answers] == ["Accepted"] * 3 + ["Refused"]
            async with device(at, BOB) as bob:
                await bob.say(frames.Ack((await bob.hear()).number))
                await bob.settled()
            assert isinstance(await alice.send(BOB, b"3"), frames.Accepted)

    with_relay(redis_server, work, room=Room(envelopes=3))


@pytest.mark.attack("A26")
def test_a_device_that_reads_nothing_does_not_fill_the_memory_of_the_relay(redis_server: RedisServer) -> None:
    """Of the envelopes that wait for it a few are read ahead, and it stays so."""
    waiting = 64 * 70_000

    async def work(at: Running) -> None:
        async with device(at, BOB):
            pass
        async with device(at, ALICE) as alice:
            for number in range(64):
                await alice.send(BOB, number.to_bytes(2, "big") * 35_000)
        gc.collect()
        tracemalloc.start()
        try:
            async with raw(at, max_queue=1) as bob:
                await bob.greet(frames.Login(BOB, credential(BOB)))
                await asyncio.sleep(1)
                _, peak = tracemalloc.get_traced_memory()
                bob.connection.transport.abort()
        finally:
            tracemalloc.stop()
        assert peak < waiting * 0.7

    with_relay(redis_server, work, room=Room(share_size=64 << 20))


@pytest.mark.attack("A26")
def test_a_device_gets_a_window_of_unacknowledged_mail_and_no_more(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, ALICE) as alice, device(at, BOB) as bob:
            for number in range(line.WINDOW + 5):
                await alice.send(BOB, b"%d" % number)
            found = [await bob.hear() for _ in range(line.WINDOW)]
            assert await bob.silent()
            await bob.say(frames.Ack(found[7].number))
            await bob.say(frames.Ack(found[7].number))
            assert (await bob.hear()).number == found[-1].number + 1
            assert await bob.silent()

    with_relay(redis_server, work)


@pytest.mark.attack("A26")
def test_who_says_nothing_does_not_keep_a_connection(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "GREETING_TIMEOUT", 0.1)

    async def work(at: Running) -> None:
        async with raw(at) as silent:
            await silent.connection.wait_closed()
        assert at.relay._lines == {}

    with_relay(redis_server, work)


# --- who is let in ------------------------------------------------------------------------------


def test_another_credential_is_refused(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        assert isinstance(await enter(at, frames.Login(ALICE, bytes(32))), Raw)
        assert await enter(at, frames.Login(ALICE, bytes([1]) * 32)) == frames.REFUSED
        assert isinstance(await enter(at, frames.Login(ALICE, bytes(32))), Raw)

    with_relay(redis_server, work)


@pytest.mark.attack("A114")
def test_a_token_that_was_used_is_refused(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        first = await enter(at, frames.Login(ALICE, bytes(32)))
        assert isinstance(first, Raw)
        second = await enter(at, frames.Resume(first.token))
        assert isinstance(second, Raw)
        assert second.token != first.token
        assert await enter(at, frames.Resume(first.token)) == frames.REFUSED
        assert isinstance(await enter(at, frames.Resume(second.token)), Raw)
        assert await enter(at, frames.Resume(bytes(32))) == frames.REFUSED

    with_relay(redis_server, work)


@pytest.mark.attack("A114")
def test_a_revoked_device_is_cut_off_and_stays_out(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, ALICE) as alice:
            await at.relay.revoke(ALICE)
            assert await alice.closed() == frames.REFUSED
        assert await enter(at, frames.Resume(alice.token)) == frames.REFUSED
        assert await enter(at, frames.Login(ALICE, credential(ALICE))) == frames.REFUSED

    with_relay(redis_server, work)


@pytest.mark.attack("A114")
def test_a_device_that_was_let_in_while_it_was_revoked_is_sent_away(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(at: Running) -> None:
        token = (await enter(at, frames.Login(ALICE, bytes(32)))).token  # type: ignore[union-attr]
        redeem = at.relay._door._tokens.redeem

        async def overtaken(shown: bytes) -> bytes | None:
            found = await redeem(shown)
            await at.relay.revoke(ALICE)
            return found

        monkeypatch.setattr(at.relay._door._tokens, "redeem", overtaken)
        assert await enter(at, frames.Resume(token)) == frames.REFUSED
        assert b"token:" not in redis_server.everything()

    with_relay(redis_server, work)


@pytest.mark.attack("A114")
def test_a_device_that_was_revoked_before_its_token_was_issued_gets_none(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(at: Running) -> None:
        issue = at.relay._door._tokens.issue

        async def overtaken(address: bytes) -> bytes:
            at.relay._lines.clear()
            await at.relay.revoke(address)
            return await issue(address)

        monkeypatch.setattr(at.relay._door._tokens, "issue", overtaken)
        assert await enter(at, frames.Login(ALICE, credential(ALICE))) == frames.REFUSED
        assert b"token:" not in redis_server.everything()

    with_relay(redis_server, work)


@pytest.mark.attack("A114")
def test_a_device_that_is_revoked_elsewhere_is_cut_off(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with running(redis_server) as other, device(at, ALICE) as alice, device(at, BOB) as bob:
            await other.relay.revoke(ALICE)
            assert await alice.closed() == frames.REFUSED
            assert isinstance(await bob.ask(frames.Fetch(BOB)), frames.Bundle)

    with_relay(redis_server, work)


@pytest.mark.attack("A129")
@pytest.mark.parametrize(
    "message",
    [b"", b"\xff", b"\x00", frames.encode(frames.Ack(1)), frames.encode(frames.Welcome(bytes(32))), "text"],
    ids=repr,
)
@pytest.mark.parametrize("greeted", [False, True], ids=["first", "later"])
def test_what_is_no_frame_of_a_client_ends_the_connection(
    redis_server: RedisServer, message: bytes | str, *, greeted: bool
) -> None:
    if greeted and message == frames.encode(frames.Ack(1)):
        message = frames.encode(frames.Login(ALICE, bytes(32)))

    async def work(at: Running) -> None:
        async with raw(at) as connected:
            if greeted:
                await connected.greet(frames.Login(ALICE, bytes(32)))
            await connected.connection.send(message)
            assert await connected.closed() == frames.MALFORMED
        await until(lambda: not at.relay._lines)

    with_relay(redis_server, work)


def test_a_frame_that_is_too_long_ends_the_connection(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with device(at, ALICE) as alice:
            await alice.connection.send(bytes(frames.MAX_FRAME + 1))
            assert await alice.closed() == 1009

    with_relay(redis_server, work)


def test_the_longest_envelope_from_the_longest_address_arrives(redis_server: RedisServer) -> None:
    longest = bytes(max(frames.ADDRESS_LENGTHS))

    async def work(at: Running) -> None:
        async with device(at, b"b") as bob, device(at, longest) as alice:
            await alice.send(b"b", bytes(frames.MAX_ENVELOPE))
            assert (await bob.hear()).sender == longest

    with_relay(redis_server, work)


# --- what it knows, and what it shows -----------------------------------------------------------


@pytest.mark.attack("A114")
def test_logs_show_hashes_of_tokens_and_no_address(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = []

    async def work(at: Running) -> None:
        async with device(at, ALICE) as alice:
            tokens.append(alice.token)
        second = await enter(at, frames.Resume(alice.token))
        assert isinstance(second, Raw)
        tokens.append(second.token)
        await enter(at, frames.Resume(alice.token))
        await enter(at, frames.Login(ALICE, bytes([7]) * 32))
        await enter(at, frames.Ack(1))

    with_relay(redis_server, work)
    shown = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    for token in tokens:
        assert resume_tokens.shown(token) in shown
        assert token[:6].hex(" ") not in shown
    assert leaked(shown, {part[:6] for part in (*tokens, credential(ALICE), bytes([7]) * 32)}) == set()
    assert "alice" not in shown
    assert not [record for record in caplog.records if record.name.startswith("websockets")]


@pytest.mark.attack("A114")
def test_redis_holds_no_token_and_no_credential(redis_server: RedisServer) -> None:
    tokens = []

    async def work(at: Running) -> None:
        for address in (ALICE, BOB, CAROL):
            async with device(at, address) as connected:
                tokens.append(connected.token)

    with_relay(redis_server, work)
    stored = redis_server.everything().decode()
    assert leaked(stored, {part[:8] for part in tokens}) == set()
    assert leaked(stored, {credential(address)[:8] for address in (ALICE, BOB, CAROL)}) == set()


@pytest.mark.attack("A110")
def test_nothing_is_compressed_even_if_a_client_asks(redis_server: RedisServer) -> None:
    async def work(at: Running) -> None:
        async with connect(at.uri, compression="deflate", proxy=None) as connection:
            assert connection.protocol.extensions == []

    with_relay(redis_server, work)


# --- the command --------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["redis://redis.example", "http://x", "", "localhost:6379"])
def test_redis_is_not_reached_in_clear(address: str) -> None:
    with pytest.raises(ValueError, match="rediss"):
        connect_redis(address)


def test_redis_over_tls_is_version_1_3_with_names_checked(tmp_path: Path) -> None:
    redis = connect_redis("rediss://redis.example", authority=tmp_path / "authority.pem")
    settings = redis.connection_pool.connection_kwargs
    assert settings["ssl_min_version"].name == "TLSv1_3"
    assert settings["ssl_check_hostname"] is True
    assert settings["ssl_ca_certs"] == str(tmp_path / "authority.pem")


def test_a_rotated_password_is_used_by_the_next_connection(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("old\n", encoding="utf-8")
    redis = connect_redis("unix:///run/redis.sock", password=file, user="relay")
    provider = redis.connection_pool.connection_kwargs["credential_provider"]
    assert provider.get_credentials() == ("relay", "old")
    file.write_text("new\n", encoding="utf-8")
    assert asyncio.run(provider.get_credentials_async()) == ("relay", "new")


def test_a_redis_that_hangs_is_not_waited_for_for_ever(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_link, "REDIS_TIMEOUT", 2.0)

    async def inner() -> None:
        redis = connect_redis(f"unix://{redis_server.socket}")
        async with running(redis_server, redis=redis) as at, device(at, ALICE) as alice:
            redis_server._process.send_signal(signal.SIGSTOP)
            try:
                await alice.say(frames.Fetch(BOB))
                assert await alice.closed() == frames.BUSY
            finally:
                redis_server._process.send_signal(signal.SIGCONT)

    run(inner(), redis_server)


def test_the_password_of_redis_is_rotated_while_a_device_is_there(redis_server: RedisServer, tmp_path: Path) -> None:
    """With the rights, and by the steps, that the page names."""
    file = tmp_path / "password"
    file.write_text("old", encoding="utf-8")

    async def inner() -> None:
        async with Redis(unix_socket_path=str(redis_server.socket)) as admin:
            await admin.execute_command("ACL", "SETUSER", "relay", "on", ">old", *RIGHTS.split())
            given = connect_redis(f"unix://{redis_server.socket}", password=file, user="relay")
            async with given as redis, running(redis_server, redis=redis) as at:
                async with device(at, BOB) as bob:
                    await bob.ask(frames.Publish(b"bundle", (b"item",)))
                async with device(at, ALICE) as alice:
                    await admin.execute_command("ACL", "SETUSER", "relay", ">new")
                    file.write_text("new", encoding="utf-8")
                    await admin.execute_command("CLIENT", "KILL", "USER", "relay")
                    await admin.execute_command("ACL", "SETUSER", "relay", "<old")
                    assert (await alice.ask(frames.Fetch(BOB))).item == b"item"
                    assert isinstance(await alice.send(BOB, b"envelope"), frames.Accepted)
                async with device(at, BOB) as bob:
                    await bob.say(frames.Ack((await bob.hear()).number))
                    await bob.settled()
                await at.relay.revoke(BOB)
            await admin.execute_command("ACL", "DELUSER", "relay")

    run(inner(), redis_server)


@pytest.mark.parametrize(
    "command",
    ["FLUSHALL", "FLUSHDB", "KEYS *", "SWAPDB 0 1", "CLIENT KILL TYPE normal", "CLIENT LIST", "CONFIG GET *",
     "RESTORE key 0 value", "SHUTDOWN", "DEBUG SLEEP 0", "ACL LIST", "MONITOR", "SUBSCRIBE other"],
)  # fmt: skip
def test_with_its_rights_the_relay_can_do_no_more_than_it_does(redis_server: RedisServer, command: str) -> None:
    async def inner() -> None:
        async with Redis(unix_socket_path=str(redis_server.socket)) as admin:
            await admin.execute_command("ACL", "SETUSER", "relay", "on", ">secret", *RIGHTS.split())
            async with Redis(unix_socket_path=str(redis_server.socket), username="relay", password="secret") as user:  # noqa: S106
                with pytest.raises(NoPermissionError):
                    await user.execute_command(*command.split())
            await admin.execute_command("ACL", "DELUSER", "relay")

    run(inner(), redis_server)


def test_the_page_names_the_rights() -> None:
    assert f"ACL SETUSER relay on >… {RIGHTS}" in (ADAPTERS / "transport.md").read_text(encoding="utf-8")


def test_the_command_explains_itself() -> None:
    shown = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, relay.__file__, "--help"], capture_output=True, text=True, check=True
    )
    assert "--certificate" in shown.stdout
