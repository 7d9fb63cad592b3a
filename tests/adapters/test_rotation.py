"""The prekey policy over simulated years: what is published, when, and what is still accepted, whatever crashes."""

from __future__ import annotations

import itertools
import os
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from adapters.conversations import ALICE, BOB, NOW
from adapters.operated import DAY, HOUR, WEEK, Crashes, Server, dying, new_device
from adapters.places import VAULT
from hypothesis import given
from hypothesis import strategies as st
from plan import Plan, look
from rotation import (
    FIRST_ITEMS,
    JITTER,
    REFILL_BATCH,
    REFILL_EVERY,
    REPLAY_FILL,
    ROTATE_EVERY,
    Action,
    Rotation,
    due,
)
from support.anchors import MemoryAnchor

from ratchetlib import (
    BundleReason,
    BundleRejected,
    IdentityKeyPair,
    PrekeyBundle,
    PrekeyRing,
    RingStatus,
    Session,
    StateContextMismatch,
    UnknownPrekey,
)
from ratchetlib.limits import BUNDLE_RETENTION, MAX_BUNDLE_LIFETIME, MAX_BUNDLES

if TYPE_CHECKING:
    from adapters.places import Place, SqlitePlace
    from store import Store

YEAR = 365 * DAY
YEARS = 5 if "RATCHETLIB_DEEP" in os.environ else 1
STRANGER = IdentityKeyPair.generate()
RELAY_KEEPS = 200


def first_message(bundle: PrekeyBundle, now: int, *, sender: bytes = ALICE) -> bytes:
    to = bundle.signed.address
    session = Session.initiate(STRANGER, bundle, our_address=sender, their_address=to, now=now)
    return session.encrypt(b"hello")


def receive(store: Store, message: bytes, now: int, *, sender: bytes = ALICE) -> None:
    with store.peer(sender) as peer:
        peer.receive(message, now=now)


@pytest.fixture
def bob(sqlite_place: SqlitePlace) -> Store:
    store = sqlite_place.open(BOB)
    new_device(store, BOB)
    return store


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def rotation(bob: Store, server: Server) -> Rotation:
    return Rotation(bob, server.publisher(BOB), randbelow=random.Random(1).randrange)


def fresh_items(server: Server) -> list[int]:
    """Of each upload, how many items were not in one before."""
    seen: set[bytes] = set()
    counts = []
    for _, _, items in server.uploads:
        counts.append(len(set(items) - seen))
        seen |= set(items)
    return counts


@dataclass
class UnderWay:
    """A first message that a server is in no hurry to deliver."""

    message: bytes
    sender: bytes
    arrives: int


@pytest.mark.attack("A132")
def test_over_years_no_first_message_is_lost_within_the_retention(
    bob: Store, server: Server, rotation: Rotation
) -> None:
    chance = random.Random(2)
    under_way: list[UnderWay] = []
    number = 0
    for now in range(NOW, NOW + YEARS * YEAR, 2 * DAY + HOUR):
        rotation.tick(now)
        for post in [post for post in under_way if post.arrives <= now + 2 * DAY + HOUR]:
            under_way.remove(post)
            receive(bob, post.message, post.arrives, sender=post.sender)
        if chance.random() < 0.3:
            number += 1
            bundle = server.fetch(BOB) if chance.random() < 0.5 else PrekeyBundle.from_parts(server.bundles[BOB], None)
            end = bundle.signed.not_after
            sender = b"stranger %d" % number
            message = first_message(bundle, now, sender=sender)
            arrives = end + BUNDLE_RETENTION if number % 3 == 0 else chance.randrange(now, end + BUNDLE_RETENTION)
            under_way.append(UnderWay(message, sender, arrives))
    assert number > 30
    assert len(bob.peers()) == number - len(under_way)


@pytest.mark.attack("A132")
def test_a_second_after_the_retention_it_is_refused(bob: Store, server: Server, rotation: Rotation) -> None:
    rotation.tick(NOW)
    bundle = server.fetch(BOB)
    message = first_message(bundle, bundle.signed.not_after)
    last = bundle.signed.not_after + BUNDLE_RETENTION
    for now in range(NOW, last, DAY):
        rotation.tick(now)
    with pytest.raises(UnknownPrekey):
        receive(bob, message, last + 1)
    receive(bob, message, last)


@pytest.mark.attack("A21")
def test_private_halves_leave_the_state_a_refill_after_the_retention(bob: Store, rotation: Rotation) -> None:
    rotation.tick(NOW)
    with bob.device() as device:
        assert device.ring is not None
        (record,) = device.ring._contents.bundles.values()
        seed, prekey = record.last_resort.raw, record.signed_prekey.raw
    over = record.bundle.not_after + BUNDLE_RETENTION
    for now in (*range(NOW, over + 1, DAY), over):
        rotation.tick(now)
    state = look(bob).ring._to_state()
    assert seed in state
    assert prekey in state
    for now in range(over + HOUR, over + REFILL_EVERY + JITTER + 1, HOUR):
        rotation.tick(now)
    state = look(bob).ring._to_state()
    assert seed not in state
    assert prekey not in state


@pytest.mark.attack("A15")
def test_the_bundle_that_is_out_is_never_older_than_a_week_and_has_a_week_to_go(
    server: Server, rotation: Rotation
) -> None:
    for now in range(NOW, NOW + 40 * DAY, 11 * HOUR):
        rotation.tick(now)
        bundle = server.fetch(BOB).signed
        assert bundle.not_before > now - WEEK
        assert bundle.not_after > now + WEEK - 1
        assert bundle.not_after - bundle.not_before == MAX_BUNDLE_LIFETIME


@pytest.mark.attack("A15")
def test_who_has_seen_a_bundle_takes_no_older_one_and_nobody_takes_one_that_is_over(
    sqlite_place: SqlitePlace, server: Server, rotation: Rotation
) -> None:
    alice = sqlite_place.open(ALICE)
    new_device(alice, ALICE)
    rotation.tick(NOW)
    old = PrekeyBundle.from_parts(server.bundles[BOB], None)
    rotation.tick(NOW + WEEK)
    with alice.peer(BOB) as peer:
        peer.begin(server.fetch(BOB), now=NOW + WEEK)
    with alice.peer(BOB) as peer:
        peer.report_broken()
        assert peer.request_reset(NOW + WEEK + HOUR)
    with pytest.raises(BundleRejected) as refused, alice.peer(BOB) as peer:
        peer.begin(old, now=NOW + WEEK + HOUR)
    assert refused.value.reason is BundleReason.OLD_EPOCH
    with pytest.raises(BundleRejected) as refused:
        first_message(old, NOW + 2 * WEEK + 1)
    assert refused.value.reason is BundleReason.EXPIRED


# Refills


def drain(server: Server, store: Store, owner: bytes, now: int, number: int) -> None:
    for n in range(number):
        sender = b"stranger %d %d" % (now, n)
        receive(store, first_message(server.fetch(owner), now, sender=sender), now, sender=sender)


@pytest.mark.attack("A13")
@pytest.mark.attack("A111")
def test_times_and_sizes_of_refills_are_the_same_whether_items_are_used_or_not(sqlite_place: SqlitePlace) -> None:
    seen = []
    for owner, used in ((b"bob/1", 0), (b"bob/2", 25)):
        store, server = sqlite_place.open(owner), Server()
        new_device(store, owner)
        rotation = Rotation(store, server.publisher(owner), randbelow=random.Random(3).randrange)
        times = []
        for number, now in enumerate(range(NOW, NOW + 10 * DAY, 3 * HOUR)):
            uploads = len(server.uploads)
            rotation.tick(now)
            if len(server.uploads) > uploads:
                times.append(now)
            if number % 20 == 7:
                drain(server, store, owner, now, used)
        seen.append((times, fresh_items(server)))
        assert (min(len(items) for _, _, items in server.uploads) < FIRST_ITEMS) == bool(used)
    assert seen[0] == seen[1]
    assert set(seen[0][1]) == {FIRST_ITEMS + REFILL_BATCH, REFILL_BATCH, 0}


@pytest.mark.attack("A13")
@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 20 * DAY), st.integers(0, 20 * DAY))
def test_what_is_due_does_not_depend_on_how_many_items_are_left(left: int, other: int, age: int, ahead: int) -> None:
    now = NOW + age
    status = RingStatus(
        epoch=5, not_after=NOW + MAX_BUNDLE_LIFETIME, bundles=3, one_time_items=left, remembered_handshakes=0
    )
    plan = Plan(refill_at=NOW + ahead)
    assert due(status, plan, now) == due(replace(status, one_time_items=other), plan, now)


@pytest.mark.attack("A111")
def test_a_refill_comes_a_day_and_a_random_quarter_after_the_last_one(bob: Store, server: Server) -> None:
    drawn = iter([0, JITTER - 1, 100])
    bounds = []
    rotation = Rotation(bob, server.publisher(BOB), randbelow=lambda bound: bounds.append(bound) or next(drawn))  # type: ignore[func-returns-value]
    times = [now for now in range(NOW, NOW + 3 * DAY, HOUR // 2) if Action.REFILL in rotation.tick(now)]
    assert bounds == [JITTER] * 3
    assert times == [NOW, NOW + DAY, NOW + 2 * DAY + JITTER]


def test_after_a_long_absence_there_is_one_rotation_and_one_refill(server: Server, rotation: Rotation) -> None:
    rotation.tick(NOW)
    assert rotation.tick(NOW + 90 * DAY) == (Action.ROTATE, Action.RETIRE, Action.REFILL, Action.PUBLISH)
    assert rotation.tick(NOW + 90 * DAY + 1) == ()
    assert fresh_items(server) == [FIRST_ITEMS + REFILL_BATCH, REFILL_BATCH]
    assert server.fetch(BOB).one_time is not None


def test_what_is_offered_and_kept_stays_within_its_bounds(bob: Store, server: Server, rotation: Rotation) -> None:
    kept = []
    for now in range(NOW, NOW + 60 * DAY, DAY):
        rotation._randbelow = lambda _bound: 0  # as often as can be
        rotation.tick(now)
        kept.append(len(look(bob).ring.one_time_ids))
    assert max(len(items) for _, _, items in server.uploads) <= RELAY_KEEPS
    assert max(kept) <= FIRST_ITEMS + 38 * REFILL_BATCH


# Clocks and floods


def test_a_bundle_from_a_wrong_clocks_future_is_replaced(server: Server, rotation: Rotation) -> None:
    rotation.tick(NOW)
    rotation.tick(NOW + 400 * DAY)
    rotation.tick(NOW + HOUR)
    bundle = server.fetch(BOB)
    assert bundle.signed.not_before == NOW + HOUR
    assert bundle.signed.epoch == 3
    first_message(bundle, NOW + HOUR)
    assert Action.REFILL in rotation.tick(NOW + HOUR + REFILL_EVERY + JITTER)


def test_a_clock_that_is_a_day_off_makes_no_epochs(server: Server, rotation: Rotation) -> None:
    rotation.tick(NOW)
    for _ in range(5):
        rotation.tick(NOW + 3 * DAY)
        rotation.tick(NOW + 2 * DAY)
    assert server.fetch(BOB).signed.epoch == 1


@given(st.lists(st.booleans(), min_size=300, max_size=300), st.integers(1, 20))
def test_a_flood_never_costs_a_device_its_valid_bundle(flooded: list[bool], hours: int) -> None:
    """The ring's rules in a few lines, and a flood that fills the newest memory at any tick that it likes."""
    made: list[int] = [NOW]
    for number, flood in zip(itertools.count(1), flooded, strict=False):
        now = NOW + number * hours * HOUR
        made = [begin for begin in made if now <= begin + MAX_BUNDLE_LIFETIME + BUNDLE_RETENTION]
        status = RingStatus(
            epoch=number,
            not_after=made[-1] + MAX_BUNDLE_LIFETIME,
            bundles=len(made),
            one_time_items=0,
            remembered_handshakes=REPLAY_FILL if flood else 0,
        )
        if Action.ROTATE in due(status, Plan(refill_at=now + 1), now):
            made.append(now)
        assert len(made) <= MAX_BUNDLES
        assert now - made[-1] < ROTATE_EVERY
    assert any(flooded) <= (len(made) > 1 or not any(flooded))


def test_it_runs_on_either_store(place: Place, server: Server) -> None:
    for week in range(3):
        store = place.open(BOB)
        if week == 0:
            new_device(store, BOB)
        Rotation(store, server.publisher(BOB)).tick(NOW + week * WEEK)
    now = NOW + 2 * WEEK
    assert Rotation(place.open(BOB), server.publisher(BOB)).tick(now) == ()
    receive(place.open(BOB), first_message(server.fetch(BOB), now), now)


def test_a_nearly_full_replay_memory_is_replaced_early(bob: Store, server: Server, rotation: Rotation) -> None:
    rotation.tick(NOW)
    status = look(bob).ring.status
    plan = look(bob).plan
    assert due(replace(status, remembered_handshakes=REPLAY_FILL - 1), plan, NOW + 1) == ()
    assert due(replace(status, remembered_handshakes=REPLAY_FILL), plan, NOW + 1) == (Action.ROTATE, Action.PUBLISH)
    assert server.fetch(BOB).signed.epoch == 1


# Crashes


def test_a_server_that_does_not_answer_gets_it_with_the_next_tick(server: Server, rotation: Rotation) -> None:
    server.answers = False
    for _ in range(3):
        with pytest.raises(ConnectionError):
            rotation.tick(NOW)
    server.answers = True
    assert rotation.tick(NOW) == (Action.PUBLISH,)
    assert fresh_items(server) == [FIRST_ITEMS + REFILL_BATCH]
    assert rotation.tick(NOW) == ()


def run_life(place: SqlitePlace, owner: bytes, crashes: Crashes, server: Server) -> bool:
    """A device's first weeks, restarted when it dies; whether it died. Whatever is uploaded is in the file by then."""
    anchor = MemoryAnchor()
    new_device(place.open(owner, anchor=anchor), owner)
    died = False
    for now in (NOW, NOW + 1, NOW + WEEK + HOUR, NOW + 2 * WEEK + 2 * HOUR):
        before = crashes.passed
        tick(place, owner, anchor, crashes, server, now)
        if crashes.at is not None and before < crashes.at <= crashes.passed:
            died = True
            tick(place, owner, anchor, crashes, server, now + 60)
    return died


def saved_ring(place: SqlitePlace, owner: bytes) -> PrekeyRing:
    """As it is in the file, whoever is about to change it."""
    for (blob,) in place.interfere(owner, "SELECT blob FROM records"):
        with suppress(StateContextMismatch):
            return VAULT.open(bytes(blob), kind=PrekeyRing, owner=owner, minimum_generation=1)  # type: ignore[call-overload]
    raise AssertionError("there is no ring")


def tick(place: SqlitePlace, owner: bytes, anchor: MemoryAnchor, crashes: Crashes, server: Server, now: int) -> None:
    def publish(bundle: bytes, items: tuple[bytes, ...]) -> None:
        ring = saved_ring(place, owner)
        assert ring.signed_bundle() == bundle
        assert set(items) <= set(ring.one_time_items())
        server.publisher(owner)(bundle, items)

    with dying(place):
        store = place.open(owner, anchor=anchor)
        crashes.watch(store)
        Rotation(store, crashes.around(publish), randbelow=lambda _bound: 0).tick(now)


@pytest.mark.attack("A132")
def test_a_crash_at_any_step_leaves_nothing_published_that_is_not_saved(sqlite_place: SqlitePlace) -> None:
    count = Crashes()
    run_life(sqlite_place, b"bob", count, Server())
    assert count.passed > 30
    for at in range(1, count.passed + 1):
        server = Server()
        owner = b"bob %d" % at
        assert run_life(sqlite_place, owner, Crashes(at), server)
        epochs = [PrekeyBundle.from_parts(bundle, None).signed.epoch for _, bundle, _ in server.uploads]
        assert epochs == sorted(epochs)
        assert set(epochs) == {1, 2, 3}
        assert len({bundle for _, bundle, _ in server.uploads}) == 3
        assert set(fresh_items(server)) <= {FIRST_ITEMS + REFILL_BATCH, REFILL_BATCH, 0}
        receive(sqlite_place.open(owner), first_message(server.fetch(owner), NOW + 3 * WEEK), NOW + 3 * WEEK)
