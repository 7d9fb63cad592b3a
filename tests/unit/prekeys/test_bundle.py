from __future__ import annotations

import dataclasses
import itertools
import random
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from support.hostile import cut_or_extended, flip, flips, odd_buffers, random_strings, refusals
from support.pair import NOW
from support.prekeys import Device, bundle_fields, item_fields, offsets, rejection, signed_again
from support.strategies import damaged

from ratchetlib import (
    BundleReason,
    BundleRejected,
    MalformedMessage,
    PrekeyBundle,
    RatchetError,
    UnsupportedVersion,
    UsageError,
)
from ratchetlib.limits import DAY
from ratchetlib.prekeys import OneTimeItem, SignedBundle
from ratchetlib.prekeys.bundle import encode_parts, fits_epoch
from ratchetlib.wire import U64_MAX, lp, u64

BOB = Device(epoch=5)
SIGNED, ITEM = BOB.signed, BOB.item
GENUINE = PrekeyBundle.from_parts(SIGNED, ITEM).to_bytes()
BARE = PrekeyBundle.from_parts(SIGNED, None).to_bytes()
parse = PrekeyBundle.from_bytes

# Where the parts begin: behind one length; behind that, the flag and another.
_SIGNED_START = 4
_ITEM_START = 4 + len(SIGNED) + 1 + 4
KEM_POSITIONS = [_SIGNED_START + at for at in offsets(bundle_fields(SIGNED), "kem_key")]
KEM_POSITIONS += [_ITEM_START + at for at in offsets(item_fields(ITEM), "kem_key")]


# --- what is encoded ----------------------------------------------------------------------------


def test_the_layout() -> None:
    assert lp(SIGNED) + b"\x01" + lp(ITEM) == GENUINE
    assert lp(SIGNED) + b"\x00" + lp(b"") == BARE


def test_what_is_encoded_is_parsed() -> None:
    for encoded, item in ((GENUINE, ITEM), (BARE, None)):
        bundle = parse(encoded)
        assert bundle == PrekeyBundle.from_parts(SIGNED, item)
        assert bundle.to_bytes() == encode_parts(bundle.signed, bundle.one_time) == encoded
        assert bundle.signed == SignedBundle.from_bytes(SIGNED)
        assert (bundle.one_time is None) == (item is None)


@given(damaged(GENUINE))
def test_whatever_parses_is_the_one_encoding(candidate: bytes) -> None:
    try:
        bundle = parse(candidate)
    except RatchetError:
        assert candidate != GENUINE
    else:
        assert bundle.to_bytes() == candidate == GENUINE


@given(damaged(BARE))
def test_whatever_parses_without_an_item_is_the_one_encoding(candidate: bytes) -> None:
    try:
        assert parse(candidate).to_bytes() == candidate == BARE
    except RatchetError:
        assert candidate != BARE


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.attack("A2", "A16")
def test_every_bit_around_the_kem_keys_counts() -> None:
    around = set(range(len(GENUINE))) - set(KEM_POSITIONS)
    assert refusals(parse, flips(GENUINE, sorted(around))) == {BundleRejected, MalformedMessage, UnsupportedVersion}
    parse(GENUINE)


@pytest.mark.attack("A2", "A16", "A18")
def test_bits_of_the_kem_keys_count() -> None:
    bits = random.Random(2).sample([8 * position + shift for position in KEM_POSITIONS for shift in range(8)], 600)
    assert refusals(parse, (flip(GENUINE, bit) for bit in bits)) == {BundleRejected}
    parse(GENUINE)


@pytest.mark.attack("A2")
@pytest.mark.parametrize("genuine", [GENUINE, BARE], ids=["with an item", "without"])
def test_every_length_but_its_own_is_refused(genuine: bytes) -> None:
    assert refusals(parse, cut_or_extended(genuine)) == {MalformedMessage}
    parse(genuine)


@pytest.mark.attack("A22")
@pytest.mark.parametrize(
    "encoded",
    [
        lp(SIGNED) + b"\x00" + lp(ITEM),
        lp(SIGNED) + b"\x01" + lp(b""),
        lp(SIGNED) + b"\x02" + lp(ITEM),
        lp(SIGNED) + b"\xff" + lp(ITEM),
        lp(b"") + b"\x01" + lp(ITEM),
        lp(SIGNED) + b"\x01",
        lp(SIGNED),
        lp(ITEM) + b"\x01" + lp(SIGNED),
        lp(SIGNED) + b"\x01" + lp(SIGNED),
        lp(bytes(2_049)) + b"\x00" + lp(b""),
        b"\xff\xff\xff\xff" + SIGNED,
    ],
    ids=range(11),
)
def test_parts_missing_doubled_or_denied_are_malformed(encoded: bytes) -> None:
    assert refusals(parse, [encoded]) <= {MalformedMessage, UnsupportedVersion}


@pytest.mark.attack("A16", "A1")
def test_parts_of_two_owners_do_not_join() -> None:
    tablet = Device(BOB.identity, address=b"bob/tablet", epoch=5)
    devices = [
        BOB,
        tablet,
        Device(address=b"bob/tablet", epoch=5),
        Device(address=b"carol/phone", epoch=5),
        Device(epoch=5),
    ]
    for one, other in itertools.permutations(devices, 2):
        same_identity = one.identity is other.identity
        expected = BundleReason.MIXED_PARTS if same_identity else BundleReason.INVALID_SIGNATURE
        assert rejection(partial(PrekeyBundle.from_parts, one.signed, other.item)) is expected
        assert rejection(partial(parse, lp(one.signed) + b"\x01" + lp(other.item))) is expected
    for device in devices:
        PrekeyBundle.from_parts(device.signed, device.item)


@pytest.mark.attack("A16")
def test_an_item_signed_by_its_bearer_is_not_the_owners() -> None:
    mallory = Device(epoch=5)
    stolen = signed_again(mallory.identity, item_fields(ITEM))
    assert rejection(lambda: PrekeyBundle.from_parts(SIGNED, stolen)) is BundleReason.INVALID_SIGNATURE


@pytest.mark.attack("A16", "A15")
@pytest.mark.parametrize(
    ("epoch", "fits"), [(0, False), (3, False), (4, True), (5, True), (6, False), (U64_MAX, False)]
)
def test_an_item_is_good_with_the_bundle_of_its_epoch_or_the_next(epoch: int, fits: bool) -> None:  # noqa: FBT001
    item = signed_again(BOB.identity, item_fields(ITEM), epoch=u64(epoch))
    if fits:
        assert PrekeyBundle.from_parts(SIGNED, item).one_time == OneTimeItem.from_bytes(item)
    else:
        assert rejection(lambda: PrekeyBundle.from_parts(SIGNED, item)) is BundleReason.MIXED_PARTS


def test_epochs() -> None:
    good = {(item, bundle) for item, bundle in itertools.product(range(6), repeat=2) if fits_epoch(item, bundle)}
    assert good == {(epoch, epoch + step) for epoch in range(6) for step in (0, 1) if epoch + step < 6}


@pytest.mark.attack("A2", "A16")
def test_there_is_no_unverified_bundle() -> None:
    item = OneTimeItem.from_bytes(Device(epoch=5).item)
    assert rejection(lambda: PrekeyBundle(SignedBundle.from_bytes(SIGNED), item)) is BundleReason.INVALID_SIGNATURE
    bundle = parse(BARE)
    assert rejection(lambda: dataclasses.replace(bundle, one_time=item)) is BundleReason.INVALID_SIGNATURE
    with pytest.raises(AttributeError):
        bundle.one_time = item  # type: ignore[misc]  # the point of the test


@pytest.mark.attack("A2", "A99")
def test_a_bundle_is_made_of_parsed_parts() -> None:
    signed, item = SignedBundle.from_bytes(SIGNED), OneTimeItem.from_bytes(ITEM)
    parts: list[tuple[Any, Any]] = [(SIGNED, item), (signed, ITEM), (item, item), (signed, signed), (None, item)]
    for odd in parts:
        with pytest.raises(UsageError, match="a PrekeyBundle is made by from_parts or from_bytes"):
            PrekeyBundle(*odd)


@pytest.mark.attack("A15")
def test_an_item_outlives_one_rotation_at_the_server() -> None:
    kept = BOB.item
    ring = Device(BOB.identity, epoch=5).ring
    once, twice = ring.rotate(NOW + 7 * DAY), ring.rotate(NOW + 14 * DAY)
    assert PrekeyBundle.from_parts(once, kept).signed.epoch == 6
    assert rejection(lambda: PrekeyBundle.from_parts(twice, kept)) is BundleReason.MIXED_PARTS


@pytest.mark.attack("A100")
def test_random_bytes_are_refused() -> None:
    assert refusals(parse, random_strings(10_000, lengths=[len(GENUINE), 9])) == {MalformedMessage}
    cut = random_strings(2_000, lengths=[len(GENUINE)], begin=GENUINE[: 4 + len(SIGNED) - 64])
    assert refusals(parse, cut) == {MalformedMessage}
    parts = random_strings(10_000, lengths=[len(SIGNED), len(ITEM)])
    assert refusals(lambda part: PrekeyBundle.from_parts(part, ITEM), parts) == {MalformedMessage, UnsupportedVersion}
    parts = random_strings(10_000, lengths=[len(SIGNED), len(ITEM)])
    found = refusals(lambda part: PrekeyBundle.from_parts(SIGNED, part), itertools.islice(parts, 3_000))
    assert found == {MalformedMessage, UnsupportedVersion}


@pytest.mark.attack("A99")
def test_only_bytes_are_parsed() -> None:
    for odd in odd_buffers(GENUINE):
        with pytest.raises(UsageError):
            parse(odd)
    for odd in odd_buffers(SIGNED):
        with pytest.raises(UsageError):
            PrekeyBundle.from_parts(odd, ITEM)
    for odd in odd_buffers(ITEM)[:-1]:
        with pytest.raises(UsageError):
            PrekeyBundle.from_parts(SIGNED, odd)


def test_repr_is_short() -> None:
    assert repr(parse(GENUINE)) == "<PrekeyBundle epoch 5, one-time item: True>"
    assert repr(parse(BARE)) == "<PrekeyBundle epoch 5, one-time item: False>"
