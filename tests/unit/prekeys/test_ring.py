from __future__ import annotations

import dataclasses
import random
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from support.forked import in_child
from support.hostile import flip, odd_buffers, require_alone
from support.leaks import leaked, secrets_in
from support.pair import ALICE, BOB, NOW, snapshot
from support.prekeys import Device
from support.talk import DEEP

from ratchetlib import (
    AuthenticationError,
    ConcurrentUse,
    ForkedProcess,
    HandshakeExpired,
    HandshakeReplayed,
    IdentityKeyPair,
    PrekeyBundle,
    PrekeyRing,
    RatchetError,
    ReplayMemoryFull,
    Session,
    StateVault,
    UnknownPrekey,
    UsageError,
)
from ratchetlib.limits import DAY
from ratchetlib.prekeys import OneTimeItem, SignedBundle
from ratchetlib.prekeys.codec import encode
from ratchetlib.prekeys.ring import transact
from ratchetlib.wire import U64_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.prekeys.contents import RingContents

WEEK = 7 * DAY
LIFE = RETENTION = 14 * DAY

alice = IdentityKeyPair.generate()
bob = IdentityKeyPair.generate()
vault = StateVault({b"k": bytes(range(32))}, current=b"k")


def new_ring(*, one_time: int = 3, now: int = NOW, epoch: int = 1) -> PrekeyRing:
    return PrekeyRing.generate(bob, address=BOB, now=now, one_time=one_time, epoch=epoch)


def reopened(ring: PrekeyRing) -> PrekeyRing:
    blob = vault.seal(ring, owner=BOB, generation=1)
    return vault.open(blob, kind=PrekeyRing, owner=BOB, minimum_generation=1)


def first_message(bundle: PrekeyBundle, now: int = NOW) -> bytes:
    return Session.initiate(alice, bundle, our_address=ALICE, their_address=BOB, now=now).encrypt(b"first")


def accept(ring: PrekeyRing, message: bytes, now: int = NOW) -> bytes:
    return Session.accept(bob, ring, message, our_address=BOB, now=now)[1]


def item_id(encoded: bytes) -> bytes:
    return OneTimeItem.from_bytes(encoded).item_id


def unchanged(ring: PrekeyRing, step: Callable[[], object], error: type[RatchetError]) -> None:
    before = encode(ring._contents)
    with pytest.raises(error) as caught:
        step()
    assert type(caught.value) is error
    require_alone(caught.value)
    assert encode(ring._contents) == before


# --- making one ---------------------------------------------------------------------------------


def test_a_fresh_ring_has_one_bundle_and_its_items() -> None:
    ring = new_ring(one_time=3)
    bundle = SignedBundle.from_bytes(ring.signed_bundle())
    assert (ring.identity, ring.address) == (bob.public, BOB)
    assert (bundle.epoch, bundle.not_before, bundle.not_after) == (1, NOW, NOW + LIFE)
    assert len(ring.one_time_items()) == 3
    status = ring.status
    assert (status.epoch, status.not_after, status.bundles) == (1, NOW + LIFE, 1)
    assert (status.one_time_items, status.remembered_handshakes) == (3, 0)


def test_the_usual_number_of_items() -> None:
    assert PrekeyRing.generate(bob, address=BOB, now=NOW).status.one_time_items == 100


def test_a_device_that_lost_its_ring_continues_above_its_last_epoch() -> None:
    ring = new_ring(epoch=41)
    assert SignedBundle.from_bytes(ring.rotate(NOW)).epoch == 42


@pytest.mark.attack("A28", "A99")
def test_an_address_is_an_address() -> None:
    for odd in [*odd_buffers(BOB), b"", bytes(129)]:
        with pytest.raises(UsageError, match="address must be"):
            PrekeyRing.generate(bob, address=odd, now=NOW, one_time=0)


@pytest.mark.parametrize("identity", [bob.public, None, b"bob", object()])
def test_an_identity_is_a_key_pair(identity: Any) -> None:
    with pytest.raises(UsageError, match="a ring belongs to an IdentityKeyPair"):
        PrekeyRing.generate(identity, address=BOB, now=NOW, one_time=0)


@pytest.mark.parametrize("value", [-1, U64_MAX + 1, True, 1.0, "1", None])
def test_epochs_and_times_are_integers(value: int) -> None:
    with pytest.raises(UsageError, match="now must be"):
        PrekeyRing.generate(bob, address=BOB, now=value, one_time=0)
    with pytest.raises(UsageError, match="epoch must be"):
        PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=0, epoch=value)


@pytest.mark.parametrize("count", [-1, 1_001, True, 1.0, "1"])
def test_a_ring_holds_at_most_1000_items(count: int) -> None:
    with pytest.raises(UsageError):
        PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=count)
    ring = new_ring(one_time=1)
    unchanged(ring, lambda: ring.replenish(count), UsageError)


@pytest.mark.attack("A13")
def test_an_item_given_away_is_not_given_again_after_a_rotation() -> None:
    ring = new_ring(one_time=2)
    given = ring.next_bundle().one_time
    assert given is not None
    ring.rotate(NOW)
    assert given.item_id in ring.one_time_ids
    assert given.encoded not in ring.one_time_items()
    other = reopened(ring).next_bundle().one_time
    assert other is not None
    assert other.item_id != given.item_id


def test_items_given_away_or_of_the_epoch_before_take_room_until_they_are_used() -> None:
    ring = new_ring(one_time=2)
    ring.next_bundle()
    ring.rotate(NOW)
    ring.replenish(1)
    unchanged(ring, lambda: ring.replenish(998), UsageError)


@pytest.mark.attack("A15")
@pytest.mark.parametrize("lifetime", [0, LIFE + 1, True, 1.0])
def test_a_bundle_lives_at_most_14_days(lifetime: int) -> None:
    with pytest.raises(UsageError):
        PrekeyRing.generate(bob, address=BOB, now=NOW, one_time=0, lifetime=lifetime)
    ring = new_ring(one_time=0)
    unchanged(ring, lambda: ring.rotate(NOW, lifetime=lifetime), UsageError)
    assert SignedBundle.from_bytes(ring.rotate(NOW, lifetime=1)).not_after == NOW + 1


# --- handing out --------------------------------------------------------------------------------


def test_items_are_given_away_once_each_the_oldest_first_and_then_none() -> None:
    ring = new_ring(one_time=3)
    offered = ring.one_time_items()
    given = [ring.next_bundle() for _ in range(5)]
    assert [None if bundle.one_time is None else bundle.one_time.encoded for bundle in given] == [*offered, None, None]
    assert {bundle.signed.encoded for bundle in given} == {ring.signed_bundle()}
    assert ring.one_time_items() == ()


def test_uploading_again_gives_the_same_items() -> None:
    ring = new_ring()
    assert ring.one_time_items() == ring.one_time_items() == reopened(ring).one_time_items()
    given = ring.next_bundle().one_time
    assert given is not None
    assert given.encoded not in ring.one_time_items()


def test_replenishing_returns_what_the_server_does_not_have_yet() -> None:
    ring = new_ring(one_time=2)
    before = ring.one_time_items()
    fresh = ring.replenish(2)
    assert len({*before, *fresh}) == 4
    assert ring.one_time_items() == before + fresh
    assert ring.replenish(0) == ()


def test_items_made_before_a_rotation_go_first_and_only_once_more() -> None:
    ring = new_ring(one_time=2)
    first = ring.one_time_items()
    ring.rotate(NOW + WEEK)
    second = ring.replenish(1)
    assert ring.one_time_items() == first + second
    ring.rotate(NOW + 2 * WEEK)
    assert ring.one_time_items() == second
    assert ring.next_bundle().one_time == OneTimeItem.from_bytes(second[0])


def test_without_its_newest_bundle_a_ring_offers_nothing_until_it_rotates() -> None:
    ring = new_ring(one_time=2)
    items = ring.one_time_items()
    ring.revoke(*ring.bundle_ids)
    assert ring.one_time_items() == ()
    ring.rotate(NOW + WEEK)
    assert ring.one_time_items() == items


def test_ids_are_those_of_what_is_alive_the_oldest_first() -> None:
    ring = new_ring(one_time=2)
    given = ring.next_bundle()
    items = [item_id(item) for item in ring.one_time_items()]
    assert given.one_time is not None
    assert list(ring.one_time_ids) == [given.one_time.item_id, *items]
    second = SignedBundle.from_bytes(ring.rotate(NOW + WEEK)).bundle_id
    assert list(ring.bundle_ids) == [given.signed.bundle_id, second]
    accept(ring, first_message(given))
    ring.revoke(second)
    assert list(ring.one_time_ids) == items
    assert list(ring.bundle_ids) == [given.signed.bundle_id]


# --- rotating -----------------------------------------------------------------------------------


@pytest.mark.attack("A14", "A15", "A21")
def test_half_a_year_of_weekly_rotations() -> None:
    """Each published bundle works from its first second to its end of life, and never after it."""
    ring, published, items = new_ring(one_time=0), [], set[bytes]()
    for week in range(1, 27):
        now = NOW + week * WEEK
        published.append(PrekeyBundle.from_parts(ring.signed_bundle(), None))
        ring = reopened(ring)
        bundle = SignedBundle.from_bytes(ring.rotate(now))
        assert (bundle.epoch, bundle.not_before, bundle.not_after) == (week + 1, now, now + LIFE)
        assert bundle.signed_prekey not in {old.signed.signed_prekey for old in published}
        fresh = ring.replenish(2)
        assert not items.intersection(fresh)
        items.update(fresh)
        assert ring.status.bundles == min(week + 1, 5)
        assert ring.status.one_time_items == min(2 * week, 4)
        for old in published:
            late = partial(accept, ring, first_message(old, old.signed.not_before), now)
            if now <= old.signed.not_after + RETENTION:
                assert late() == b"first"
            else:
                unchanged(ring, late, UnknownPrekey)


@pytest.mark.attack("A14")
def test_a_year_of_everything_loses_no_private_half_that_is_still_published() -> None:
    source, now, ring = random.Random(14), NOW, new_ring(one_time=2)
    names: set[bytes] = set()
    ends = {SignedBundle.from_bytes(ring.signed_bundle()).bundle_id: now + LIFE + RETENTION}
    live_items = {item_id(item) for item in ring.one_time_items()}
    names |= {*ends, *live_items}
    for _ in range(100_000 if DEEP else 1_000):
        now += source.randrange(5 * DAY)
        step = source.randrange(4)
        if step == 0 and sum(end >= now for end in ends.values()) < 8:
            fresh = {SignedBundle.from_bytes(ring.rotate(now)).bundle_id}
            ends |= dict.fromkeys(fresh, now + LIFE + RETENTION)
        elif step == 1:
            fresh = {item_id(item) for item in ring.replenish(source.randrange(1, 4))}
            live_items |= fresh
        elif step == 2:
            fresh = set()
            item = ring.next_bundle().one_time
            if item is not None:
                transact(ring, partial(consumed, item.item_id))
                live_items.remove(item.item_id)
        else:
            fresh = set()
            ring = reopened(ring)
        assert not fresh & names
        names |= fresh
        ends = {bundle_id: end for bundle_id, end in ends.items() if end >= now}
        assert ends.keys() <= ring._contents.bundles.keys()
        offered = {item_id(item) for item in ring.one_time_items()}
        assert offered <= live_items
        assert set(ring._contents.items) <= live_items


def consumed(used: bytes, contents: RingContents) -> tuple[RingContents, None]:
    newest = contents.newest
    assert newest is not None
    return contents.settled(newest.bundle.bundle_id, used, bytes(32)), None


@pytest.mark.attack("A15")
@pytest.mark.parametrize("gone", ["the newest", "all"])
def test_an_epoch_is_never_given_to_a_second_bundle(gone: str) -> None:
    """Peers that have seen epoch 2 would take a second bundle of that epoch for the same or an older one."""
    ring = new_ring(one_time=0)
    second = SignedBundle.from_bytes(ring.rotate(NOW))
    ring.revoke(*(ring.bundle_ids if gone == "all" else [second.bundle_id]))
    assert reopened(ring).status.epoch == 2
    assert SignedBundle.from_bytes(ring.rotate(NOW)).epoch == 3
    ring.retire(NOW + 366 * DAY)
    assert SignedBundle.from_bytes(ring.rotate(NOW + 366 * DAY)).epoch == 4


def test_a_ninth_bundle_is_refused_until_one_retires() -> None:
    ring = new_ring(one_time=0)
    for day in range(1, 8):
        ring.rotate(NOW + day * DAY)
    assert ring.status.bundles == 8
    unchanged(ring, lambda: ring.rotate(NOW + LIFE + RETENTION), UsageError)
    ring.rotate(NOW + LIFE + RETENTION + 1)
    assert ring.status.bundles == 8


@pytest.mark.attack("A37")
def test_the_last_epoch_is_the_last() -> None:
    ring = new_ring(epoch=U64_MAX)
    assert ring.next_bundle().one_time is not None
    unchanged(ring, lambda: ring.rotate(NOW), UsageError)


# --- retiring -----------------------------------------------------------------------------------


@pytest.mark.attack("A21", "A106", "A11", "A132")
def test_a_message_under_way_is_taken_until_14_days_past_the_end_and_not_a_second_longer() -> None:
    last = NOW + LIFE + RETENTION
    for one_time in (0, 1):
        ring = new_ring(one_time=one_time)
        message = first_message(ring.next_bundle(), NOW + LIFE)
        ring.retire(last)
        unchanged(ring, partial(accept, ring, message, last + 1), UnknownPrekey)
        assert accept(ring, message, last - 1) == b"first"


@pytest.mark.attack("A21", "A57")
def test_retiring_destroys_the_private_halves() -> None:
    ring = new_ring()
    secrets = secrets_in(ring._contents.bundles)
    assert len(secrets) == 2
    ring.retire(NOW + LIFE + RETENTION)
    assert secrets <= secrets_in(ring)
    ring.retire(NOW + LIFE + RETENTION + 1)
    assert not secrets & secrets_in(ring)
    assert not any(secret in snapshot(ring) for secret in secrets)
    assert ring.status == dataclasses.replace(ring.status, not_after=None, bundles=0, remembered_handshakes=0)
    unchanged(ring, ring.next_bundle, UsageError)


@pytest.mark.attack("A106")
def test_a_clock_that_jumps_brings_nothing_back() -> None:
    ring = new_ring()
    message = first_message(ring.next_bundle())
    ring.retire(NOW + 366 * DAY)
    ring.retire(NOW - 366 * DAY)
    unchanged(ring, lambda: accept(ring, message), UnknownPrekey)
    ring.rotate(NOW)
    assert accept(ring, first_message(ring.next_bundle())) == b"first"


@pytest.mark.attack("A106", "A11")
def test_a_clock_a_year_slow_takes_no_message_from_its_future() -> None:
    ring = new_ring()
    message = first_message(ring.next_bundle())
    unchanged(ring, lambda: accept(ring, message, NOW - 366 * DAY), HandshakeExpired)
    assert accept(ring, message, NOW) == b"first"


# --- revoking -----------------------------------------------------------------------------------


def test_messages_to_a_revoked_bundle_are_refused() -> None:
    ring = new_ring(one_time=2)
    old = first_message(ring.next_bundle())
    ring.rotate(NOW)
    new = first_message(ring.next_bundle())
    ring.revoke(SignedBundle.from_bytes(ring.signed_bundle()).bundle_id)
    unchanged(ring, lambda: accept(ring, new), UnknownPrekey)
    assert accept(ring, old) == b"first"


def test_messages_to_a_revoked_item_are_refused() -> None:
    ring = new_ring(one_time=2)
    first, second = ring.next_bundle(), ring.next_bundle()
    assert first.one_time is not None
    ring.revoke(first.one_time.item_id)
    unchanged(ring, lambda: accept(ring, first_message(first)), UnknownPrekey)
    assert accept(ring, first_message(second)) == b"first"


def test_a_ring_whose_newest_bundle_was_revoked_publishes_nothing_until_it_rotates() -> None:
    ring = new_ring()
    ring.revoke(ring.next_bundle().signed.bundle_id)
    assert (ring.status.epoch, ring.status.not_after, ring.status.bundles) == (1, None, 0)
    unchanged(ring, ring.next_bundle, UsageError)
    unchanged(ring, ring.signed_bundle, UsageError)
    assert SignedBundle.from_bytes(reopened(ring).rotate(NOW)).epoch == 2
    ring.rotate(NOW)
    assert accept(ring, first_message(ring.next_bundle())) == b"first"


def test_revoking_is_all_or_nothing() -> None:
    ring = new_ring()
    known = SignedBundle.from_bytes(ring.signed_bundle()).bundle_id
    item = item_id(ring.one_time_items()[0])
    unchanged(ring, lambda: ring.revoke(known, bytes(16)), UsageError)
    unchanged(ring, lambda: ring.revoke(item, item), UsageError)
    before = snapshot(ring)
    ring.revoke()
    assert snapshot(ring) == before
    ring.revoke(known, item)
    assert (ring.status.bundles, len(ring._contents.items)) == (0, 2)


@pytest.mark.attack("A99")
@pytest.mark.parametrize("kind", range(6))
def test_ids_are_bytes(kind: int) -> None:
    ring = new_ring()
    odd = odd_buffers(SignedBundle.from_bytes(ring.signed_bundle()).bundle_id)[kind]
    unchanged(ring, lambda: ring.revoke(odd), UsageError)


# --- answering ----------------------------------------------------------------------------------


@pytest.mark.attack("A12", "A57", "A13")
def test_an_item_is_destroyed_by_the_first_authentic_message_and_by_nothing_else() -> None:
    ring = new_ring(one_time=1)
    bundle = ring.next_bundle()
    secrets = secrets_in(ring._contents.items)
    message = first_message(bundle)
    for position in (-1, -40, 1_980, 60, 1_700):
        forged = flip(message, 8 * (position % len(message)))
        unchanged(ring, partial(accept, ring, forged), AuthenticationError)
    assert accept(ring, message) == b"first"
    assert ring._contents.items == {}
    assert not secrets & secrets_in(ring)
    assert not any(secret in snapshot(ring) for secret in secrets)
    unchanged(ring, lambda: accept(ring, message), UnknownPrekey)


@pytest.mark.attack("A11")
def test_a_handshake_without_an_item_is_taken_once() -> None:
    ring = new_ring(one_time=0)
    bundle = ring.next_bundle()
    message, other = first_message(bundle), first_message(bundle)
    assert accept(ring, message) == b"first"
    unchanged(ring, lambda: accept(ring, message), HandshakeReplayed)
    assert accept(ring, other) == b"first"
    assert ring.status.remembered_handshakes == 2
    ring = reopened(ring)
    ring.rotate(NOW + WEEK)
    unchanged(ring, lambda: accept(ring, message, NOW + WEEK), HandshakeReplayed)
    unchanged(ring, lambda: accept(ring, other, NOW + LIFE + RETENTION), HandshakeReplayed)
    assert ring.status.remembered_handshakes == 0
    ring.retire(NOW + LIFE + RETENTION + 1)
    unchanged(ring, lambda: accept(ring, message, NOW + LIFE + RETENTION + 1), UnknownPrekey)


@pytest.mark.attack("A11", "A26")
def test_a_full_replay_memory_refuses_rather_than_forgets() -> None:
    ring = new_ring(one_time=1)
    with_item = first_message(ring.next_bundle())
    without = [first_message(PrekeyBundle.from_parts(ring.signed_bundle(), None)) for _ in range(3)]
    assert accept(ring, without[0]) == b"first"
    fill_memory(ring, 4_095)
    assert accept(ring, without[1]) == b"first"
    assert ring.status.remembered_handshakes == 4_096
    unchanged(ring, lambda: accept(ring, without[2]), ReplayMemoryFull)
    # What stands in the memory is refused as well: the memory is not even asked when it is full.
    unchanged(ring, lambda: accept(ring, without[0]), ReplayMemoryFull)
    assert accept(ring, with_item) == b"first"
    ring = reopened(ring)
    unchanged(ring, lambda: accept(ring, without[2]), ReplayMemoryFull)
    ring.rotate(NOW)
    assert ring.status.remembered_handshakes == 0
    assert accept(ring, first_message(PrekeyBundle.from_parts(ring.signed_bundle(), None))) == b"first"
    unchanged(ring, lambda: accept(ring, without[2]), ReplayMemoryFull)


def fill_memory(ring: PrekeyRing, size: int) -> None:
    """Pretend that the newest bundle has seen so many handshakes."""
    newest = ring._contents.newest
    assert newest is not None
    pretended = (number.to_bytes(32, "big") for number in range(size - len(newest.remembered)))
    full = dataclasses.replace(newest, remembered=newest.remembered.union(pretended))
    ring._contents = dataclasses.replace(
        ring._contents, bundles={**ring._contents.bundles, newest.bundle.bundle_id: full}
    )


# --- one caller at a time -----------------------------------------------------------------------


def changes(ring: PrekeyRing) -> dict[str, Callable[[], object]]:
    known = SignedBundle.from_bytes(ring.signed_bundle()).bundle_id
    message = first_message(PrekeyBundle.from_parts(ring.signed_bundle(), None))
    return {
        "next_bundle": ring.next_bundle,
        "rotate": lambda: ring.rotate(NOW),
        "replenish": lambda: ring.replenish(1),
        "retire": lambda: ring.retire(NOW),
        "revoke": lambda: ring.revoke(known),
        "accept": lambda: accept(ring, message),
    }


CHANGES = tuple(changes(new_ring()))


@pytest.mark.attack("A79")
@pytest.mark.parametrize("name", CHANGES)
def test_a_second_thread_is_refused_while_the_first_is_inside(name: str) -> None:
    ring = new_ring()
    step = changes(ring)[name]
    inside, leave = threading.Event(), threading.Event()

    def linger(contents: RingContents) -> tuple[RingContents, None]:
        inside.set()
        assert leave.wait(60)
        return contents, None

    first = threading.Thread(target=transact, args=(ring, linger))
    first.start()
    try:
        assert inside.wait(60)
        unchanged(ring, step, ConcurrentUse)
    finally:
        leave.set()
        first.join()
    step()


@pytest.mark.attack("A79")
def test_threads_that_race_are_refused_or_served_and_nothing_is_given_twice() -> None:
    ring = new_ring(one_time=0)
    offered = ring.replenish(200)
    given: list[bytes] = []
    refused: list[type[BaseException]] = []

    def take() -> None:
        for _ in range(100):
            try:
                item = ring.next_bundle().one_time
            except Exception as error:  # noqa: BLE001  # judged below, in the test's own thread
                refused.append(type(error))
            else:
                given.append(b"" if item is None else item.encoded)

    threads = [threading.Thread(target=take) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert set(refused) <= {ConcurrentUse}
    assert len(given) + len(refused) == 200
    assert sorted(given) == sorted(offered[: len(given)])
    assert ring.one_time_items() == offered[len(given) :]


def test_a_step_that_fails_changes_nothing_and_lets_the_next_one_in() -> None:
    ring = new_ring()

    def fail(_: RingContents) -> tuple[RingContents, None]:
        raise KeyboardInterrupt

    before = snapshot(ring)
    with pytest.raises(KeyboardInterrupt):
        transact(ring, fail)
    assert snapshot(ring) == before
    ring.rotate(NOW)


def outcome(step: Callable[[], object]) -> str:
    try:
        step()
    except ForkedProcess:
        return "ForkedProcess"
    return "done"


@pytest.mark.attack("A81")
@pytest.mark.parametrize("name", CHANGES)
def test_a_forked_child_is_refused_and_the_parent_goes_on(name: str) -> None:
    step = changes(new_ring())[name]
    assert in_child(lambda: outcome(step)) == "ForkedProcess"
    step()


@pytest.mark.attack("A81")
def test_a_forked_child_does_not_seal_the_parent_s_ring() -> None:
    ring = new_ring(one_time=0)
    assert in_child(lambda: outcome(lambda: vault.seal(ring, owner=BOB, generation=1))) == "ForkedProcess"


@pytest.mark.attack("A81")
def test_a_forked_child_opens_the_ring_from_sealed_state() -> None:
    blob = vault.seal(new_ring(one_time=0), owner=BOB, generation=1)

    def rotate() -> None:
        vault.open(blob, kind=PrekeyRing, owner=BOB, minimum_generation=1).rotate(NOW)

    assert in_child(lambda: outcome(rotate)) == "done"


# --- at rest and in view ------------------------------------------------------------------------


def test_comes_back_from_its_state() -> None:
    ring = new_ring(one_time=2)
    message, without = first_message(ring.next_bundle()), PrekeyBundle.from_parts(ring.signed_bundle(), None)
    accept(ring, first_message(without))
    ring.rotate(NOW + DAY)
    again = reopened(ring)
    assert snapshot(again) == snapshot(ring)
    assert (again.identity, again.address, again.status) == (ring.identity, ring.address, ring.status)
    assert again.signed_bundle() == ring.signed_bundle()
    assert again.one_time_items() == ring.one_time_items()
    assert accept(again, message) == b"first"


@pytest.mark.attack("A90", "A13")
def test_shows_figures_and_nothing_private() -> None:
    ring = new_ring(one_time=2)
    public = [ring.status, ring.signed_bundle(), ring.one_time_items(), ring.identity, ring.address, ring.next_bundle()]
    assert not leaked(f"{ring!r} {ring} {public!r}", secrets_in(ring, bob))
    assert repr(ring) == f"<PrekeyRing {ring.status!r}>"
    with pytest.raises(TypeError):
        vars(ring)


def test_another_device_s_ring_answers_nobody() -> None:
    ring = Device(one_time=0).ring
    with pytest.raises(UsageError):
        accept(ring, first_message(PrekeyBundle.from_parts(ring.signed_bundle(), None)))
