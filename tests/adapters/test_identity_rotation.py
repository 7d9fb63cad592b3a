"""A planned new identity: announced through the old sessions, pinned by people, and nothing old left behind."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from adapters.conversations import ALICE, BOB, NOW
from adapters.operated import DAY, HOUR, WEEK, Crashes, World, dying
from adapters.places import SqlitePlace
from device_compromise import start_over
from identity_rotation import accept_identity, announced, fingerprint, rotate_identity
from peer_sessions import FIRST_INTERVAL, MAX_OLD_SESSIONS, MAX_UNCONFIRMED_SESSIONS, RETRY_INTERVAL
from plan import Plan, Stage, look
from records import StoreNote
from renewal import ANNOUNCEMENT, Renewal, RenewalRunning, announcement
from rotation import Rotation

from ratchetlib import (
    Fingerprint,
    FingerprintMismatch,
    IdentityChanged,
    IdentityKeyPair,
    InvalidKey,
    MalformedMessage,
    PrekeyBundle,
    Session,
    StateRolledBack,
    StateVersionUnsupported,
    UnknownPrekey,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.places import Place

    from ratchetlib import IdentityKey

MONTHS = 24 if "RATCHETLIB_DEEP" in os.environ else 3
CAROL = b"carol/desktop"
DAVE = b"dave/tablet"
FRIENDS = (BOB, CAROL)


def friends(place: Place) -> World:
    world = World(place, ALICE, BOB, CAROL)
    for friend in FRIENDS:
        world.befriend(ALICE, friend, NOW)
    return world


@pytest.fixture
def world(sqlite_place: SqlitePlace) -> World:
    return friends(sqlite_place)


def screen(world: World, owner: bytes, peer: bytes) -> bytes:
    """What a person shows another on the screen."""
    ours, theirs = (look(world.stores[address]).identity.public for address in (owner, peer))
    return Fingerprint.between(ours, owner, theirs, peer).to_bytes()


def heard(world: World, address: bytes) -> IdentityKey:
    (identity,) = {announced(content) for _, content in world.read[address]} - {None}
    assert identity is not None
    return identity


def accept(world: World, address: bytes) -> None:
    accept_identity(world.stores[address], ALICE, heard(world, address), screen(world, ALICE, address))


def test_contacts_hear_of_it_compare_and_talk_on_new_sessions(place: Place) -> None:
    world = friends(place)
    before = {friend: world.sessions(ALICE, friend) for friend in FRIENDS}
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    assert set(world.renewal(ALICE).tick(NOW + DAY)) == set(FRIENDS)
    world.carry(NOW + DAY)
    assert set(world.changed) == {(friend, ALICE) for friend in FRIENDS}
    for friend in FRIENDS:
        assert heard(world, friend) == look(world.stores[ALICE]).identity.public
        accept(world, friend)
        world.send(friend, ALICE, b"back from " + friend, NOW + DAY + 1)
    world.carry(NOW + DAY + 1)
    assert world.renewal(ALICE).tick(NOW + DAY + 1) == {}
    for friend in FRIENDS:
        with world.stores[ALICE].peer(friend) as peer:
            assert not peer.request_reset(NOW + 2 * DAY)
        assert world.sessions(ALICE, friend)
        assert not world.sessions(ALICE, friend) & before[friend]
        world.send(ALICE, friend, b"on the new one", NOW + DAY + 2)
    world.carry(NOW + DAY + 2)
    assert [b"on the new one" in world.texts(friend) for friend in FRIENDS] == [True, True]
    assert [b"back from " + friend in world.texts(ALICE) for friend in FRIENDS] == [True, True]
    assert world.lost == []


def test_the_conversation_goes_on_while_the_people_have_not_compared(world: World) -> None:
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    for hour in range(24):
        now = NOW + DAY + hour * HOUR
        world.renewal(ALICE).tick(now)
        world.send(ALICE, BOB, b"to bob %d" % hour, now)
        world.send(BOB, ALICE, b"to alice %d" % hour, now)
        world.carry(now)
    assert [text for text in world.texts(BOB) if text.startswith(b"to")] == [b"to bob %d" % n for n in range(24)]
    assert [text for text in world.texts(ALICE) if text.startswith(b"to")] == [b"to alice %d" % n for n in range(24)]


def test_old_sessions_are_deleted_after_a_week_whatever_the_contact_does(world: World) -> None:
    before = world.sessions(ALICE, BOB)
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    assert set(world.renewal(ALICE).tick(NOW + DAY)) == set(FRIENDS)
    assert set(world.renewal(ALICE).tick(NOW + DAY + WEEK - 1)) == set(FRIENDS)
    assert before <= world.sessions(ALICE, BOB)
    assert world.renewal(ALICE).tick(NOW + DAY + WEEK) == {}
    assert not before & world.sessions(ALICE, BOB)


@pytest.mark.attack("A15")
def test_the_old_ring_is_gone_and_epochs_go_on_above_it(world: World) -> None:
    old = world.server.fetch(ALICE)
    assert old.one_time is not None
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    world.renewal(ALICE).tick(NOW + DAY)
    new = world.server.fetch(ALICE)
    assert new.signed.epoch > old.one_time.epoch + 1  # so that no server joins the two
    assert new.signed.identity == look(world.stores[ALICE]).identity.public
    late = IdentityKeyPair.generate()
    with pytest.raises(UnknownPrekey), world.stores[ALICE].peer(b"late") as peer:
        peer.receive(first_message(late, old), now=NOW + DAY)


def first_message(sender: IdentityKeyPair, bundle: PrekeyBundle) -> bytes:
    session = Session.initiate(sender, bundle, our_address=b"late", their_address=ALICE, now=NOW + DAY)
    return session.encrypt(b"too late")


@pytest.mark.attack("A24")
def test_an_announcement_alone_pins_nothing(world: World) -> None:
    pinned = look(world.stores[ALICE]).identity.public
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    world.renewal(ALICE).tick(NOW + DAY)
    world.carry(NOW + DAY)
    with world.stores[BOB].peer(ALICE) as peer:
        assert peer.identity == pinned
        peer.report_broken()
        assert peer.request_reset(NOW + DAY)
    with pytest.raises(IdentityChanged), world.stores[BOB].peer(ALICE) as peer:
        peer.begin(world.server.fetch(ALICE), now=NOW + DAY)


@pytest.mark.attack("A24")
def test_only_the_whole_fingerprint_of_these_two_pins_it(world: World) -> None:
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    world.renewal(ALICE).tick(NOW + DAY)
    world.carry(NOW + DAY)
    identity, shown = heard(world, BOB), screen(world, ALICE, BOB)
    sessions = world.sessions(BOB, ALICE)
    for scanned, error in (
        (shown[:32], MalformedMessage),
        (b"", MalformedMessage),
        (screen(world, BOB, ALICE), FingerprintMismatch),
        (screen(world, ALICE, CAROL), FingerprintMismatch),
    ):
        with pytest.raises(error):
            accept_identity(world.stores[BOB], ALICE, identity, scanned)
    with pytest.raises(FingerprintMismatch):
        accept_identity(world.stores[BOB], ALICE, IdentityKeyPair.generate().public, shown)
    assert world.sessions(BOB, ALICE) == sessions
    assert fingerprint(world.stores[BOB], ALICE, identity).digits
    accept_identity(world.stores[BOB], ALICE, identity, shown)
    assert world.sessions(BOB, ALICE) == set()


def test_what_is_no_announcement_is_none_and_what_holds_no_identity_is_refused() -> None:
    identity = IdentityKeyPair.generate().public
    assert announced(announcement(identity)) == identity
    assert announced(b"") is None
    assert announced(b"my identity is now") is None
    for content in (b"", identity.to_bytes()[:-1], identity.to_bytes() + b"\x00", bytes(128)):
        with pytest.raises((MalformedMessage, InvalidKey)):
            announced(ANNOUNCEMENT + content)


def test_a_second_rotation_waits_for_the_first(world: World) -> None:
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    identity = look(world.stores[ALICE]).identity.public
    with pytest.raises(RenewalRunning):
        rotate_identity(world.stores[ALICE], now=NOW + DAY + 1)
    assert look(world.stores[ALICE]).identity.public == identity


def test_a_contact_without_a_bundle_is_tried_again_and_keeps_nobody_else_waiting(world: World) -> None:
    bundle = world.server.bundles.pop(BOB)
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    left = world.renewal(ALICE).tick(NOW + DAY)
    assert isinstance(left[BOB], LookupError)
    assert left[CAROL] is None
    world.server.bundles[BOB] = bundle
    assert world.renewal(ALICE).tick(NOW + DAY + RETRY_INTERVAL) == {BOB: None, CAROL: None}
    world.carry(NOW + DAY + RETRY_INTERVAL)
    assert (BOB, ALICE) in world.changed


def test_a_contact_whose_identity_has_changed_as_well_is_left_to_a_person(world: World) -> None:
    rotate_identity(world.stores[BOB], now=NOW + DAY)
    world.renewal(BOB).tick(NOW + DAY)
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    assert isinstance(world.renewal(ALICE).tick(NOW + DAY)[BOB], IdentityChanged)


def test_a_contact_who_was_never_spoken_to_is_brought_over_too(world: World) -> None:
    with world.stores[ALICE].peer(BOB) as peer:
        assert peer.identity is not None
        peer.repin(peer.identity)
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    assert set(world.renewal(ALICE).tick(NOW + DAY)) == {CAROL}, "nothing old is to be deleted for the other"
    world.carry(NOW + DAY)
    assert (BOB, ALICE) in world.changed


def test_who_has_not_compared_costs_a_contact_one_item_whatever_is_written(world: World) -> None:
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    left = len(world.server.items[BOB])
    world.server.fetched.clear()
    for hour in range(6 * 24):
        now = NOW + DAY + hour * HOUR
        world.renewal(ALICE).tick(now)
        world.look_after(ALICE, BOB, now)
        world.send(BOB, ALICE, b"not compared yet", now)
        world.carry(now)
    assert len(world.server.items[BOB]) == left - 1
    assert world.server.fetched.count(BOB) == world.server.fetched.count(CAROL) == 1
    assert len(world.sessions(ALICE, BOB)) == 2
    assert world.texts(ALICE).count(b"not compared yet") == 6 * 24


@pytest.mark.attack("A53")
def test_a_contact_without_a_bundle_is_asked_for_one_within_the_limits(world: World) -> None:
    world.server.bundles.pop(BOB)
    world.server.fetched.clear()
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    for minute in range(0, 24 * 60, 10):
        world.renewal(ALICE).tick(NOW + DAY + 60 * minute)
    assert world.server.fetched.count(BOB) == 7


@pytest.mark.parametrize("begin", [rotate_identity, start_over])
def test_a_contact_whose_identity_has_changed_as_well_costs_one_item_until_a_person_has_decided(
    world: World, begin: Callable[..., None]
) -> None:
    rotate_identity(world.stores[BOB], now=NOW + DAY)
    world.renewal(BOB).tick(NOW + DAY)
    begin(world.stores[ALICE], now=NOW + DAY)
    fetched = world.server.fetched.count(BOB)
    new = look(world.stores[BOB]).identity.public
    for minute in range(0, 3 * 24 * 60, 7):
        changed = world.renewal(ALICE).tick(NOW + DAY + 60 * minute)[BOB]
        assert isinstance(changed, IdentityChanged)
        assert changed.presented == new
    assert world.server.fetched.count(BOB) == fetched + 1
    accept_identity(world.stores[ALICE], BOB, new, screen(world, BOB, ALICE))
    assert world.renewal(ALICE).tick(NOW + 4 * DAY).get(BOB) is None
    assert world.server.fetched.count(BOB) == fetched + 2
    assert len(world.sessions(ALICE, BOB)) == 1


def test_a_session_that_is_begun_meanwhile_is_the_new_one(world: World) -> None:
    """By the client or by another process: one more would take another item and be refused."""
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    world.server.bundles.pop(CAROL)
    publish = world.server.publisher(ALICE)

    def fetch(address: bytes) -> PrekeyBundle:
        if address == BOB and not world.server.fetched.count(BOB) > 1:
            bundle = world.server.fetch(BOB)
            with world.stores[ALICE].peer(BOB) as peer:
                peer.begin(bundle, now=NOW + DAY)
        return world.server.fetch(address)

    left = Renewal(world.stores[ALICE], publish=publish, fetch=fetch).tick(NOW + DAY)
    assert left[BOB] is None
    assert isinstance(left[CAROL], LookupError)
    assert look(world.stores[ALICE]).plan.contacts[BOB.hex()].stage is Stage.CONFIRM
    assert len(world.sessions(ALICE, BOB)) == 2


def test_a_contact_who_has_begun_by_then_costs_no_bundle(world: World) -> None:
    world.server.bundles.pop(BOB)
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    world.renewal(ALICE).tick(NOW + DAY)
    world.carry(NOW + DAY)
    accept(world, BOB)
    world.send(BOB, ALICE, b"compared", NOW + DAY + 1)
    world.carry(NOW + DAY + 1)
    fetched = world.server.fetched.count(BOB)
    assert BOB not in world.renewal(ALICE).tick(NOW + 2 * DAY)
    assert world.server.fetched.count(BOB) == fetched


def test_a_contact_who_is_gone_does_not_bar_the_next_rotation(world: World) -> None:
    world.server.bundles.pop(BOB)
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    for now in (NOW + DAY, NOW + 2 * DAY, NOW + DAY + WEEK):
        left = world.renewal(ALICE).tick(now)
    assert left == {}
    rotate_identity(world.stores[ALICE], now=NOW + DAY + WEEK)


@pytest.mark.parametrize("begin", [rotate_identity, start_over])
def test_one_contact_whose_records_are_refused_keeps_nothing_and_nobody_waiting(
    world: World, begin: Callable[..., None]
) -> None:
    with world.rolled_back(ALICE, BOB):
        world.send(ALICE, BOB, b"forgotten", NOW)
    world.send(ALICE, CAROL, b"not sent yet", NOW)
    old = world.sessions(ALICE, CAROL)
    begin(world.stores[ALICE], now=NOW + DAY)
    identity = look(world.stores[ALICE]).identity.public
    for day in range(1, 14):
        now = NOW + day * DAY
        assert isinstance(world.renewal(ALICE).tick(now)[BOB], StateRolledBack)
        Rotation(world.stores[ALICE], world.server.publisher(ALICE)).tick(now)
        bundle = world.server.fetch(ALICE).signed
        assert bundle.identity == identity
        assert bundle.not_after > now
    assert not world.sessions(ALICE, CAROL) & old
    world.stores[ALICE].abandon(BOB)
    world.renewal(ALICE).tick(NOW + 14 * DAY)
    assert len(world.sessions(ALICE, BOB)) == 1
    assert look(world.stores[ALICE]).plan.to_publish is False


def test_old_sessions_are_deleted_after_a_week_although_no_new_one_was_begun(world: World) -> None:
    world.server.bundles.pop(BOB)
    before = world.sessions(ALICE, BOB)
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    for now in (NOW + DAY, NOW + 20 * DAY, NOW + 13 * DAY):  # the clock is set back
        world.renewal(ALICE).tick(now)
    assert not before & world.sessions(ALICE, BOB)


def live_through_a_day(world: World, now: int, refused: bytes) -> None:
    """Everybody looks after everything, and writes to Alice, three times; she writes as well."""
    for address in (ALICE, *FRIENDS, DAVE):
        Rotation(world.stores[address], world.server.publisher(address)).tick(now)
    for later in (now, now + 3 * HOUR, now + 12 * HOUR):
        world.renewal(ALICE).tick(later)
        for friend in {*FRIENDS, DAVE} - {refused}:
            world.look_after(ALICE, friend, later)
            world.send(ALICE, friend, b"and you?", later)
            with suppress(IdentityChanged):  # the bundle's; they have not compared
                world.look_after(friend, ALICE, later)
                world.send(friend, ALICE, b"not compared, perhaps", later)
        world.carry(later)


@pytest.mark.attack("A53")
def test_over_months_of_new_identities_contacts_lose_few_items_and_nothing_stays_unpublished(
    sqlite_place: SqlitePlace,
) -> None:
    """Bob compares each time, Carol never, Dave's records are refused from the second month on."""
    world = World(sqlite_place, ALICE, *FRIENDS, DAVE)
    for friend in (*FRIENDS, DAVE):
        world.befriend(ALICE, friend, NOW)
    refused = b""
    for month in range(1, 1 + MONTHS):
        begin = start_over if month % 3 == 0 else rotate_identity
        begin(world.stores[ALICE], now=NOW + month * 30 * DAY)
        identity = look(world.stores[ALICE]).identity.public
        for day in range(month * 30, month * 30 + 30, 5):
            world.server.fetched.clear()
            live_through_a_day(world, NOW + day * DAY, refused)
            bundle = world.server.fetch(ALICE).signed
            assert bundle.identity == identity
            assert max(map(world.server.fetched.count, (*FRIENDS, DAVE))) <= 5, "of whom, by Alice"
            for friend in {*FRIENDS, DAVE} - {refused}:
                assert len(world.sessions(ALICE, friend)) <= 2 + MAX_OLD_SESSIONS + MAX_UNCONFIRMED_SESSIONS
            if day % 30 == 5 and (BOB, ALICE) in world.changed:
                accept_identity(world.stores[BOB], ALICE, identity, screen(world, ALICE, BOB))
        if month == 1:
            with world.rolled_back(ALICE, DAVE):
                world.send(ALICE, DAVE, b"forgotten", NOW + 60 * DAY - 1)
            refused = DAVE
    world.send(BOB, ALICE, b"still here", NOW + (1 + MONTHS) * 30 * DAY)
    world.carry(NOW + (1 + MONTHS) * 30 * DAY)
    assert b"still here" in world.texts(ALICE)


def test_a_plan_of_a_newer_program_is_refused_as_such(world: World) -> None:
    rotate_identity(world.stores[ALICE], now=NOW + DAY)
    plan = json.loads(look(world.stores[ALICE]).plan.write().content)
    contact = plan["contacts"][BOB.hex()]
    for other in (
        plan | {"unheard_of": 1},
        plan | {"contacts": {BOB.hex(): contact | {"unheard_of": 1}}},
        plan | {"contacts": {BOB.hex(): contact | {"stage": "unheard of"}}},
        plan | {"contacts": {BOB.hex(): {}}},
        {},
    ):
        with pytest.raises(StateVersionUnsupported):
            Plan.read(StoreNote(json.dumps(other).encode()))


def rotate_with_a_crash(crashes: Crashes) -> None:
    """Rotate, die at one moment, start again, and go on until the people have compared and everything old is gone."""
    place, now = SqlitePlace(), NOW + DAY
    world = World(place, ALICE, BOB)
    world.befriend(ALICE, BOB, NOW)
    old, before = world.sessions(ALICE, BOB), look(world.stores[ALICE]).identity.public
    with dying(place):
        crashes.watch(world.stores[ALICE])
        rotate_identity(world.stores[ALICE], now=now)
        world.renewal(ALICE, crashes).tick(now)
        world.renewal(ALICE, crashes).tick(now + WEEK - 1)
    for address in (ALICE, BOB):
        world.open(address)
    if look(world.stores[ALICE]).identity.public == before:
        rotate_identity(world.stores[ALICE], now=now)
    for later in (0, FIRST_INTERVAL, 4 * FIRST_INTERVAL):
        world.renewal(ALICE).tick(now + later)
        world.carry(now + later)
    accept(world, BOB)
    world.send(BOB, ALICE, b"compared", now + DAY)
    world.carry(now + DAY)
    assert world.renewal(ALICE).tick(now + DAY) == {}
    assert not world.sessions(ALICE, BOB) & old
    world.send(ALICE, BOB, b"so did I", now + DAY)
    world.carry(now + DAY)
    assert (world.texts(ALICE)[-1], world.texts(BOB)[-1]) == (b"compared", b"so did I")
    assert world.server.epochs(ALICE) == [1, 3]
    place.close()


def test_a_crash_at_any_step_ends_in_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotation.FIRST_ITEMS", 3)
    count = Crashes()
    rotate_with_a_crash(count)
    assert count.passed > 20
    for at in range(1, count.passed + 1):
        rotate_with_a_crash(Crashes(at))
