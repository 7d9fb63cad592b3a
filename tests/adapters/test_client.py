"""Devices with stores over a real relay."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import answers
import client
import frames
import heartbeat
import incoming
import outgoing
import pytest
from adapters.places import SqlitePlace
from adapters.relays import NO_LIMITS, Phone, device, phone, run, running, until
from client import Client
from line import Line
from link import BadLink, InsecureLink, Link
from mailboxes import Mailboxes, Room, _key
from outgoing import Outgoing
from questions import TooOften
from records import StoreUnavailable
from self_signed import self_signed
from store import LETTERS_AT_ONCE
from throttle import Rate
from tls import client_context, server_context
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import serve
from websockets.exceptions import InvalidStatus

from ratchetlib import BundleRejected, FixedBuckets, Padme, StateRolledBack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection
    from pathlib import Path

    from adapters.redis_server import RedisServer
    from adapters.relays import Running
    from records import Letter
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

    from ratchetlib import IdentityKey, PaddingPolicy

ALICE, BOB, CAROL = b"alice/laptop", b"bob/phone", b"carol/tablet"
ONCE = Rate(1e-9, 6)


def with_phones(
    server: RedisServer,
    place: SqlitePlace,
    work: Callable[[Running, Phone, Phone], Awaitable[None]],
    **settings: Any,
) -> None:
    """Alice and Bob run."""

    async def inner() -> None:
        async with running(server, **settings) as at, phone(at, place, ALICE) as alice, phone(at, place, BOB) as bob:
            await work(at, alice, bob)

    run(inner(), server)


async def talk(sender: Phone, receiver: Phone, text: bytes) -> None:
    await sender.client.send(receiver.address, text)
    await until(lambda: text in receiver.plaintexts())


async def waiting(at: Running, address: bytes) -> int:
    return int(await at.redis.xlen(_key("mail", address)))


async def empty(at: Running, address: bytes) -> None:
    while await waiting(at, address):  # noqa: ASYNC110  # Redis tells nobody
        await asyncio.sleep(0.02)


def spied(watched: Phone) -> list[frames.Frame]:
    """What a client says from now on."""
    said: list[frames.Frame] = []
    say = watched.client._channel.say

    async def listen(message: bytes) -> None:
        said.append(frames.decode(message))
        await say(message)

    watched.client._channel.say = listen  # type: ignore[method-assign]
    return said


# --- what is sent arrives once ------------------------------------------------------------------


def test_two_devices_talk(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"hello")
        await talk(bob, alice, b"hello yourself")
        await asyncio.gather(*(alice.client.send(BOB, b"%d" % number) for number in range(50)))
        await until(lambda: len(bob.plaintexts()) == 51)
        assert sorted(bob.plaintexts()) == sorted([b"hello", *(b"%d" % number for number in range(50))])
        await empty(at, BOB)
        assert alice.events == bob.events == []
        assert alice.store.outbox() == []
        assert len(bob.calls) == 51

    with_phones(redis_server, sqlite_place, work)


def test_both_begin_at_once(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        for number in range(5):
            await asyncio.gather(alice.client.send(BOB, b"%d" % number), bob.client.send(ALICE, b"%d" % number))
        await until(lambda: len(alice.plaintexts()) == len(bob.plaintexts()) == 5)
        assert alice.events == bob.events == []

    with_phones(redis_server, sqlite_place, work)


def test_what_is_sent_while_there_is_no_relay_arrives_later(
    redis_server: RedisServer, sqlite_place: SqlitePlace
) -> None:
    async def inner() -> None:
        async with running(redis_server) as at, phone(at, sqlite_place, BOB) as bob:
            async with phone(at, sqlite_place, ALICE) as alice:
                await talk(alice, bob, b"first")
            await alice.client.send(BOB, b"not connected")
            assert [letter.peer for letter in alice.store.outbox()] == [BOB]
            async with phone(at, sqlite_place, ALICE):
                await until(lambda: b"not connected" in bob.plaintexts())
            assert bob.events == []

    run(inner(), redis_server)


def test_an_answer_of_the_relay_that_is_lost_causes_no_duplicate(
    redis_server: RedisServer, sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        accepted = Outgoing.accepted
        losses = [3]

        async def lost(self: Outgoing, key: bytes) -> None:
            if losses[0] and self is alice.client._outgoing:
                losses[0] -= 1
                alice.client._channel.break_off()
            else:
                await accepted(self, key)

        monkeypatch.setattr(Outgoing, "accepted", lost)
        await talk(alice, bob, b"second")
        await until(lambda: not alice.store.outbox())
        await empty(at, BOB)
        assert losses == [0]
        assert bob.plaintexts() == [b"first", b"second"]
        assert bob.events == []  # the relay has seen that it was the same

    with_phones(redis_server, sqlite_place, work)


def test_an_acknowledgement_that_is_lost_causes_no_duplicate(
    redis_server: RedisServer, sqlite_place: SqlitePlace
) -> None:
    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        say = bob.client._channel.say
        losses = [2]

        async def lost(message: bytes) -> None:
            if isinstance(frames.decode(message), frames.Ack) and losses[0]:
                losses[0] -= 1
                bob.client._channel.break_off()
            await say(message)

        bob.client._channel.say = lost  # type: ignore[method-assign]
        await talk(alice, bob, b"once")
        await empty(at, BOB)
        assert losses == [0]
        assert bob.plaintexts() == [b"once"]
        assert bob.calls == [None]

    with_phones(redis_server, sqlite_place, work)


@pytest.mark.attack("A26")
def test_a_mailbox_that_is_full_holds_up_nobody_else(
    redis_server: RedisServer, sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "FULL", 0.3)
    many = LETTERS_AT_ONCE + 60

    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        async with phone(at, sqlite_place, CAROL) as carol:
            await talk(alice, carol, b"hello carol")
            await talk(alice, bob, b"hello bob")
        await empty(at, CAROL)
        await queued(alice, carol, *(b"%d" % number for number in range(many)))
        alice.client.wake()
        await talk(alice, bob, b"not held up")
        async with phone(at, sqlite_place, CAROL) as carol:
            await until(lambda: not alice.store.outbox())
            await empty(at, CAROL)
            assert len(carol.store.inbox()) == LETTERS_AT_ONCE

    with_phones(redis_server, sqlite_place, work, room=Room(envelopes=50))


def test_a_letter_that_is_refused_is_not_looked_for_without_a_pause(
    redis_server: RedisServer, sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A window that is full, and a refusal whose time is over: nothing can be done, and nothing is."""

    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        await until(lambda: not alice.client._outgoing._under_way)
        letter = (await queued(alice, bob, b"second"))[0]
        looks = []
        outbox = alice.store.outbox
        monkeypatch.setattr(alice.store, "outbox", lambda skip: (looks.append(None), outbox(skip))[1])
        alice.client._outgoing._under_way |= {bytes([number]): letter for number in range(outgoing.UNDER_WAY)}
        alice.client._outgoing._heard = time.monotonic()
        alice.client._outgoing._refusing[CAROL] = 0.0
        alice.client.wake()
        await asyncio.sleep(1)
        assert len(looks) <= 2

    with_phones(redis_server, sqlite_place, work)


def test_a_relay_that_answers_no_letter_is_left(
    redis_server: RedisServer, sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "SILENCE", 0.2)
    monkeypatch.setattr(outgoing, "LOOK", 0.1)
    put = Mailboxes.put
    hangs, over = [None], asyncio.Event()

    async def hung(self: Mailboxes, *arguments: bytes) -> bool:
        if hangs:
            hangs.pop()
            await over.wait()
        return await put(self, *arguments)

    monkeypatch.setattr(Mailboxes, "put", hung)

    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"on another connection")
        assert not hangs
        over.set()

    with_phones(redis_server, sqlite_place, work)


def test_what_another_has_put_into_the_outbox_is_found(
    redis_server: RedisServer, sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "LOOK", 0.1)

    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        await queued(alice, bob, b"second")
        await until(lambda: b"second" in bob.plaintexts())

    with_phones(redis_server, sqlite_place, work)


def test_a_relay_that_says_wait_is_not_waited_for_for_ever(
    redis_server: RedisServer, sqlite_place: SqlitePlace
) -> None:
    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        await alice.client.reconnect()
        letter = (await queued(alice, bob, b"second"))[0]
        alice.client._outgoing._under_way[letter.id] = letter
        alice.client._outgoing.refused(frames.Refused(letter.id, 2**64 - 1))
        assert 0 < alice.client._outgoing._refusing[BOB] - time.monotonic() <= 1.5 * outgoing.LONGEST_WAIT

    with_phones(redis_server, sqlite_place, work)


async def queued(sender: Phone, receiver: Phone, *texts: bytes) -> list[Letter]:
    """Letters that are saved and that nothing has sent."""
    with sender.store.peer(receiver.address) as peer:
        for text in texts:
            peer.send(text, now=sender.client._now())
    return list(peer.outgoing)


# --- what is wrong with a message stays here ----------------------------------------------------


@asynccontextmanager
async def attacked(at: Running, bob: Phone, sender: bytes) -> AsyncIterator[Callable[[bytes], Awaitable[None]]]:
    """Somebody puts envelopes into Bob's mailbox; each is answered by the relay alone, and forgotten."""
    said = spied(bob)
    async with device(at, sender) as attacker:

        async def put(envelope: bytes) -> None:
            said.clear()
            key = random.Random(envelope).randbytes(16)
            assert await attacker.send(BOB, envelope, key) == frames.Accepted(key)
            await empty(at, BOB)
            assert [type(frame) for frame in said] == [frames.Ack]

        yield put
        assert await attacker.silent()


@pytest.mark.attack("A111", "A116")
def test_every_refusal_looks_the_same_to_the_sender(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        first = (await queued(alice, bob, b"second"))[0].content
        await talk(bob, alice, b"answer")
        ordinary = (await queued(alice, bob, b"third"))[0].content
        before = bob.plaintexts()
        async with attacked(at, bob, CAROL) as put:
            for envelope in (
                b"\0",
                bytes(1000),
                b"\x09" + ordinary[1:],  # another version
                ordinary[:-1],
                ordinary[:-1] + bytes([ordinary[-1] ^ 1]),
                first[:200] + bytes(len(first) - 200),
                first[:20] + bytes(16) + first[36:],  # another prekey
                first,  # of another sender
                ordinary,
            ):
                await put(envelope)
        assert bob.plaintexts() == before
        assert {peer for _, peer in bob.events} == {CAROL}

    with_phones(redis_server, sqlite_place, work)


@pytest.mark.attack("A129")
def test_nothing_that_does_not_authenticate_reaches_the_application(
    redis_server: RedisServer, sqlite_place: SqlitePlace
) -> None:
    draw = random.Random(129)

    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        genuine = []
        async with phone(at, sqlite_place, CAROL) as carol:
            await talk(carol, bob, b"first")
            genuine += [letter.content for letter in await queued(carol, bob, b"second", b"third")]
        calls = len(bob.calls)
        async with device(at, CAROL) as attacker:
            for number in range(150):
                envelope = bytearray(draw.choice(genuine))
                for _ in range(draw.randint(1, 4)):
                    envelope[draw.randrange(len(envelope))] ^= draw.randint(1, 255)
                cut = bytes(envelope[: draw.choice([len(envelope), draw.randint(1, len(envelope))])])
                await attacker.send(BOB, cut, number.to_bytes(16, "big"))
        await empty(at, BOB)
        assert bob.plaintexts() == [b"first"]
        assert len(bob.calls) == calls
        assert len(bob.events) == 150
        assert alice.events == []

    with_phones(redis_server, sqlite_place, work)


@pytest.mark.attack("A130")
def test_nobody_speaks_in_the_name_of_another(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    """Carol puts Alice's envelopes into Bob's mailbox: a first one, and one of a session."""

    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        first = (await queued(alice, bob, b"a first message"))[0].content
        await talk(bob, alice, b"answer")
        ordinary = (await queued(alice, bob, b"of the session"))[0].content
        async with attacked(at, bob, CAROL) as put:
            await put(first)
            await put(ordinary)
        assert bob.plaintexts() == [b"first"]
        assert [peer for _, peer in bob.events] == [CAROL, CAROL]
        await alice.client.send(BOB, b"and now from Alice")  # and with it what she had queued
        await until(lambda: len(bob.plaintexts()) == 4)
        assert {letter.peer for letter in bob.store.inbox()} == {ALICE}

    with_phones(redis_server, sqlite_place, work)


@pytest.mark.attack("A111")
def test_pings_do_not_follow_what_comes_in(
    redis_server: RedisServer, sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that never strikes: whatever comes, nothing goes out but acknowledgements to the relay."""
    pings = []
    ping = ClientConnection.ping

    async def counted(self: ClientConnection, *arguments: Any) -> Any:
        pings.append(self)
        return await ping(self, *arguments)

    monkeypatch.setattr(ClientConnection, "ping", counted)

    async def inner() -> None:
        async with running(redis_server) as at, phone(at, sqlite_place, BOB, heartbeat=1e6) as bob:
            async with attacked(at, bob, CAROL) as put:
                for number in range(30):
                    await put(bytes([1, 2]) + number.to_bytes(300, "big"))
            assert pings == []

    run(inner(), redis_server)


# --- changed identities and resets --------------------------------------------------------------


def test_a_changed_identity_waits_in_the_mailbox_until_a_person_has_decided(
    redis_server: RedisServer, sqlite_place: SqlitePlace
) -> None:
    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        await empty(at, BOB)
        new_phone = SqlitePlace()
        async with phone(at, new_phone, ALICE) as changed:
            await changed.client.send(BOB, b"from a new phone")
            await until(lambda: ("IdentityChanged", ALICE) in bob.events)
            assert await waiting(at, BOB) == 1
            assert bob.plaintexts() == [b"first"]
            with changed.store.device() as own:
                assert own.identity is not None
                identity = own.identity.public
            with bob.store.peer(ALICE) as peer:
                peer.repin(identity)
            await bob.client.reconnect()
            await until(lambda: b"from a new phone" in bob.plaintexts())
            await empty(at, BOB)
        new_phone.close()

    with_phones(redis_server, sqlite_place, work)


def test_of_many_changed_identities_some_wait_and_of_the_rest_each_is_told(
    redis_server: RedisServer, sqlite_place: SqlitePlace
) -> None:
    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        await empty(at, BOB)
        new_phone = SqlitePlace()
        async with phone(at, new_phone, ALICE) as changed:
            for number in range(incoming.HELD + 5):
                await changed.client.send(BOB, b"%d" % number)
            await until(lambda: bob.events.count(("IdentityChanged", ALICE)) == incoming.HELD + 5)
            await until(lambda: not changed.store.outbox())
            await until(lambda: bob.events.count(("held message dropped", ALICE)) == 5)
            while await waiting(at, BOB) > incoming.HELD:  # noqa: ASYNC110  # Redis tells nobody
                await asyncio.sleep(0.02)
        assert await waiting(at, BOB) == incoming.HELD
        new_phone.close()

    with_phones(redis_server, sqlite_place, work)


@pytest.mark.attack("A53")
def test_a_conversation_that_only_a_reset_heals_is_begun_anew_once(
    redis_server: RedisServer, sqlite_place: SqlitePlace
) -> None:
    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        await talk(bob, alice, b"answer")
        lost = await queued(alice, bob, *[b"lost"] * 1_100)
        alice.store.done(*lost)
        said = spied(bob)
        for number in range(3):
            await alice.client.send(BOB, b"not to be read %d" % number)
        await until(lambda: b"" in alice.plaintexts())
        await talk(alice, bob, b"healed")
        await empty(at, BOB)
        assert sum(isinstance(frame, frames.Fetch) for frame in said) == 1
        first, *later = bob.events
        assert first == ("TooManySkipped", ALICE)
        # once it is reported, the same again is no news: whether the others come before that is a matter of time
        assert len(later) == 2
        assert set(later) <= {("TooManySkipped", ALICE), ("AuthenticationError", ALICE)}
        assert bob.plaintexts() == [b"first", b"healed"]

    with_phones(redis_server, sqlite_place, work)


@pytest.mark.attack("A53")
def test_a_reset_that_was_granted_before_a_crash_is_made_after_it(
    redis_server: RedisServer, sqlite_place: SqlitePlace
) -> None:
    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        await talk(bob, alice, b"answer")
        with bob.store.peer(ALICE) as peer:
            peer.report_broken()
            assert peer.request_reset(bob.client._now())
        await bob.client.send(ALICE, b"one more")
        await until(lambda: b"" in alice.plaintexts())
        await talk(bob, alice, b"on the new session")

    with_phones(redis_server, sqlite_place, work)


# --- prekeys ------------------------------------------------------------------------------------


def test_who_has_published_nothing_cannot_be_written_to(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        with pytest.raises(LookupError):
            await alice.client.send(CAROL, b"hello")
        await talk(alice, bob, b"hello")

    with_phones(redis_server, sqlite_place, work)


def test_a_bundle_of_somebody_else_is_refused(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        await at.redis.rename(_key("bundle", BOB), _key("bundle", CAROL))
        with pytest.raises(BundleRejected):
            await alice.client.send(CAROL, b"hello")
        assert alice.store.outbox() == []
        assert bob.events == []

    with_phones(redis_server, sqlite_place, work)


def test_publishing_too_often_is_an_error_that_says_when(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        with pytest.raises(TooOften) as refused:
            await alice.publish()
        assert refused.value.seconds > 0
        assert bob.events == []

    with_phones(redis_server, sqlite_place, work, rates=NO_LIMITS._replace(publishing=ONCE))


def test_a_question_survives_the_connections(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        say = alice.client._channel.say
        losses = [3]

        async def lost(message: bytes) -> None:
            await say(message)
            if losses[0] and isinstance(frames.decode(message), frames.Publish):
                losses[0] -= 1
                alice.client._channel.break_off()

        alice.client._channel.say = lost  # type: ignore[method-assign]
        assert await alice.publish() == 5
        assert losses == [0]
        assert bob.events == []

    with_phones(redis_server, sqlite_place, work)


# --- the connection -----------------------------------------------------------------------------


def test_a_wrong_credential_is_told(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    async def work(at: Running, _: Phone, bob: Phone) -> None:
        other = Client(bob.store, Link(at.uri, BOB, bytes(32)), on_event=lambda event, _: events.append(event))
        task = asyncio.create_task(other.run())
        await until(lambda: "login refused" in events)
        task.cancel()

    events: list[str] = []
    with_phones(redis_server, sqlite_place, work)


def test_a_relay_that_is_not_who_it_should_be_is_told_and_gets_nothing(
    redis_server: RedisServer, sqlite_place: SqlitePlace, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    ours, other = self_signed(tmp_path), self_signed(tmp_path / "other")
    events: list[str] = []

    async def inner() -> None:
        async with running(redis_server, context=server_context(*other)) as at:
            link = Link(at.uri, BOB, bytes(32), client_context(ours[0]))
            bob = Client(sqlite_place.open(BOB), link, on_event=lambda event, _: events.append(event))
            task = asyncio.create_task(bob.run())
            await until(lambda: len(events) >= 2)
            task.cancel()
            assert await at.redis.keys() == []

    run(inner(), redis_server)
    assert set(events) == {"relay not authenticated"}


def test_over_tls_two_devices_talk(redis_server: RedisServer, sqlite_place: SqlitePlace, tmp_path: Path) -> None:
    files = self_signed(tmp_path)
    context = client_context(files[0])

    async def inner() -> None:
        async with (
            running(redis_server, context=server_context(*files)) as at,
            phone(at, sqlite_place, ALICE, context=context) as alice,
            phone(at, sqlite_place, BOB, context=context) as bob,
        ):
            await talk(alice, bob, b"hello")

    run(inner(), redis_server)


def test_a_used_token_is_followed_by_a_login(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    async def work(at: Running, alice: Phone, bob: Phone) -> None:
        await at.redis.flushall()  # the relay has forgotten everything
        await alice.client.reconnect()
        await bob.client.reconnect()
        await alice.publish()
        await bob.publish()
        await talk(alice, bob, b"hello")
        assert alice.events == []

    with_phones(redis_server, sqlite_place, work)


def test_a_relay_that_talks_nonsense_is_left(sqlite_place: SqlitePlace) -> None:
    visits = []

    async def nonsense(connection: ServerConnection) -> None:
        visits.append(await connection.recv())
        await connection.send(frames.encode(frames.Welcome(bytes(32))) if len(visits) % 2 else b"\xff")
        await connection.send(frames.encode(frames.Login(b"relay", bytes(32))))
        await connection.wait_closed()

    async def inner() -> None:
        async with asyncio.timeout(60), serve(nonsense, "localhost", 0) as server:
            link = Link(f"ws://localhost:{server.sockets[0].getsockname()[1]}", BOB, bytes(32))
            task = asyncio.create_task(Client(sqlite_place.open(BOB), link).run())
            await until(lambda: len(visits) >= 3)
            task.cancel()

    asyncio.run(inner())
    assert frames.decode(visits[1]) == frames.Resume(bytes(32))
    assert frames.decode(visits[2]) == frames.Login(BOB, bytes(32))


def test_a_state_that_must_not_be_used_ends_the_client(
    redis_server: RedisServer, sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def inner() -> None:
        async with running(redis_server) as at:
            async with phone(at, sqlite_place, BOB) as bob:
                pass

            def rolled_back(_skip: object) -> None:
                raise StateRolledBack("older than the anchor says")

            monkeypatch.setattr(bob.store, "outbox", rolled_back)
            with pytest.raises(StateRolledBack):
                await bob.client.run()

    run(inner(), redis_server)


def test_a_plaintext_that_no_envelope_holds_is_refused_and_one_that_fits_arrives(
    redis_server: RedisServer, sqlite_place: SqlitePlace
) -> None:
    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        with pytest.raises(ValueError, match="fit"):
            await alice.client.send(BOB, bytes(client.MAX_PLAINTEXT + 1))
        await talk(alice, bob, bytes(client.MAX_PLAINTEXT))

    with_phones(redis_server, sqlite_place, work)


@pytest.mark.parametrize("policy", [Padme(), Padme(floor=1024), FixedBuckets((1024, 65_536)), FixedBuckets((65_536,))])
def test_every_policy_pads_the_longest_plaintext_into_an_envelope(
    redis_server: RedisServer, sqlite_place: SqlitePlace, policy: PaddingPolicy
) -> None:
    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        with alice.store.peer(BOB) as peer:
            peer.send(bytes(client.MAX_PLAINTEXT), now=int(time.time()), padding=policy)
        assert len(peer.outgoing[0].content) <= frames.MAX_ENVELOPE
        alice.client.wake()
        await until(lambda: len(bob.plaintexts()) == 2)

    with_phones(redis_server, sqlite_place, work)


@asynccontextmanager
async def slow_line(at: Running, rate: int) -> AsyncIterator[Running]:
    """The relay, at the end of a line that carries so many bytes a second in each direction."""
    port = int(at.uri.rpartition(":")[2])

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while some := await reader.read(rate // 20):
                writer.write(some)
                await asyncio.sleep(len(some) / rate)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward = await asyncio.open_connection("localhost", port, limit=rate // 20)
        await asyncio.gather(carry(reader, onward[1]), carry(onward[0], writer))

    async with await asyncio.start_server(connected, "localhost", 0, limit=rate // 20) as server:
        yield replace(at, uri=f"ws://localhost:{server.sockets[0].getsockname()[1]}")


@pytest.mark.attack("A26")
def test_over_a_slow_line_long_messages_take_long_and_arrive(
    redis_server: RedisServer, sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message takes several times as long as a ping may stay unanswered, in both directions."""
    monkeypatch.setattr(heartbeat.beat, "__defaults__", (heartbeat.INTERVAL, 1.0))
    long = bytes(client.MAX_PLAINTEXT)

    async def inner() -> None:
        async with (
            running(redis_server, heartbeat=0.3) as at,
            phone(at, sqlite_place, ALICE) as alice,
            slow_line(at, 25_000) as slow,
            phone(slow, sqlite_place, BOB, heartbeat=0.3) as bob,
        ):
            connections = len(at.relay._lines)
            await alice.client.send(BOB, long)
            await until(lambda: long in bob.plaintexts())
            await bob.client.send(ALICE, long)
            await until(lambda: long in alice.plaintexts())
            assert connections == 2
            assert welcomes == [ALICE, BOB]

    welcomes: list[bytes] = []
    send = Line.send

    async def welcomed(self: Line, frame: frames.Frame) -> None:
        if isinstance(frame, frames.Welcome):
            welcomes.append(self.address)
        await send(self, frame)

    monkeypatch.setattr(Line, "send", welcomed)
    run(inner(), redis_server)


def test_a_letter_that_fits_no_envelope_holds_up_nothing(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        await talk(alice, bob, b"first")
        await queued(alice, bob, bytes(frames.MAX_FRAME))
        await talk(alice, bob, b"second")
        assert len(alice.store.outbox()) == 1

    with_phones(redis_server, sqlite_place, work)


def test_connections_that_do_not_last_are_made_ever_more_rarely(
    sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def slept(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 20:
            raise asyncio.CancelledError

    async def refused(_: Client) -> None:
        raise ssl.SSLError

    async def inner() -> None:
        monkeypatch.setattr(asyncio, "sleep", slept)
        monkeypatch.setattr(Client, "_once", refused)
        with pytest.raises(asyncio.CancelledError):
            await Client(sqlite_place.open(BOB), Link("ws://localhost:1", BOB, bytes(32))).run()

    asyncio.run(inner())
    assert 0.1 <= pauses[0] <= 0.4
    assert all(30 <= pause <= 60 for pause in pauses[-5:])
    assert len(set(pauses)) == 20


def test_the_pauses_go_on_growing_while_the_relay_ends_each_connection(
    sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A welcome alone is no good connection; and how long the connecting took says nothing."""
    pauses: list[float] = []
    clock = [0.0]

    async def slept(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 13:
            raise asyncio.CancelledError

    async def short(self: Client) -> None:
        clock[0] += 100
        self._channel.welcomed = clock[0]
        clock[0] += client.LASTED if len(pauses) == 11 else 10
        raise ConnectionError

    async def inner() -> None:
        monkeypatch.setattr(asyncio, "sleep", slept)
        monkeypatch.setattr(time, "monotonic", lambda: clock[0])
        monkeypatch.setattr(Client, "_once", short)
        with pytest.raises(asyncio.CancelledError):
            await Client(sqlite_place.open(BOB), Link("ws://localhost:1", BOB, bytes(32))).run()

    asyncio.run(inner())
    assert pauses[10] >= client.LAST_PAUSE / 2
    assert pauses[11] <= client.FIRST_PAUSE


def test_who_is_replaced_says_so_and_does_not_fight(redis_server: RedisServer, sqlite_place: SqlitePlace) -> None:
    async def work(at: Running, _: Phone, bob: Phone) -> None:
        async with device(at, BOB) as thief:
            await until(lambda: ("replaced", b"") in bob.events)
            await asyncio.sleep(1)
            assert thief.connection.close_code is None

    with_phones(redis_server, sqlite_place, work)


def test_an_answer_to_a_question_that_was_given_up_answers_no_other(
    redis_server: RedisServer, sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        asked, goes_on = asyncio.Event(), asyncio.Event()
        fetch = Mailboxes.fetch

        async def slow(self: Mailboxes, address: bytes, *, item: bool) -> tuple[bytes, bytes]:
            asked.set()
            await goes_on.wait()
            return await fetch(self, address, item=item)

        monkeypatch.setattr(Mailboxes, "fetch", slow)
        given_up = asyncio.create_task(alice.client.fetch(CAROL))
        await asked.wait()
        given_up.cancel()
        other = asyncio.create_task(alice.client.fetch(BOB))
        await asyncio.sleep(0)
        goes_on.set()
        assert (await other).signed.identity == bob_identity(bob)

    with_phones(redis_server, sqlite_place, work)


@pytest.mark.parametrize(
    "uri",
    ["", "relay.example", "http://localhost:1", "ws://", "wss://[", "ws://localhost:99999", "ws://localhost:1/\ud800",
     "wss://localhost:1"],
)  # fmt: skip
def test_a_link_that_can_never_lead_anywhere_is_refused_when_it_is_made(uri: str) -> None:
    with pytest.raises(BadLink):
        Link(uri, BOB, bytes(32))


@pytest.mark.parametrize(("address", "credential"), [(BOB, bytes(16)), (b"", bytes(32)), (bytes(129), bytes(32))])
def test_a_credential_or_an_address_that_no_relay_takes_is_refused(address: bytes, credential: bytes) -> None:
    with pytest.raises(BadLink, match="128 bytes"):
        Link("ws://localhost:1", address, credential)


def test_tls_without_a_context_or_a_context_without_tls_is_refused() -> None:
    for uri, context in (("wss://localhost:1", None), ("ws://localhost:1", client_context())):
        with pytest.raises(BadLink, match="context"):
            Link(uri, BOB, bytes(32), context)


def test_a_link_that_becomes_bad_ends_the_client(sqlite_place: SqlitePlace) -> None:
    link = Link("ws://localhost:1", BOB, bytes(32))
    link.uri = "http://localhost:1"
    with pytest.raises(BadLink):
        asyncio.run(Client(sqlite_place.open(BOB), link).run())


def test_a_connection_goes_through_the_proxy_that_the_link_names(redis_server: RedisServer) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        writer.close()

    async def inner() -> None:
        async with running(redis_server) as at, await asyncio.start_server(proxy, "localhost", 0) as server:
            through = f"http://localhost:{server.sockets[0].getsockname()[1]}"
            with pytest.raises(ConnectionError):
                await Link(at.uri, BOB, bytes(32), proxy=through).connect()
            assert asked == [f"CONNECT {at.uri[len('ws://') :]} HTTP/1.1".encode()]

    run(inner(), redis_server)


def test_a_relay_that_reads_nothing_does_not_hold_up_the_end(sqlite_place: SqlitePlace) -> None:
    async def deaf(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(frames.encode(frames.Welcome(bytes(32))))
        connection.transport.pause_reading()  # type: ignore[attr-defined]  # of a socket
        await over.wait()
        connection.transport.abort()

    async def inner() -> None:
        async with serve(deaf, "localhost", 0) as server:
            link = Link(f"ws://localhost:{server.sockets[0].getsockname()[1]}", BOB, bytes(32))
            client = Client(sqlite_place.open(BOB), link)
            task = asyncio.create_task(client.run())
            await client._channel.connected()
            task.cancel()
            async with asyncio.timeout(8):  # less than websockets allows
                await asyncio.wait([task])
            over.set()

    over = asyncio.Event()
    asyncio.run(inner())


def test_a_redirect_is_not_followed(sqlite_place: SqlitePlace) -> None:
    def elsewhere(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = "wss://elsewhere.example"
        return response

    async def nothing(_connection: ServerConnection) -> None:
        return

    async def inner() -> None:
        async with serve(nothing, "localhost", 0, process_request=elsewhere) as server:
            link = Link(f"ws://localhost:{server.sockets[0].getsockname()[1]}", BOB, bytes(32))
            with pytest.raises(ConnectionError, match="there is no relay") as refused:
                await Client(sqlite_place.open(BOB), link)._once()
            assert isinstance(refused.value.__cause__, InvalidStatus)

    asyncio.run(inner())


def test_without_tls_a_credential_leaves_no_machine(sqlite_place: SqlitePlace) -> None:
    async def inner() -> None:
        with pytest.raises(InsecureLink):
            Link("ws://relay.example", BOB, bytes(32))
        link = Link("ws://localhost:1", BOB, bytes(32))
        link.uri = "ws://relay.example"
        with pytest.raises(InsecureLink):
            await Client(sqlite_place.open(BOB), link).run()

    asyncio.run(inner())


def test_a_database_that_is_away_is_told_and_tried_again(
    redis_server: RedisServer, sqlite_place: SqlitePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(_: Running, alice: Phone, bob: Phone) -> None:
        outbox = alice.store.outbox
        away = [None]

        def once(skip: Collection[bytes]) -> list[Letter]:
            if away:
                away.pop()
                raise StoreUnavailable
            return outbox(skip)

        monkeypatch.setattr(alice.store, "outbox", once)
        await talk(alice, bob, b"hello")
        assert alice.events == [("store unavailable", b"")]

    with_phones(redis_server, sqlite_place, work)


def bob_identity(bob: Phone) -> IdentityKey:
    with bob.store.device() as own:
        assert own.identity is not None
        return own.identity.public


def test_the_link_shows_no_credential() -> None:
    assert "1, 1" not in repr(Link("ws://localhost:1", BOB, bytes([1]) * 32))
    assert "credential" not in repr(Link("ws://localhost:1", BOB, bytes([1]) * 32))
