"""A device that somebody else has had: locked out, all it knew worth nothing, its contacts spoken to anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import frames
import pytest
from adapters.conversations import ALICE, BOB, NOW
from adapters.operated import DAY, HOUR, Crashes, World, dying
from adapters.places import SqlitePlace
from adapters.relays import credential, raw, run, running
from device_compromise import RedisAccounts, readmit, start_over
from identity_rotation import accept_identity, announced, rotate_identity
from plan import look

from ratchetlib import AuthenticationError, Fingerprint, IdentityChanged, Session, UnknownPrekey

if TYPE_CHECKING:
    from adapters.redis_server import RedisServer

CAROL = b"carol/desktop"
FRIENDS = (BOB, CAROL)


@pytest.fixture
def world(sqlite_place: SqlitePlace) -> World:
    world = World(sqlite_place, ALICE, BOB, CAROL)
    for friend in FRIENDS:
        world.befriend(ALICE, friend, NOW)
    return world


def compared(world: World, friend: bytes, now: int) -> None:
    """The two people compare, and the friend writes."""
    new = look(world.stores[ALICE]).identity.public
    shown = Fingerprint.between(new, ALICE, look(world.stores[friend]).identity.public, friend).to_bytes()
    accept_identity(world.stores[friend], ALICE, new, shown)
    world.send(friend, ALICE, b"compared", now)
    world.carry(now)


@pytest.mark.attack("A15")
def test_afterwards_nothing_that_the_thief_has_is_good_for_anything(world: World) -> None:
    alice = world.stores[ALICE]
    stolen_bundle = world.server.fetch(ALICE)
    stolen = {friend: world.sessions(ALICE, friend) for friend in FRIENDS}
    world.send(BOB, ALICE, b"under way", NOW + DAY)
    (under_way,) = world.stores[BOB].outbox()
    start_over(alice, now=NOW + DAY)
    world.renewal(ALICE).tick(NOW + DAY)
    for friend in FRIENDS:
        assert not world.sessions(ALICE, friend) & stolen[friend]
    with pytest.raises(AuthenticationError), alice.peer(BOB) as peer:
        peer.receive(under_way.content, now=NOW + DAY)
    late = Session.initiate(
        look(world.stores[BOB]).identity, stolen_bundle, our_address=BOB, their_address=ALICE, now=NOW + DAY
    )
    with pytest.raises(UnknownPrekey), alice.peer(BOB) as peer:
        peer.receive(late.encrypt(b"to the thief"), now=NOW + DAY)
    fresh = world.server.fetch(ALICE).signed
    assert fresh.epoch == stolen_bundle.signed.epoch + 2
    assert fresh.identity != stolen_bundle.signed.identity


@pytest.mark.attack("A24")
def test_it_is_not_announced_and_contacts_talk_again_once_people_have_compared(world: World) -> None:
    start_over(world.stores[ALICE], now=NOW + DAY)
    assert world.renewal(ALICE).tick(NOW + DAY) == {}
    world.carry(NOW + DAY)
    assert set(world.changed) == {(friend, ALICE) for friend in FRIENDS}
    for friend in FRIENDS:
        assert all(announced(text) is None for text in world.texts(friend))
        compared(world, friend, NOW + DAY + 1)
        world.send(ALICE, friend, b"safe again", NOW + DAY + 2)
    world.carry(NOW + DAY + 2)
    assert [world.texts(friend)[-1] for friend in FRIENDS] == [b"safe again"] * 2


@pytest.mark.attack("A15")
def test_before_the_device_is_on_the_network_again_nothing_is_left_that_it_could_send(world: World) -> None:
    stolen = world.sessions(ALICE, BOB)
    world.send(ALICE, BOB, b"not sent yet", NOW + 1)
    start_over(world.stores[ALICE], now=NOW + DAY)
    assert world.stores[ALICE].outbox() == []
    assert not world.sessions(ALICE, BOB) & stolen
    assert world.server.epochs(ALICE) == [1]


def test_ciphertexts_of_stolen_sessions_do_not_leave(world: World) -> None:
    for number in range(150):  # more than the store shows at once
        world.send(ALICE, FRIENDS[number % 2], b"%d" % number, NOW + 1)
    unsent = {letter.content for letter in world.stores[ALICE].outbox()}
    start_over(world.stores[ALICE], now=NOW + DAY)
    world.renewal(ALICE).tick(NOW + DAY)
    left = world.stores[ALICE].outbox()
    assert {letter.peer for letter in left} == set(FRIENDS)
    assert len(left) == len(FRIENDS)
    assert not unsent & {letter.content for letter in left}


@pytest.mark.attack("A15")
def test_the_highest_epochs_of_contacts_are_remembered(world: World) -> None:
    with world.stores[ALICE].peer(BOB) as peer:
        epoch = peer.notes.epoch
    assert epoch == 1
    start_over(world.stores[ALICE], now=NOW + DAY)
    world.server.bundles.pop(BOB)
    assert isinstance(world.renewal(ALICE).tick(NOW + DAY)[BOB], LookupError)
    with world.stores[ALICE].peer(BOB) as peer:
        assert peer.notes.epoch == epoch
        assert peer.identity == look(world.stores[BOB]).identity.public


def test_it_overtakes_a_planned_rotation(world: World) -> None:
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    announced_one = look(world.stores[ALICE]).identity.public
    world.renewal(ALICE).tick(NOW + DAY)
    start_over(world.stores[ALICE], now=NOW + DAY + HOUR)
    assert world.renewal(ALICE).tick(NOW + DAY + HOUR) == {}
    identity = look(world.stores[ALICE]).identity.public
    assert identity != announced_one
    assert world.server.fetch(ALICE).signed.identity == identity


def test_a_contact_with_another_identity_is_left_to_a_person(world: World) -> None:
    start_over(world.stores[BOB], now=NOW + DAY)
    world.renewal(BOB).tick(NOW + DAY)
    start_over(world.stores[ALICE], now=NOW + DAY)
    left = world.renewal(ALICE).tick(NOW + DAY)
    assert set(left) == {BOB}
    assert isinstance(left[BOB], IdentityChanged)


def test_a_device_that_was_locked_out_comes_back_with_a_new_credential_only(redis_server: RedisServer) -> None:
    async def work() -> None:
        async with running(redis_server) as at:
            async with raw(at) as thief:
                await thief.greet(frames.Login(ALICE, credential(ALICE)))
                token = thief.token
                await at.relay.revoke(ALICE)
                assert await thief.closed() == frames.REFUSED
            fresh = await readmit(RedisAccounts(at.redis), ALICE)
            for greeting in (frames.Resume(token), frames.Login(ALICE, credential(ALICE))):
                async with raw(at) as thief:
                    await thief.say(greeting)
                    assert await thief.closed() == frames.REFUSED
            async with raw(at) as device:
                await device.greet(frames.Login(ALICE, fresh))

    run(work(), redis_server)


def start_over_with_a_crash(crashes: Crashes) -> None:
    place, now = SqlitePlace(), NOW + DAY
    world = World(place, ALICE, BOB)
    world.befriend(ALICE, BOB, NOW)
    world.send(ALICE, BOB, b"never sent", NOW)
    stolen, before = world.sessions(ALICE, BOB), look(world.stores[ALICE]).identity.public
    with dying(place):
        crashes.watch(world.stores[ALICE])
        start_over(world.stores[ALICE], now=now)
        world.renewal(ALICE, crashes).tick(now)
    for address in (ALICE, BOB):
        world.open(address)
    if look(world.stores[ALICE]).identity.public == before:
        start_over(world.stores[ALICE], now=now)
    assert world.renewal(ALICE).tick(now + 60) == {}
    world.carry(now + 60)
    assert not world.sessions(ALICE, BOB) & stolen
    assert b"never sent" not in world.texts(BOB)
    compared(world, BOB, now + HOUR)
    assert world.texts(ALICE)[-1] == b"compared"
    assert world.server.epochs(ALICE) == [1, 3]
    place.close()


def test_a_crash_at_any_step_ends_in_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotation.FIRST_ITEMS", 3)
    count = Crashes()
    start_over_with_a_crash(count)
    assert count.passed > 15
    for at in range(1, count.passed + 1):
        start_over_with_a_crash(Crashes(at))
