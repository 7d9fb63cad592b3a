from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from support.leaks import leaked, secrets_in
from support.pair import BOB, NOW

from ratchetlib import IdentityKeyPair, ReplayMemoryFull, StateTampered, UnknownPrekey, UsageError
from ratchetlib.limits import DAY, TIME_LIMIT
from ratchetlib.prekeys.codec import decode, encode
from ratchetlib.prekeys.contents import RingContents
from ratchetlib.wire import U64_MAX, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.prekeys.records import BundleRecord, OneTimeRecord

OWNER = IdentityKeyPair.generate()
LIFE = 14 * DAY
EMPTY = RingContents(OWNER, BOB, 0, {}, {})


def grown(*, bundles: int = 1, items: int = 2, first: int = 1) -> RingContents:
    """A ring of bundles a day apart, each epoch with so many items."""
    contents = EMPTY
    for turn in range(bundles):
        contents = contents.with_bundle(first + turn, NOW + turn * DAY, LIFE).with_items(items)
    return contents


def bundles(contents: RingContents) -> list[BundleRecord]:
    return list(contents.bundles.values())


def items(contents: RingContents) -> list[OneTimeRecord]:
    return list(contents.items.values())


def item_epochs(contents: RingContents) -> list[int]:
    return [record.item.epoch for record in items(contents)]


# --- growing ------------------------------------------------------------------------------------


def test_records_are_found_under_their_names_in_the_order_they_were_made() -> None:
    contents = grown(bundles=3)
    assert all(record.bundle.bundle_id == key for key, record in contents.bundles.items())
    assert all(record.item.item_id == key for key, record in contents.items.items())
    assert [record.bundle.epoch for record in bundles(contents)] == [1, 2, 3]
    assert item_epochs(contents) == [1, 1, 2, 2, 3, 3]
    assert {record.bundle.address for record in bundles(contents)} == {BOB}


def test_the_newest_bundle_is_that_of_the_ring_s_epoch() -> None:
    contents = grown(bundles=3)
    newest = contents.newest
    assert newest is bundles(contents)[2]
    assert contents.epoch == 3
    assert EMPTY.newest is None
    assert contents.revoked([newest.bundle.bundle_id]).newest is None


def test_changes_make_a_new_value() -> None:
    contents = grown(bundles=2)
    before = encode(contents)
    contents.with_bundle(3, NOW, LIFE)
    contents.with_items(1)
    contents.handing_out(items(contents)[0])
    contents.retired(NOW + 100 * DAY)
    contents.revoked([*contents.bundles, *contents.items])
    contents.settled(bundles(contents)[0].bundle.bundle_id, None, bytes(32))
    contents.settled(bundles(contents)[0].bundle.bundle_id, items(contents)[0].item.item_id, bytes(32))
    assert encode(contents) == before


@pytest.mark.parametrize("lifetime", [0, -1, LIFE + 1, True, 1.0, "1", None])
def test_a_lifetime_is_1_second_to_14_days(lifetime: int) -> None:
    with pytest.raises(UsageError, match="a bundle lives 1 to 1209600 seconds"):
        EMPTY.with_bundle(1, NOW, lifetime)


@pytest.mark.attack("A106", "A37")
@pytest.mark.parametrize("now", [-1, TIME_LIMIT, NOW * 1_000, U64_MAX + 1, True, float(NOW), str(NOW), None])
def test_a_time_is_in_whole_seconds(now: int) -> None:
    with pytest.raises(UsageError, match="now must be whole seconds since the Unix epoch"):
        EMPTY.with_bundle(1, now, LIFE)
    with pytest.raises(UsageError, match="now must be whole seconds since the Unix epoch"):
        EMPTY.retired(now)


@pytest.mark.attack("A37")
def test_the_epochs_end_at_64_bits() -> None:
    assert EMPTY.with_bundle(U64_MAX, TIME_LIMIT - 1, LIFE).newest is not None
    assert EMPTY.with_bundle(0, 0, 1).newest is not None
    with pytest.raises(UsageError, match="does not fit 64 bits"):
        EMPTY.with_bundle(U64_MAX + 1, NOW, 1)


def test_at_most_8_bundles_are_alive() -> None:
    full = grown(bundles=8, items=0)
    with pytest.raises(UsageError, match="8 bundles are alive"):
        full.with_bundle(9, NOW, LIFE)
    assert len(full.revoked([bundles(full)[0].bundle.bundle_id]).with_bundle(9, NOW, LIFE).bundles) == 8


@pytest.mark.parametrize("count", [-1, 999, True, 1.0, "1", None])
def test_at_most_1000_items_are_in_the_ring(count: int) -> None:
    contents = grown(items=2)
    with pytest.raises(UsageError, match="from 0 to 998 is needed"):
        contents.with_items(count)


def test_1000_items_fill_the_ring() -> None:
    full = grown(items=2).with_items(998)
    assert len(full.items) == 1_000
    assert full.with_items(0).items == full.items
    with pytest.raises(UsageError, match="from 0 to 0 is needed"):
        full.with_items(1)


def test_no_more_items_is_no_change() -> None:
    contents = grown()
    assert encode(contents.with_items(0)) == encode(contents)


# --- offering -----------------------------------------------------------------------------------


def test_items_of_the_newest_epoch_and_the_one_before_are_offered() -> None:
    contents = grown(bundles=3)
    assert [record.item.epoch for record in contents.offered()] == [2, 2, 3, 3]


def test_what_was_handed_out_is_kept_but_not_offered() -> None:
    contents = grown()
    first, second = items(contents)
    contents = contents.handing_out(first)
    assert contents.offered() == (second,)
    assert items(contents)[0].handed_out
    assert list(contents.items) == [first.item.item_id, second.item.item_id]
    assert contents.handing_out(second).offered() == ()


# --- retiring and revoking ----------------------------------------------------------------------


@pytest.mark.attack("A21", "A106")
def test_a_bundle_retires_one_second_after_its_14_days() -> None:
    contents = grown(bundles=2)
    last = NOW + LIFE + 14 * DAY
    assert len(contents.retired(last).bundles) == 2
    assert [record.bundle.epoch for record in bundles(contents.retired(last + 1))] == [2]
    assert [record.bundle.epoch for record in bundles(contents.retired(last + DAY))] == [2]
    assert bundles(contents.retired(last + DAY + 1)) == []


@pytest.mark.attack("A106")
def test_a_clock_that_jumps_back_revives_nothing() -> None:
    retired = grown(bundles=2).retired(NOW + 366 * DAY)
    assert bundles(retired) == []
    assert encode(retired.retired(NOW - 366 * DAY)) == encode(retired)


def test_items_go_when_no_bundle_can_go_with_them() -> None:
    contents = grown(bundles=4)
    assert item_epochs(contents.retired(NOW)) == [1, 1, 2, 2, 3, 3, 4, 4]
    # With the bundles 1 and 2 gone, the items of epoch 2 still go with the bundle of epoch 3.
    assert item_epochs(contents.retired(NOW + LIFE + 15 * DAY + 1)) == [2, 2, 3, 3, 4, 4]
    # With all of them gone, those of the newest epoch still go with the next bundle.
    assert item_epochs(contents.retired(NOW + 100 * DAY)) == [4, 4]
    assert item_epochs(contents.revoked(contents.bundles)) == [4, 4]


def test_revoking_takes_what_is_named_and_nothing_else() -> None:
    contents = grown(bundles=2)
    bundle, item = bundles(contents)[1], items(contents)[0]
    left = contents.revoked([bundle.bundle.bundle_id, item.item.item_id])
    assert bundles(left) == bundles(contents)[:1]
    assert items(left) == items(contents)[1:]
    assert left.epoch == 2
    assert not secrets_in(bundle, item) & secrets_in(left)


def test_revoking_the_unknown_is_refused() -> None:
    contents = grown()
    bundle_id = bundles(contents)[0].bundle.bundle_id
    for ids in ([bytes(16)], [b""], [bundle_id, bytes(16)], [bundle_id, bundle_id], [bundle_id[:15]], [bytes(17)]):
        with pytest.raises(UsageError):
            contents.revoked(ids)


@pytest.mark.parametrize("length", [0, 15, 17])
def test_an_id_to_revoke_is_16_bytes(length: int) -> None:
    with pytest.raises(UsageError, match=f"an id must be 16 to 16 bytes, not {length}"):
        grown().revoked([bytes(length)])


def test_an_epoch_is_never_given_twice() -> None:
    contents = grown(bundles=2)
    assert contents.revoked(contents.bundles).epoch == 2
    assert contents.retired(NOW + 100 * DAY).epoch == 2


# --- answering ----------------------------------------------------------------------------------


def test_finds_the_private_halves_named() -> None:
    contents = grown(bundles=2)
    old, new = contents.bundles
    for item_id, record in contents.items.items():
        assert contents.find(new, item_id, NOW) == (contents.bundles[new], record)
    assert contents.find(old, None, NOW) == (contents.bundles[old], None)
    handed_out = contents.handing_out(items(contents)[0])
    assert handed_out.find(new, items(contents)[0].item.item_id, NOW)[1] is items(handed_out)[0]


def unknown(contents: RingContents) -> dict[str, Callable[[], object]]:
    first, last = bundles(contents)[0].bundle.bundle_id, bundles(contents)[2].bundle.bundle_id
    old_item, new_item = items(contents)[0].item.item_id, items(contents)[-1].item.item_id
    return {
        "no such bundle": lambda: contents.find(bytes(16), None, NOW),
        "an item for a bundle": lambda: contents.find(new_item, None, NOW),
        "no such item": lambda: contents.find(last, bytes(16), NOW),
        "a bundle for an item": lambda: contents.find(last, first, NOW),
        "an item older than the epoch before": lambda: contents.find(last, old_item, NOW),
        "an item newer than the bundle": lambda: contents.find(first, new_item, NOW),
        "a bundle past its retention": lambda: contents.find(first, None, NOW + LIFE + 14 * DAY + 1),
    }


@pytest.mark.attack("A16", "A106")
@pytest.mark.parametrize("case", unknown(grown(bundles=3)))
def test_finds_nothing_else(case: str) -> None:
    with pytest.raises(UnknownPrekey):
        unknown(grown(bundles=3))[case]()


@pytest.mark.attack("A21")
def test_finds_a_bundle_until_its_last_second() -> None:
    contents = grown()
    assert contents.find(bundles(contents)[0].bundle.bundle_id, None, NOW + LIFE + 14 * DAY)


@pytest.mark.attack("A11")
def test_a_full_memory_refuses_further_handshakes_without_an_item() -> None:
    contents = grown()
    record = bundles(contents)[0]
    key = record.bundle.bundle_id
    almost = dataclasses.replace(record, remembered=frozenset(number.to_bytes(32, "big") for number in range(4_095)))
    contents = dataclasses.replace(contents, bundles={key: almost})
    assert contents.find(key, None, NOW)
    full = contents.settled(key, None, b"\xff" * 32)
    assert len(bundles(full)[0].remembered) == 4_096
    with pytest.raises(ReplayMemoryFull):
        full.find(key, None, NOW)
    assert full.find(key, items(full)[0].item.item_id, NOW)
    rotated = full.with_bundle(2, NOW, LIFE)
    assert rotated.newest is not None
    assert rotated.find(rotated.newest.bundle.bundle_id, None, NOW)


@pytest.mark.attack("A12", "A57")
def test_a_used_item_is_destroyed() -> None:
    contents = grown(bundles=2)
    bundle, item = bundles(contents)[1], items(contents)[1]
    after = contents.settled(bundle.bundle.bundle_id, item.item.item_id, bytes(32))
    assert items(after) == [record for record in items(contents) if record is not item]
    assert bundles(after) == bundles(contents)
    assert not secrets_in(item) & secrets_in(after)
    assert not any(secret in encode(after) for secret in secrets_in(item))


@pytest.mark.attack("A11")
def test_a_handshake_without_an_item_is_remembered_with_its_bundle() -> None:
    contents = grown(bundles=2)
    after = contents.settled(bundles(contents)[0].bundle.bundle_id, None, b"\x07" * 32)
    assert [record.remembered for record in bundles(after)] == [{b"\x07" * 32}, frozenset()]
    assert items(after) == items(contents)
    assert list(after.bundles) == list(contents.bundles)


@pytest.mark.attack("A11", "A12", "A57")
def test_settling_does_once_what_the_handshake_did() -> None:
    contents = grown(bundles=2)
    bundle, item = bundles(contents)[1], items(contents)[1]
    names, session_id = (bundle.bundle.bundle_id, item.item.item_id), b"\x07" * 32
    settled = contents.settled(*names, session_id)
    assert items(settled) == [record for record in items(contents) if record is not item]
    assert encode(settled.settled(*names, session_id)) == encode(settled)
    settled = contents.settled(names[0], None, session_id)
    assert bundles(settled)[1].remembered == {session_id}
    assert encode(settled.settled(names[0], None, session_id)) == encode(settled)


@pytest.mark.attack("A12")
def test_settling_what_is_no_longer_there_changes_nothing() -> None:
    contents = grown(bundles=2)
    bundle, item = bundles(contents)[1].bundle.bundle_id, items(contents)[1].item.item_id
    for bundle_id, item_id in ((bytes(16), None), (bundle, bytes(16)), (item, None)):
        assert encode(contents.settled(bundle_id, item_id, b"\x07" * 32)) == encode(contents)


@pytest.mark.attack("A12")
def test_settling_destroys_the_item_of_a_bundle_that_is_gone() -> None:
    contents = grown(bundles=2)
    item = items(contents)[1]
    assert item not in items(contents.settled(bytes(16), item.item.item_id, bytes(32)))


@pytest.mark.attack("A11")
def test_settling_never_fills_the_memory_above_its_bound() -> None:
    """The bundle takes no handshake without an item any more, so what is not remembered is not taken again either."""
    contents = grown()
    (record,) = bundles(contents)
    full = dataclasses.replace(record, remembered=frozenset(number.to_bytes(32, "big") for number in range(4_096)))
    key = record.bundle.bundle_id
    settled = dataclasses.replace(contents, bundles={key: full}).settled(key, None, b"\xff" * 32)
    assert len(bundles(settled)[0].remembered) == 4_096
    assert encode(decode(Reader(encode(settled), StateTampered))) == encode(settled)


@pytest.mark.attack("A90")
def test_contents_show_no_private_half() -> None:
    contents = grown(bundles=2)
    assert not leaked(f"{contents!r} {contents}", secrets_in(contents))
