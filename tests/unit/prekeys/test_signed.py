from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import cut_or_extended, flips, odd_buffers, random_strings, refusals
from support.pair import BOB, NOW
from support.prekeys import Device, bundle_fields, encode, rejection, signed_again
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
from ratchetlib.labels import SIGN_IDENTITY, SIGN_ONE_TIME
from ratchetlib.limits import DAY, MAX_BUNDLE_LIFETIME, MAX_BUNDLE_PART
from ratchetlib.prekeys import SignedBundle
from ratchetlib.primitives import dh
from ratchetlib.primitives.kem import ML_KEM_1024
from ratchetlib.wire import U64_MAX, lp, u64

OWNER = Device()
MALLORY = IdentityKeyPair.generate()
GENUINE = OWNER.signed
FIELDS = bundle_fields(GENUINE)
parse = SignedBundle.from_bytes


def published(**changes: bytes) -> bytes:
    """The owner's bundle with fields changed under the owner's own signature."""
    return signed_again(OWNER.identity, FIELDS, **changes)


# --- what is encoded ----------------------------------------------------------------------------


@given(addresses, u64s, st.integers(0, U64_MAX - MAX_BUNDLE_LIFETIME), st.integers(1, MAX_BUNDLE_LIFETIME))
def test_what_is_created_is_parsed(address: bytes, epoch: int, not_before: int, lifetime: int) -> None:
    keys = parse(GENUINE)
    bundle = SignedBundle.create(
        OWNER.identity,
        address=address,
        epoch=epoch,
        not_before=not_before,
        not_after=not_before + lifetime,
        signed_prekey=keys.signed_prekey,
        last_resort_key=keys.last_resort_key,
    )
    assert parse(bundle.to_bytes()) == bundle
    assert (bundle.address, bundle.identity, bundle.epoch) == (address, OWNER.public, epoch)
    assert (bundle.not_before, bundle.not_after) == (not_before, not_before + lifetime)
    assert (bundle.signed_prekey, bundle.last_resort_key) == (keys.signed_prekey, keys.last_resort_key)
    assert len(bundle.encoded) == 1_822 + len(address) <= MAX_BUNDLE_PART


def test_the_layout() -> None:
    bundle = parse(GENUINE)
    assert {name: len(value) for name, value in FIELDS.items()} == {
        "version": 1,
        "highest": 1,
        "address": 4 + len(BOB),
        "identity": 128,
        "epoch": 8,
        "not_before": 8,
        "not_after": 8,
        "prekey": 32,
        "kem_key": 1_568,
        "signature": 64,
    }
    assert FIELDS["version"] == FIELDS["highest"] == b"\x01"
    assert FIELDS["address"] == lp(bundle.address)
    assert FIELDS["identity"] == bundle.identity.to_bytes()
    assert FIELDS["epoch"] + FIELDS["not_before"] == u64(1) + u64(NOW)
    assert FIELDS["not_after"] == u64(NOW + 14 * DAY)
    assert FIELDS["prekey"] + FIELDS["kem_key"] == bundle.signed_prekey + bundle.last_resort_key
    assert encode(FIELDS) == bundle.encoded == GENUINE


@pytest.mark.attack("A14")
def test_the_name_is_the_hash_of_everything() -> None:
    label = b"ratchetlib/1 bundle id"
    digest = hashlib.sha512(len(label).to_bytes(4, "big") + label + GENUINE).digest()
    assert parse(GENUINE).bundle_id == digest[:16]


def test_a_later_highest_version_is_taken() -> None:
    assert parse(published(highest=b"\x07")).highest_version == 7


@given(damaged(GENUINE))
def test_whatever_parses_is_the_one_encoding(candidate: bytes) -> None:
    try:
        bundle = parse(candidate)
    except RatchetError:
        assert candidate != GENUINE
    else:
        assert bundle.encoded == candidate == GENUINE


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.attack("A2")
def test_every_bit_counts() -> None:
    assert refusals(parse, flips(GENUINE)) == {BundleRejected, MalformedMessage, UnsupportedVersion}
    parse(GENUINE)


@pytest.mark.attack("A2")
def test_every_length_but_its_own_is_refused() -> None:
    assert refusals(parse, cut_or_extended(GENUINE)) == {MalformedMessage}
    parse(GENUINE)


@pytest.mark.attack("A2")
@pytest.mark.parametrize("name", FIELDS)
def test_no_field_may_be_missing_or_zero(name: str) -> None:
    value = FIELDS[name]
    assert refusals(parse, [encode({**FIELDS, name: b""}), encode({**FIELDS, name: bytes(len(value))})])


@pytest.mark.attack("A2", "A5")
def test_a_signature_of_anybody_or_anything_else_is_refused() -> None:
    content = GENUINE[:-64]
    others = [
        sign_as(MALLORY, b"ratchetlib/1 signed bundle", content),
        sign_as(OWNER.identity, SIGN_ONE_TIME, content),
        sign_as(OWNER.identity, SIGN_IDENTITY, content),
        sign_as(OWNER.identity, b"ratchetlib/1 signed bundle", content[:-1]),
        bytes(64),
        FIELDS["identity"][64:],
    ]
    for signature in others:
        assert rejection(lambda: parse(content + signature)) is BundleReason.INVALID_SIGNATURE  # noqa: B023


@pytest.mark.attack("A3")
def test_the_halves_of_two_identities_do_not_join() -> None:
    mixed = OWNER.public.signing + MALLORY.public.agreement + OWNER.public.signature
    joined = OWNER.public.signing + MALLORY.public.agreement + sign_as(MALLORY, SIGN_IDENTITY, MALLORY.public.agreement)
    for identity in (mixed, joined):
        assert rejection(lambda: parse(published(identity=identity))) is BundleReason.INVALID_KEY  # noqa: B023


@pytest.mark.attack("A7", "A18")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prekey", bytes(32)),
        ("prekey", b"\x01" + bytes(31)),
        ("prekey", (2**255 - 20).to_bytes(32, "little")),
        ("prekey", (2**255 - 19 + 9).to_bytes(32, "little")),
        ("prekey", FIELDS["prekey"][:31] + bytes([FIELDS["prekey"][31] | 0x80])),
        ("kem_key", bytes(1_568)),
        ("kem_key", bytes(1_536) + FIELDS["kem_key"][1_536:]),
        ("kem_key", b"\xff\xff" + FIELDS["kem_key"][2:]),
        ("kem_key", FIELDS["kem_key"][:1_533] + b"\xff\xff\xff" + FIELDS["kem_key"][1_536:]),
        ("identity", b"\x01" + bytes(127)),
        ("identity", bytes(128)),
    ],
    ids=[
        "zero",
        "one",
        "not-canonical",
        "nine-beside-p",
        "top-bit",
        "kem-zero",
        "kem-zero-t",
        "kem-unreduced-first",
        "kem-unreduced-last",
        "identity-one",
        "identity-zero",
    ],
)
def test_a_degenerate_key_is_refused_although_signed(name: str, value: bytes) -> None:
    assert rejection(lambda: parse(published(**{name: value}))) is BundleReason.INVALID_KEY


@pytest.mark.attack("A18")
def test_a_key_vector_of_zeros_is_refused_whatever_its_seed() -> None:
    seeds = random.Random(18)
    for _ in range(50):
        degenerate = published(kem_key=bytes(1_536) + seeds.randbytes(32))
        assert rejection(lambda: parse(degenerate)) is BundleReason.INVALID_KEY  # noqa: B023


@pytest.mark.attack("A15")
@pytest.mark.parametrize(
    ("not_before", "not_after"),
    [(NOW, NOW), (NOW, NOW - 1), (NOW, 0), (NOW, NOW + 14 * DAY + 1), (0, U64_MAX), (U64_MAX, U64_MAX), (U64_MAX, 0)],
)
def test_an_empty_or_overlong_validity_is_refused_although_signed(not_before: int, not_after: int) -> None:
    encoded = published(not_before=u64(not_before), not_after=u64(not_after))
    assert rejection(lambda: parse(encoded)) is BundleReason.INVALID_VALIDITY


@pytest.mark.attack("A15")
@pytest.mark.parametrize(
    ("not_before", "lifetime"), [(0, 1), (NOW, 1), (NOW, 14 * DAY), (U64_MAX - 14 * DAY, 14 * DAY)]
)
def test_the_shortest_and_the_longest_validity_are_taken(not_before: int, lifetime: int) -> None:
    bundle = parse(published(not_before=u64(not_before), not_after=u64(not_before + lifetime)))
    assert bundle.not_after - bundle.not_before == lifetime


@pytest.mark.attack("A22")
def test_versions_are_refused_before_anything_else() -> None:
    others = [
        encode({**FIELDS, "version": bytes([version])})[:length] for version in (0, 2, 255) for length in (1, 1_831)
    ]
    assert refusals(parse, others) == {UnsupportedVersion}
    assert refusals(parse, [published(highest=b"\0")]) == {MalformedMessage}


@pytest.mark.attack("A28", "A97")
@pytest.mark.parametrize("address", [lp(b""), lp(bytes(129)), b"\xff\xff\xff\xff", b"\xff\xff\xff\xff" + BOB])
def test_an_address_of_another_length_is_refused_although_signed(address: bytes) -> None:
    assert refusals(parse, [published(address=address)]) == {MalformedMessage}


@pytest.mark.attack("A15")
@pytest.mark.parametrize("name", ["epoch", "not_before", "not_after"])
def test_a_bundle_without_its_times_or_epoch_is_none(name: str) -> None:
    assert refusals(parse, [published(**{name: b""})]) == {MalformedMessage}


@pytest.mark.attack("A16")
def test_no_field_of_another_bundle_fits() -> None:
    tablet = Device(address=b"bob/tablet")
    others = {
        "the same identity elsewhere": Device(OWNER.identity, address=b"bob/tablet"),
        "another device": tablet,
        "an older bundle": Device(OWNER.identity, epoch=0, now=NOW - 7 * DAY),
        "carol": Device(address=b"carol/phone"),
    }
    for device in others.values():
        other = bundle_fields(device.signed)
        replaced = [encode({**FIELDS, name: other[name]}) for name in FIELDS if other[name] != FIELDS[name]]
        assert refusals(parse, replaced) <= {BundleRejected, MalformedMessage}
        parse(device.signed)
    parse(GENUINE)


@pytest.mark.attack("A100")
def test_random_bytes_are_refused() -> None:
    assert refusals(parse, random_strings(10_000, lengths=[len(GENUINE)])) == {MalformedMessage, UnsupportedVersion}
    found = refusals(parse, random_strings(2_000, lengths=[len(GENUINE)], begin=GENUINE[:15]))
    assert found == {MalformedMessage, BundleRejected}


@pytest.mark.attack("A99")
def test_only_bytes_are_parsed() -> None:
    for odd in odd_buffers(GENUINE):
        with pytest.raises(UsageError, match="an encoded prekey must be bytes"):
            parse(odd)


# --- what is published --------------------------------------------------------------------------


@pytest.mark.attack("A18")
def test_what_others_would_refuse_is_not_created() -> None:
    keys = parse(GENUINE)
    times = {"not_before": NOW, "not_after": NOW + 14 * DAY + 1}
    for changed in (times, {"signed_prekey": bytes(32)}, {"last_resort_key": bytes(1_568)}):
        arguments: dict[str, object] = {
            "address": BOB,
            "epoch": 1,
            "not_before": NOW,
            "not_after": NOW + 1,
            "signed_prekey": keys.signed_prekey,
            "last_resort_key": keys.last_resort_key,
            **changed,
        }
        with pytest.raises(BundleRejected):
            SignedBundle.create(OWNER.identity, **arguments)  # type: ignore[arg-type]  # a table


def test_fresh_keys_are_always_accepted() -> None:
    for _ in range(20):
        prekey, kem_key = dh.public_key(dh.generate()), ML_KEM_1024.public_key(ML_KEM_1024.generate())
        parse(published(prekey=prekey, kem_key=kem_key))


# --- when it is good ----------------------------------------------------------------------------


@pytest.mark.attack("A15", "A106")
@pytest.mark.parametrize("now", [NOW - DAY, NOW - 1, NOW, NOW + 1, NOW + 14 * DAY])
def test_is_current_from_a_day_before_its_beginning_to_its_end(now: int) -> None:
    parse(GENUINE).require_current(now)


@pytest.mark.attack("A15", "A106")
@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (0, BundleReason.NOT_YET_VALID),
        (NOW - 366 * DAY, BundleReason.NOT_YET_VALID),
        (NOW - DAY - 1, BundleReason.NOT_YET_VALID),
        (NOW + 14 * DAY + 1, BundleReason.EXPIRED),
        (NOW + 366 * DAY, BundleReason.EXPIRED),
        (U64_MAX, BundleReason.EXPIRED),
    ],
)
def test_is_refused_outside_of_that(now: int, reason: BundleReason) -> None:
    assert rejection(lambda: parse(GENUINE).require_current(now)) is reason


@pytest.mark.attack("A15")
@pytest.mark.parametrize("lifetime", [1, DAY, 7 * DAY])
def test_a_shorter_life_ends_when_it_says(lifetime: int) -> None:
    bundle = parse(published(not_after=u64(NOW + lifetime)))
    bundle.require_current(NOW - DAY)
    bundle.require_current(NOW + lifetime)
    assert rejection(lambda: bundle.require_current(NOW + lifetime + 1)) is BundleReason.EXPIRED
    assert rejection(lambda: bundle.require_current(NOW - DAY - 1)) is BundleReason.NOT_YET_VALID


def test_repr_is_short() -> None:
    assert repr(parse(GENUINE)) == "<SignedBundle of epoch 1>"
