from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hostile import cut_or_extended, flips, odd_buffers, random_strings, refusals
from support.pair import ALICE, BOB

from ratchetlib import (
    Fingerprint,
    FingerprintMismatch,
    IdentityKey,
    IdentityKeyPair,
    MalformedMessage,
    UnsupportedVersion,
    UsageError,
)
from ratchetlib.identity import fingerprint as module
from ratchetlib.keys import DhPrivateKey, SigningSeed
from ratchetlib.limits import FINGERPRINT_ITERATIONS

A = IdentityKeyPair(SigningSeed(bytes(range(32))), DhPrivateKey(bytes(range(32, 64)))).public
B = IdentityKeyPair(SigningSeed(bytes(range(64, 96))), DhPrivateKey(bytes(range(96, 128)))).public


@pytest.fixture(scope="module")
def ours() -> Fingerprint:
    return Fingerprint.between(A, ALICE, B, BOB)


@pytest.fixture(scope="module")
def theirs() -> Fingerprint:
    return Fingerprint.between(B, BOB, A, ALICE)


def half_as_specified(identity: IdentityKey, address: bytes) -> bytes:
    """The construction with nothing but hashlib."""
    label = b"ratchetlib/1 fingerprint"
    start = len(label).to_bytes(4, "big") + label
    keys = identity.to_bytes()[:64]
    digest = hashlib.sha512(start + b"\x01" + len(address).to_bytes(4, "big") + address + keys).digest()
    for _ in range(5_199):
        digest = hashlib.sha512(start + digest + keys).digest()
    return digest[:32]


def digits_as_specified(half: bytes) -> str:
    return " ".join(f"{int(half[at : at + 5].hex(), 16) % 100_000:05}" for at in range(0, 30, 5))


def test_is_what_the_specification_says(ours: Fingerprint) -> None:
    halves = half_as_specified(A, ALICE), half_as_specified(B, BOB)
    assert (ours.ours, ours.theirs) == halves
    assert ours.digits == " ".join(sorted(map(digits_as_specified, halves)))
    assert FINGERPRINT_ITERATIONS == 5_200


def test_the_digits_are_12_groups_of_5(ours: Fingerprint) -> None:
    assert re.fullmatch(r"(\d{5} ){11}\d{5}", ours.digits)
    assert str(ours) == ours.digits


def test_small_groups_keep_their_zeros() -> None:
    halves = bytes(32), b"\0\0\0\0\x07" * 6 + b"\xff\xff"
    assert Fingerprint(*halves).digits == " ".join(["00000"] * 6 + ["00007"] * 6)


@pytest.mark.attack("A27")
def test_both_sides_read_the_same_digits(ours: Fingerprint, theirs: Fingerprint) -> None:
    assert ours.digits == theirs.digits
    assert (ours.ours, ours.theirs) == (theirs.theirs, theirs.ours)


@pytest.mark.attack("A27", "A3", "A4", "A28")
def test_every_input_changes_it(monkeypatch: pytest.MonkeyPatch, ours: Fingerprint) -> None:
    others = [
        IdentityKey(bytes([B.signing[0] ^ 1]) + B.signing[1:], B.agreement, B.signature),  # type: ignore[arg-type]
        IdentityKey(B.signing[:31] + bytes([B.signing[31] ^ 0x80]), B.agreement, B.signature),  # type: ignore[arg-type]
        IdentityKey(B.signing, B.agreement[:31] + bytes([B.agreement[31] ^ 1]), B.signature),  # type: ignore[arg-type]
        IdentityKey(B.agreement, B.signing, B.signature),  # type: ignore[arg-type]
    ]
    changed = [Fingerprint.between(A, ALICE, other, BOB) for other in others]
    changed += [Fingerprint.between(A, ALICE, B, address) for address in (b"bob/phonf", b"bob/phone\0", b"bob/phon")]
    with monkeypatch.context() as patch:
        patch.setattr(module, "FINGERPRINT_VERSION", 2)
        changed.append(Fingerprint.between(A, ALICE, B, BOB))
    assert len({found.digits for found in [ours, *changed]}) == 1 + len(changed)
    assert len({found.theirs for found in [ours, *changed]}) == 1 + len(changed)


@pytest.mark.attack("A27")
def test_swapped_addresses_are_another_pair(ours: Fingerprint) -> None:
    assert Fingerprint.between(A, BOB, B, ALICE).digits != ours.digits


def test_each_side_scans_the_other(ours: Fingerprint, theirs: Fingerprint) -> None:
    ours.verify(theirs.to_bytes())
    theirs.verify(ours.to_bytes())
    assert ours.to_bytes() == b"\x01" + ours.ours + ours.theirs


@pytest.mark.attack("A27")
def test_our_own_code_shown_back_is_refused(ours: Fingerprint) -> None:
    with pytest.raises(FingerprintMismatch):
        ours.verify(ours.to_bytes())


@pytest.mark.attack("A27")
def test_every_bit_of_a_scanned_code_counts(ours: Fingerprint, theirs: Fingerprint) -> None:
    genuine = theirs.to_bytes()
    assert refusals(ours.verify, flips(genuine, [0])) == {UnsupportedVersion}
    assert refusals(ours.verify, flips(genuine, range(1, 65))) == {FingerprintMismatch}
    assert refusals(ours.verify, cut_or_extended(genuine)) == {MalformedMessage}
    ours.verify(genuine)


@pytest.mark.attack("A100")
def test_random_bytes_are_refused(ours: Fingerprint) -> None:
    expected = {MalformedMessage, UnsupportedVersion, FingerprintMismatch}
    assert refusals(ours.verify, random_strings(10_000, lengths=[65])) == expected


@pytest.mark.attack("A99")
def test_only_bytes_are_scanned(ours: Fingerprint, theirs: Fingerprint) -> None:
    for odd in odd_buffers(theirs.to_bytes()):
        with pytest.raises(UsageError, match="a scannable fingerprint must be bytes"):
            ours.verify(odd)


@pytest.mark.attack("A28", "A99")
def test_addresses_are_addresses() -> None:
    for odd in [*odd_buffers(BOB), b"", bytes(129)]:
        with pytest.raises(UsageError):
            Fingerprint.between(A, odd, B, BOB)
        with pytest.raises(UsageError):
            Fingerprint.between(A, ALICE, B, odd)


def test_identities_are_identity_keys() -> None:
    pair = IdentityKeyPair.generate()
    others: list[Any] = [pair, pair.public.to_bytes(), None]
    for odd in others:
        with pytest.raises(UsageError, match="a fingerprint is of two IdentityKey, not "):
            Fingerprint.between(odd, ALICE, B, BOB)


@settings(max_examples=20)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_any_two_halves_make_a_code_that_the_other_side_takes(one: bytes, other: bytes) -> None:
    Fingerprint(one, other).verify(Fingerprint(other, one).to_bytes())
    assert Fingerprint(one, other).digits == Fingerprint(other, one).digits
