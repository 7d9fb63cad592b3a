from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import cut_or_extended, refusals
from support.leaks import secrets_in
from support.pair import BOB, NOW

from ratchetlib import IdentityKeyPair, StateTampered
from ratchetlib.limits import MAX_BUNDLES, MAX_ONE_TIME_ITEMS, MAX_REMEMBERED_HANDSHAKES, MAX_STATE
from ratchetlib.prekeys.codec import decode, encode
from ratchetlib.prekeys.contents import RingContents
from ratchetlib.prekeys.records import BundleRecord, OneTimeRecord
from ratchetlib.wire import U64_MAX, Reader, lp, u32, u64

OWNER = IdentityKeyPair.generate()
BUNDLES = [
    BundleRecord.create(OWNER, address=BOB, epoch=epoch, not_before=NOW, not_after=NOW + 1) for epoch in range(3)
]
ITEMS = [OneTimeRecord.create(OWNER, address=BOB, epoch=epoch) for epoch in range(3)]

TWIN = BundleRecord.create(OWNER, address=BOB, epoch=1, not_before=NOW, not_after=NOW + 2)
SUBSETS = [[record for at, record in enumerate(BUNDLES) if chosen >> at & 1] for chosen in range(8)]

session_ids = st.frozensets(st.binary(min_size=32, max_size=32), max_size=4)


def read(content: bytes) -> RingContents:
    reader = Reader(content, StateTampered)
    contents = decode(reader)
    reader.end()
    return contents


def ring(
    bundles: list[BundleRecord], items: list[OneTimeRecord], *, address: bytes = BOB, epoch: int = 2
) -> RingContents:
    return RingContents(
        OWNER,
        address,
        epoch,
        {record.bundle.bundle_id: record for record in bundles},
        {record.item.item_id: record for record in items},
    )


@st.composite
def contents(draw: st.DrawFn) -> RingContents:
    bundles = [dataclasses.replace(record, remembered=draw(session_ids)) for record in draw(st.sampled_from(SUBSETS))]
    items = [dataclasses.replace(record, handed_out=draw(st.booleans())) for record in ITEMS[: draw(st.integers(0, 3))]]
    return ring(bundles, items, epoch=draw(st.integers(2, U64_MAX)))


WHOLE = ring([dataclasses.replace(BUNDLES[0], remembered=frozenset([b"\1" * 32, b"\2" * 32])), BUNDLES[1]], ITEMS[:2])
GENUINE = encode(WHOLE)


def parts(
    bundles: list[bytes],
    items: list[bytes],
    *,
    owner: IdentityKeyPair = OWNER,
    address: bytes = lp(BOB),
    epoch: int = 2,
) -> bytes:
    """A content put together by hand."""
    head = owner._to_state() + address + u64(epoch)
    return head + u32(len(bundles)) + b"".join(bundles) + u32(len(items)) + b"".join(items)


def bundle(record: BundleRecord, *remembered: bytes) -> bytes:
    halves = record.signed_prekey.raw + record.last_resort.raw
    return lp(record.bundle.encoded) + halves + u32(len(remembered)) + b"".join(remembered)


def item(record: OneTimeRecord, handed_out: bytes = b"\0") -> bytes:
    return lp(record.item.encoded) + record.prekey.raw + record.kem_seed.raw + handed_out


# --- what is written ----------------------------------------------------------------------------


@given(contents())
def test_what_is_encoded_is_decoded(original: RingContents) -> None:
    encoded = encode(original)
    found = read(encoded)
    assert encode(found) == encoded
    assert (found.address, found.epoch) == (original.address, original.epoch)
    assert found.owner.public == original.owner.public
    assert list(found.bundles) == list(original.bundles)
    assert list(found.items) == list(original.items)
    assert [record.remembered for record in found.bundles.values()] == [
        record.remembered for record in original.bundles.values()
    ]
    assert [record.handed_out for record in found.items.values()] == [
        record.handed_out for record in original.items.values()
    ]
    assert secrets_in(found) == secrets_in(original)


def test_the_layout() -> None:
    assert (
        parts([bundle(BUNDLES[0], b"\1" * 32, b"\2" * 32), bundle(BUNDLES[1])], [item(ITEMS[0]), item(ITEMS[1])])
        == GENUINE
    )
    assert encode(ring([], [ITEMS[0].given_away()])) == parts([], [item(ITEMS[0], b"\1")])


def test_an_empty_ring_is_a_ring() -> None:
    for address in (b"x", bytes(128)):
        empty = parts([], [], address=lp(address), epoch=0)
        assert encode(read(empty)) == empty


@given(st.integers(0, len(GENUINE) - 1), st.integers(1, 255))
def test_whatever_decodes_is_the_one_encoding(position: int, difference: int) -> None:
    changed = GENUINE[:position] + bytes([GENUINE[position] ^ difference]) + GENUINE[position + 1 :]
    try:
        found = read(changed)
    except StateTampered:
        return
    assert encode(found) == changed


@pytest.mark.attack("A57", "A58")
def test_the_content_is_an_allow_list() -> None:
    """Every secret in the content is one that the ring still holds, and each stands there once."""
    left = GENUINE
    for secret in secrets_in(WHOLE):
        assert left.count(secret) == 1
        left = left.replace(secret, b"")
    published = sum(len(record.bundle.encoded) for record in WHOLE.bundles.values())
    published += sum(len(record.item.encoded) for record in WHOLE.items.values())
    # address, epoch, counts and lengths, two remembered handshakes, two marks
    assert len(left) - published == (4 + len(BOB)) + 8 + 4 * 2 + 4 * 6 + 64 + 2


@pytest.mark.attack("A88")
def test_the_fullest_ring_fits_a_blob() -> None:
    source = random.Random(88)
    full = frozenset(source.randbytes(32) for _ in range(MAX_REMEMBERED_HANDSHAKES))
    longest = b"x" * 128
    record = BundleRecord.create(OWNER, address=longest, epoch=1, not_before=NOW, not_after=NOW + 1)
    spare = OneTimeRecord.create(OWNER, address=longest, epoch=1)
    one_bundle = len(bundle(record, *full))
    assert len(encode(ring([dataclasses.replace(record, remembered=full)], []))) == len(parts([], [])) + one_bundle
    size = len(parts([], [], address=lp(longest)))
    size += MAX_BUNDLES * one_bundle + MAX_ONE_TIME_ITEMS * len(item(spare))
    assert size < 3 * 2**20 < MAX_STATE


def test_a_full_replay_memory_comes_back() -> None:
    source = random.Random(11)
    full = dataclasses.replace(
        BUNDLES[0], remembered=frozenset(source.randbytes(32) for _ in range(MAX_REMEMBERED_HANDSHAKES))
    )
    encoded = encode(ring([full], []))
    assert encode(read(encoded)) == encoded


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.attack("A73")
def test_every_length_but_its_own_is_refused() -> None:
    small = encode(ring(BUNDLES[:1], ITEMS[:1]))
    assert refusals(read, cut_or_extended(small)) == {StateTampered}
    read(small)


@pytest.mark.attack("A16", "A72")
def test_a_ring_is_of_one_owner_and_one_address_and_its_epochs_are_in_order() -> None:
    stranger = IdentityKeyPair.generate()
    other_owner = BundleRecord.create(stranger, address=BOB, epoch=0, not_before=NOW, not_after=NOW + 1)
    elsewhere = BundleRecord.create(OWNER, address=b"bob/tablet", epoch=0, not_before=NOW, not_after=NOW + 1)
    never_made = [
        parts([bundle(other_owner)], []),
        parts([bundle(elsewhere)], []),
        parts([], [item(OneTimeRecord.create(OWNER, address=b"bob/tablet", epoch=0))]),
        parts([bundle(BUNDLES[1]), bundle(BUNDLES[0])], []),
        parts([], [item(ITEMS[1]), item(ITEMS[0])]),
        parts([bundle(BUNDLES[1])], [], epoch=0),
        parts([], [item(ITEMS[1])], epoch=0),
        parts([bundle(BUNDLES[1]), bundle(TWIN)], []),
        parts([bundle(BUNDLES[0])], [], owner=stranger),
    ]
    assert refusals(read, never_made) == {StateTampered}


@pytest.mark.attack("A101")
def test_published_parts_that_do_not_parse_are_refused_as_tampering() -> None:
    halves, seed = BUNDLES[0].signed_prekey.raw, BUNDLES[0].last_resort.raw
    encoded = BUNDLES[0].bundle.encoded
    wrong = [encoded[:-1] + bytes([encoded[-1] ^ 1]), b"", b"\2" + encoded[1:], ITEMS[0].item.encoded, bytes(1_831)]
    bad_bundles = [parts([lp(data) + halves + seed + u32(0)], []) for data in wrong]
    wrong = [b"", b"\2" + ITEMS[0].item.encoded[1:], encoded, bytes(1_686)]
    bad_items = [parts([], [lp(data) + halves + seed + b"\0"]) for data in wrong]
    assert refusals(read, bad_bundles + bad_items) == {StateTampered}


@pytest.mark.parametrize(
    "remembered",
    [(b"\2" * 32, b"\1" * 32), (b"\1" * 32, b"\1" * 32), (b"\1" * 32, b"\3" * 32, b"\2" * 32)],
    ids=["descending", "doubled", "unsorted"],
)
def test_remembered_handshakes_ascend(remembered: tuple[bytes, ...]) -> None:
    assert refusals(read, [parts([bundle(BUNDLES[0], *remembered)], [])]) == {StateTampered}


@pytest.mark.attack("A11", "A97")
def test_no_more_handshakes_are_remembered_than_may_be() -> None:
    ascending = [number.to_bytes(32, "big") for number in range(MAX_REMEMBERED_HANDSHAKES + 1)]
    read(parts([bundle(BUNDLES[0], *ascending[:-1])], []))
    assert refusals(read, [parts([bundle(BUNDLES[0], *ascending)], [])]) == {StateTampered}


def test_a_mark_is_0_or_1() -> None:
    assert refusals(read, [parts([], [item(ITEMS[0], bytes([mark]))]) for mark in (2, 128, 255)]) == {StateTampered}


@pytest.mark.attack("A28")
@pytest.mark.parametrize("address", [lp(b""), lp(bytes(129)), b"\xff\xff\xff\xff"])
def test_an_address_is_an_address(address: bytes) -> None:
    assert refusals(read, [parts([], [], address=address)]) == {StateTampered}


@pytest.mark.attack("A97")
def test_counts_above_their_bounds_are_refused() -> None:
    head = OWNER._to_state() + lp(BOB) + u64(2)
    one_bundle = lp(BUNDLES[0].bundle.encoded) + BUNDLES[0].signed_prekey.raw + BUNDLES[0].last_resort.raw
    counts = [
        head + u32(MAX_BUNDLES + 1),
        head + u32(2**32 - 1),
        head + u32(0) + u32(MAX_ONE_TIME_ITEMS + 1),
        head + u32(1) + one_bundle + u32(MAX_REMEMBERED_HANDSHAKES + 1),
        head + u32(1) + lp(bytes(2_049)),
        head + u32(0) + u32(1) + lp(bytes(2_049)),
    ]
    # Behind them stands enough for everything that they announce.
    assert refusals(read, [content + bytes(500_000) for content in counts]) == {StateTampered}


@pytest.mark.parametrize(
    "content",
    [
        parts([bundle(BUNDLES[0])] * 2, []),
        parts([], [item(ITEMS[0])] * 2),
        parts([], [item(ITEMS[0]), item(ITEMS[0], b"\1")]),
    ],
    ids=["a bundle", "an item", "an item with two marks"],
)
def test_nothing_stands_there_twice(content: bytes) -> None:
    assert refusals(read, [content]) == {StateTampered}
