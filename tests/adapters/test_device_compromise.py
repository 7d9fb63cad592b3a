"""A device that somebody else has had: locked out, all it knew worth nothing, its contacts spoken to anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import frames
import pytest
from adapters.conversations import ALICE, BOB, NOW
from adapters.operated import DAY, HOUR, Crashes, World, dying
from adapters.places import SqlitePlace
from adapters.relays import credential, raw, run, running
from device_compromise import RedisAccounts, readmit, start_over
from identity_rotation import accept_identity, announced, rotate_identity
from peer_sessions import RETRY_INTERVAL
from plan import look
from renewal import Renewal

from ratchetlib import AuthenticationError, Fingerprint, IdentityChanged, Session, StateRolledBack, UnknownPrekey

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Interrupted:
    """A tick, in one of whose calls of the network the owner starts over.

    Attributes:
        calls: how many there were.
        burnt: the sessions that there were when the owner did.
    """

    def __init__(self, world: World, at: int, now: int) -> None:
        self._world = world
        self._at = at
        self._now = now
        self.calls = 0
        self.burnt: dict[bytes, set[str]] = {}

    def run(self) -> None:
        publish, fetch = self._around(self._world.server.publisher(ALICE)), self._around(self._world.server.fetch)
        Renewal(self._world.stores[ALICE], publish=publish, fetch=fetch).tick(self._now)

    def _around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def waiting(*arguments: Any) -> Any:
            self.calls += 1
            if self.calls == self._at:
                self.burnt = {friend: self._world.sessions(ALICE, friend) for friend in FRIENDS}
                start_over(self._world.stores[ALICE], now=self._now)
            return call(*arguments)

        return waiting


@pytest.mark.attack("A15")
@pytest.mark.parametrize("begin", [rotate_identity, start_over])
def test_it_is_not_undone_by_a_tick_that_waits_for_the_network(world: World, begin: Callable[..., object]) -> None:
    """At each call in turn; `made` are the identities and the sessions of which nothing may be left."""
    alice = world.stores[ALICE]
    for at in (1, 2, 3):
        now = NOW + at * DAY
        begin(alice, now=now)
        made = {look(alice).identity.public}
        stolen = {friend: world.sessions(ALICE, friend) for friend in FRIENDS}
        tick = Interrupted(world, at, now)
        tick.run()
        assert tick.calls >= at
        assert set(world.renewal(ALICE).tick(now + 1)) == set()
        identity = look(alice).identity.public
        assert identity not in made
        assert world.server.fetch(ALICE).signed.identity == identity
        for friend in FRIENDS:
            assert not world.sessions(ALICE, friend) & (stolen[friend] | tick.burnt[friend])
            assert len(world.sessions(ALICE, friend)) == 1
        assert sorted(letter.peer for letter in alice.outbox()) == sorted(FRIENDS)


@pytest.mark.parametrize("first", [ALICE, BOB])
def test_letters_of_a_contact_whose_records_are_refused_hide_no_stolen_ones(world: World, first: bytes) -> None:
    with world.rolled_back(ALICE, BOB):
        for number in range(240):
            world.send(ALICE, BOB if (number < 120) == (first == BOB) else CAROL, b"%d" % number, NOW)
    start_over(world.stores[ALICE], now=NOW + DAY)
    assert isinstance(world.renewal(ALICE).tick(NOW + DAY)[BOB], StateRolledBack)
    world.stores[ALICE].abandon(BOB)
    assert [letter.peer for letter in world.stores[ALICE].outbox()] == [CAROL]


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
    assert world.renewal(ALICE).tick(now + RETRY_INTERVAL) == {}
    world.carry(now + RETRY_INTERVAL)
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
