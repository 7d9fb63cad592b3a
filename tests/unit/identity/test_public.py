from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.edwards25519 import (
    BASE,
    GROUP_ORDER,
    SMALL_ORDER,
    TORSION,
    add,
    challenge,
    encode,
    join,
    multiply,
    plus_group_order,
)
from support.hostile import cut_or_extended, flips, odd_buffers, random_strings, refusals

from ratchetlib import IdentityKey, IdentityKeyPair, InvalidKey, MalformedMessage, UsageError
from ratchetlib.identity import authenticated_identity, sign_as
from ratchetlib.keys import DhPrivateKey, SigningPublicKey, SigningSeed
from ratchetlib.labels import SIGN_BUNDLE, SIGN_IDENTITY
from ratchetlib.primitives import signature
from ratchetlib.wire import lp

ALICE, BOB = IdentityKeyPair.generate(), IdentityKeyPair.generate()
GENUINE = BOB.public.to_bytes()
P = 2**255 - 19

# Agreement keys that no honest device has: small order, not canonical, with the top bit.
BAD_AGREEMENT = [
    value.to_bytes(32, "little")
    for value in (
        *(0, 1, P - 1, P, P + 1, 2**255 - 1, 2**255, 2**256 - 1),
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
]

# Whatever clamps to the all-zero scalar is refused as a key.
seeds = st.binary(min_size=32, max_size=32).filter(lambda raw: any(raw[1:31]))


def joined(owner: IdentityKeyPair, agreement: bytes) -> bytes:
    """An identity whose signature is genuine, over whatever agreement key."""
    return owner.public.signing + agreement + sign_as(owner, SIGN_IDENTITY, agreement)


@given(seeds, seeds)
def test_what_is_encoded_is_parsed(signing: bytes, agreement: bytes) -> None:
    public = IdentityKeyPair(SigningSeed(signing), DhPrivateKey(agreement)).public
    encoded = public.to_bytes()
    assert len(encoded) == 128
    assert IdentityKey.from_bytes(encoded) == public == authenticated_identity(encoded)
    assert IdentityKey.from_bytes(encoded).to_bytes() == authenticated_identity(encoded).to_bytes() == encoded


@given(st.integers(0, 127), st.integers(0, 255))
def test_whatever_parses_is_the_one_encoding(position: int, byte: int) -> None:
    candidate = GENUINE[:position] + bytes([byte]) + GENUINE[position + 1 :]
    try:
        parsed = IdentityKey.from_bytes(candidate)
    except InvalidKey:
        assert candidate != GENUINE
    else:
        assert parsed.to_bytes() == candidate == GENUINE


@pytest.mark.attack("A3", "A4", "A2")
def test_every_bit_counts() -> None:
    assert refusals(IdentityKey.from_bytes, flips(GENUINE)) == {InvalidKey}
    IdentityKey.from_bytes(GENUINE)


@pytest.mark.attack("A2")
def test_every_length_but_its_own_is_refused() -> None:
    assert refusals(IdentityKey.from_bytes, cut_or_extended(GENUINE)) == {MalformedMessage}
    IdentityKey.from_bytes(GENUINE)


@pytest.mark.attack("A3")
def test_the_halves_of_two_identities_do_not_join() -> None:
    one, other = ALICE.public.to_bytes(), GENUINE
    parts = [(one[:32], other[:32]), (one[32:64], other[32:64]), (one[64:], other[64:])]
    mixed = [b"".join(pair[choice >> at & 1] for at, pair in enumerate(parts)) for choice in range(1, 7)]
    swapped = [GENUINE[32:64] + GENUINE[:32] + GENUINE[64:], GENUINE[:32] * 2 + GENUINE[64:]]
    assert refusals(IdentityKey.from_bytes, mixed + swapped) == {InvalidKey}


@pytest.mark.attack("A3", "A5")
def test_the_signature_is_made_for_this_purpose_only() -> None:
    other_label = sign_as(BOB, SIGN_BUNDLE, BOB.public.agreement)
    no_signature = [
        GENUINE[:64] + other_label,
        GENUINE[:64] + bytes(64),
        joined(ALICE, BOB.public.agreement)[:64] + GENUINE[64:],
    ]
    assert refusals(IdentityKey.from_bytes, no_signature) == {InvalidKey}


@pytest.mark.attack("A6")
@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_a_signing_key_of_small_order_is_refused(point: bytes) -> None:
    # Under these R = the identity or A, S = 0 is a signature of anything for verifiers that do not look.
    forged = [point + BOB.public.agreement + r + bytes(32) for r in (*SMALL_ORDER, BOB.public.signing)]
    assert refusals(IdentityKey.from_bytes, forged) == {InvalidKey}


@pytest.mark.attack("A4")
def test_the_sign_bit_is_part_of_the_signing_key() -> None:
    negated = GENUINE[:31] + bytes([GENUINE[31] ^ 0x80]) + GENUINE[32:]
    assert refusals(IdentityKey.from_bytes, [negated]) == {InvalidKey}


@pytest.mark.attack("A7")
@pytest.mark.parametrize("agreement", BAD_AGREEMENT, ids=bytes.hex)
def test_a_bad_agreement_key_is_refused_although_signed(agreement: bytes) -> None:
    assert refusals(IdentityKey.from_bytes, [joined(ALICE, agreement)]) == {InvalidKey}


@pytest.mark.attack("A6")
def test_a_signature_has_one_form() -> None:
    assert refusals(IdentityKey.from_bytes, [GENUINE[:64] + plus_group_order(GENUINE[64:])]) == {InvalidKey}


@pytest.mark.attack("A6")
def test_a_signing_key_with_a_part_of_small_order_is_refused_although_its_signature_verifies() -> None:
    """Such a key has twins that differ by that part, and verifiers disagree on what it signed."""
    private, agreement = 5**100 % GROUP_ORDER, BOB.public.agreement
    mixed = encode(add(multiply(private, BASE), TORSION[1]))
    # Where the challenge is a multiple of 8, the part of small order falls out of the verifier's equation.
    for nonce in range(1, 200):
        commitment = encode(multiply(nonce, BASE))
        factor = challenge(commitment, mixed, lp(SIGN_IDENTITY) + agreement)
        if factor % 8 == 0:
            break
    signed = join(commitment, (nonce + factor * private) % GROUP_ORDER)
    assert signature.verifies(SigningPublicKey(mixed), SIGN_IDENTITY, agreement, signed)
    assert refusals(IdentityKey.from_bytes, [mixed + agreement + signed]) == {InvalidKey}


@pytest.mark.attack("A100")
def test_random_bytes_are_refused() -> None:
    found = refusals(IdentityKey.from_bytes, random_strings(10_000, lengths=[127, 128, 128, 128, 129]))
    assert found == {InvalidKey, MalformedMessage}
    found = refusals(IdentityKey.from_bytes, random_strings(2_000, lengths=[128], begin=GENUINE[:64]))
    assert found == {InvalidKey, MalformedMessage}


@pytest.mark.attack("A99")
def test_only_bytes_are_parsed() -> None:
    for odd in odd_buffers(GENUINE):
        with pytest.raises(UsageError, match="an identity must be bytes"):
            IdentityKey.from_bytes(odd)


def test_sharing_a_key() -> None:
    half = IdentityKey(BOB.public.signing, ALICE.public.agreement, BOB.public.signature)
    other_half = IdentityKey(ALICE.public.signing, BOB.public.agreement, BOB.public.signature)
    assert BOB.public.shares_a_key_with(BOB.public)
    assert BOB.public.shares_a_key_with(half)
    assert BOB.public.shares_a_key_with(other_half)
    assert not BOB.public.shares_a_key_with(ALICE.public)


@pytest.mark.attack("A3")
def test_identities_are_equal_if_both_their_keys_are() -> None:
    assert IdentityKey.from_bytes(GENUINE) == BOB.public
    assert len({BOB.public, IdentityKey.from_bytes(GENUINE), ALICE.public}) == 2
    assert IdentityKey(BOB.public.signing, ALICE.public.agreement, BOB.public.signature) != BOB.public
    assert IdentityKey(ALICE.public.signing, BOB.public.agreement, BOB.public.signature) != BOB.public
    # An owner can sign its own key in more ways than one, and stays who it is.
    assert IdentityKey(BOB.public.signing, BOB.public.agreement, bytes(64)) == BOB.public


def test_repr_is_short() -> None:
    assert repr(BOB.public) == f"<IdentityKey {GENUINE[:4].hex()}…>"
