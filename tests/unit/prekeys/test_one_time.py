from __future__ import annotations

import hashlib
from functools import partial

import pytest
from hypothesis import given
from support.hostile import cut_or_extended, flips, odd_buffers, random_strings, refusals
from support.pair import BOB, NOW
from support.prekeys import Device, encode, item_fields, rejection, signed_again
from support.strategies import addresses, damaged, u64s

from ratchetlib import (
    BundleReason,
    BundleRejected,
    IdentityKeyPair,
    MalformedMessage,
    RatchetError,
    UnsupportedVersion,
    UsageError,
)
from ratchetlib.identity import sign_as
from ratchetlib.labels import SIGN_BUNDLE, SIGN_ONE_TIME
from ratchetlib.limits import DAY, MAX_BUNDLE_PART
from ratchetlib.prekeys import OneTimeItem
from ratchetlib.wire import lp, u64

OWNER = Device()
MALLORY = IdentityKeyPair.generate()
GENUINE = OWNER.item
FIELDS = item_fields(GENUINE)


def parse(encoded: bytes) -> OneTimeItem:
    """As a `PrekeyBundle` does it: an item means nothing before its signature is verified."""
    item = OneTimeItem.from_bytes(encoded)
    item.require_signed_by(OWNER.public)
    return item


def published(**changes: bytes) -> bytes:
    return signed_again(OWNER.identity, FIELDS, **changes)


# --- what is encoded ----------------------------------------------------------------------------


@given(addresses, u64s)
def test_what_is_created_is_parsed(address: bytes, epoch: int) -> None:
    keys = parse(GENUINE)
    item = OneTimeItem.create(OWNER.identity, address=address, epoch=epoch, prekey=keys.prekey, kem_key=keys.kem_key)
    assert parse(item.to_bytes()) == item
    assert (item.address, item.epoch, item.prekey, item.kem_key) == (address, epoch, keys.prekey, keys.kem_key)
    assert len(item.encoded) == 1_677 + len(address) <= MAX_BUNDLE_PART


def test_the_layout() -> None:
    item = parse(GENUINE)
    assert {name: len(value) for name, value in FIELDS.items()} == {
        "version": 1,
        "address": 4 + len(BOB),
        "epoch": 8,
        "prekey": 32,
        "kem_key": 1_568,
        "signature": 64,
    }
    assert GENUINE[:-64] == b"\x01" + lp(BOB) + u64(1) + item.prekey + item.kem_key


@pytest.mark.attack("A14")
def test_the_name_is_the_hash_of_everything() -> None:
    label = b"ratchetlib/1 one-time id"
    digest = hashlib.sha512(len(label).to_bytes(4, "big") + label + GENUINE).digest()
    assert parse(GENUINE).item_id == digest[:16]


@given(damaged(GENUINE))
def test_whatever_parses_is_the_one_encoding(candidate: bytes) -> None:
    try:
        item = OneTimeItem.from_bytes(candidate)
    except RatchetError:
        assert candidate != GENUINE
    else:
        assert item.to_bytes() == encode(item_fields(candidate)) == candidate


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.attack("A2", "A16")
def test_every_bit_counts() -> None:
    assert refusals(parse, flips(GENUINE)) == {BundleRejected, MalformedMessage, UnsupportedVersion}
    parse(GENUINE)


@pytest.mark.attack("A2", "A16")
def test_every_length_but_its_own_is_refused() -> None:
    assert refusals(OneTimeItem.from_bytes, cut_or_extended(GENUINE)) == {MalformedMessage}
    parse(GENUINE)


@pytest.mark.attack("A16", "A5")
def test_a_signature_of_anybody_or_anything_else_is_refused() -> None:
    content = GENUINE[:-64]
    others = [
        sign_as(MALLORY, SIGN_ONE_TIME, content),
        sign_as(OWNER.identity, SIGN_BUNDLE, content),
        sign_as(OWNER.identity, SIGN_ONE_TIME, content[:-1]),
        bytes(64),
    ]
    for signature in others:
        assert rejection(partial(parse, content + signature)) is BundleReason.INVALID_SIGNATURE


@pytest.mark.attack("A7", "A18")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prekey", bytes(32)),
        ("prekey", (2**255 - 20).to_bytes(32, "little")),
        ("prekey", FIELDS["prekey"][:31] + bytes([FIELDS["prekey"][31] | 0x80])),
        ("kem_key", bytes(1_568)),
        ("kem_key", bytes(1_536) + FIELDS["kem_key"][1_536:]),
        ("kem_key", FIELDS["kem_key"][:1_533] + b"\xff\xff\xff" + FIELDS["kem_key"][1_536:]),
    ],
    ids=["zero", "not-canonical", "top-bit", "kem-zero", "kem-zero-t", "kem-unreduced"],
)
def test_a_degenerate_key_is_refused_although_signed(name: str, value: bytes) -> None:
    assert rejection(lambda: parse(published(**{name: value}))) is BundleReason.INVALID_KEY


@pytest.mark.attack("A22")
@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_refused_although_signed(version: int) -> None:
    assert refusals(parse, [published(version=bytes([version]))]) == {UnsupportedVersion}


@pytest.mark.attack("A28", "A97")
@pytest.mark.parametrize("address", [lp(b""), lp(bytes(129)), b"\xff\xff\xff\xff", b"\xff\xff\xff\xff" + BOB])
def test_an_address_of_another_length_is_refused_although_signed(address: bytes) -> None:
    assert refusals(parse, [published(address=address)]) == {MalformedMessage}


@pytest.mark.attack("A16")
def test_no_field_of_another_item_fits() -> None:
    others = [
        Device(OWNER.identity, address=b"bob/tablet"),
        Device(address=b"bob/tablet"),
        Device(OWNER.identity, epoch=0, now=NOW - 7 * DAY),
        Device(OWNER.identity),
        Device(address=b"carol/phone"),
    ]
    for device in others:
        other = item_fields(device.item)
        replaced = [encode({**FIELDS, name: other[name]}) for name in FIELDS if other[name] != FIELDS[name]]
        assert refusals(parse, replaced) <= {BundleRejected, MalformedMessage}
    parse(GENUINE)


@pytest.mark.attack("A100")
def test_random_bytes_are_refused() -> None:
    random = random_strings(10_000, lengths=[len(GENUINE)])
    assert refusals(OneTimeItem.from_bytes, random) == {MalformedMessage, UnsupportedVersion}
    random = random_strings(2_000, lengths=[len(GENUINE)], begin=GENUINE[:14])
    assert refusals(OneTimeItem.from_bytes, random) == {MalformedMessage, BundleRejected}


@pytest.mark.attack("A99")
def test_only_bytes_are_parsed() -> None:
    for odd in odd_buffers(GENUINE):
        with pytest.raises(UsageError, match="an encoded prekey must be bytes"):
            OneTimeItem.from_bytes(odd)


def test_repr_is_short() -> None:
    assert repr(parse(GENUINE)) == "<OneTimeItem of epoch 1>"
