from __future__ import annotations

import contextlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from support import edwards25519 as edwards
from support.hostile import LyingBytes, cut_or_extended, flip, flips, odd_buffers

from ratchetlib.errors import InvalidKey
from ratchetlib.keys import SigningPublicKey, SigningSeed
from ratchetlib.primitives import signature
from ratchetlib.wire import lp

SEED = SigningSeed(bytes(range(32)))
PUBLIC = signature.public_key(SEED)
LABEL, DATA = b"label", b"data"
SIGNED = signature.sign(SEED, LABEL, DATA)

seeds = st.binary(min_size=32, max_size=32)


def mixed_order(torsion: int) -> bytes:
    return edwards.encode(edwards.add(edwards.multiply(1234567, edwards.BASE), edwards.TORSION[torsion]))


# --- keys ---------------------------------------------------------------------------------------


def test_generated_keys_differ() -> None:
    assert type(signature.generate()) is SigningSeed
    assert signature.generate().raw != signature.generate().raw


@given(seed=seeds)
def test_the_public_key_is_openssls_and_passes_the_check(seed: bytes) -> None:
    public = signature.public_key(SigningSeed(seed))
    assert public == Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert signature.parse_public_key(public) is public


@pytest.mark.attack("A6", "A9")
@pytest.mark.usefixtures("no_call_into_c")
@pytest.mark.parametrize("length", [n for n in range(97) if n != 32])
def test_a_key_of_another_length_never_reaches_c(length: int) -> None:
    with pytest.raises(InvalidKey, match="an Ed25519 public key is 32 bytes"):
        signature.parse_public_key((PUBLIC * 3)[:length])


@pytest.mark.attack("A9", "A99")
@pytest.mark.usefixtures("no_call_into_c")
@pytest.mark.parametrize("value", odd_buffers(PUBLIC), ids=lambda value: type(value).__name__)
def test_a_key_of_another_type_never_reaches_c(value: bytes) -> None:
    with pytest.raises(InvalidKey, match="an Ed25519 public key is 32 bytes"):
        signature.parse_public_key(value)


@pytest.mark.attack("A6")
@pytest.mark.parametrize("encoded", edwards.SMALL_ORDER, ids=bytes.hex)
def test_a_key_of_small_order_is_refused(encoded: bytes) -> None:
    with pytest.raises(InvalidKey, match="prime-order subgroup"):
        signature.parse_public_key(encoded)


@pytest.mark.attack("A6")
@pytest.mark.parametrize("torsion", range(1, 8))
def test_a_key_of_mixed_order_is_refused(torsion: int) -> None:
    """Number 4, of order 2, is what CVE-2025-69277 let through."""
    with pytest.raises(InvalidKey, match="prime-order subgroup"):
        signature.parse_public_key(mixed_order(torsion))


@pytest.mark.attack("A6")
@pytest.mark.parametrize("y", range(2, 19))
@pytest.mark.parametrize("sign", [0, 1])
def test_a_non_canonical_key_is_refused(y: int, sign: int) -> None:
    with pytest.raises(InvalidKey, match="prime-order subgroup"):
        signature.parse_public_key(edwards.with_sign(edwards.FIELD_PRIME + y, sign))


@pytest.mark.attack("A6")
def test_what_is_no_point_is_refused() -> None:
    outside = [y for y in range(2, 50) if edwards.point_of(y) is None]
    assert outside
    for y in outside:
        with pytest.raises(InvalidKey):
            signature.parse_public_key(edwards.with_sign(y, 0))


@given(encoded=seeds)
def test_any_32_bytes_pass_unchanged_or_are_refused(encoded: bytes) -> None:
    parsed = None
    with contextlib.suppress(InvalidKey):
        parsed = signature.parse_public_key(encoded)
    assert parsed in (None, encoded)


@pytest.mark.attack("A101")
@pytest.mark.parametrize("encoded", [b"", edwards.encode(edwards.IDENTITY)])
def test_the_refusals_have_no_context(encoded: bytes) -> None:
    with pytest.raises(InvalidKey) as caught:
        signature.parse_public_key(encoded)
    assert caught.value.__context__ is None


# --- signing ------------------------------------------------------------------------------------


@pytest.mark.attack("A5")
@given(seed=seeds, label=st.binary(max_size=40), data=st.binary())
def test_what_is_signed_is_the_labelled_data(seed: bytes, label: bytes, data: bytes) -> None:
    signed = signature.sign(SigningSeed(seed), label, data)
    assert signed == Ed25519PrivateKey.from_private_bytes(seed).sign(lp(label) + data)
    assert signature.verifies(signature.public_key(SigningSeed(seed)), label, data, signed)


@pytest.mark.attack("A5")
@pytest.mark.parametrize(("label", "data"), [(b"labe", b"ldata"), (b"labeld", b"ata"), (b"", lp(LABEL) + DATA)])
def test_a_byte_does_not_move_between_label_and_data(label: bytes, data: bytes) -> None:
    assert not signature.verifies(PUBLIC, label, data, SIGNED)


def test_signing_is_deterministic() -> None:
    assert signature.sign(SEED, LABEL, DATA) == SIGNED


# --- verifying ----------------------------------------------------------------------------------


def test_every_bit_counts() -> None:
    assert signature.verifies(PUBLIC, LABEL, DATA, SIGNED)
    assert not any(signature.verifies(PUBLIC, LABEL, DATA, damaged) for damaged in flips(SIGNED))
    assert not any(signature.verifies(PUBLIC, LABEL, damaged, SIGNED) for damaged in flips(DATA))
    assert not any(signature.verifies(PUBLIC, damaged, DATA, SIGNED) for damaged in flips(LABEL))
    assert not any(signature.verifies(SigningPublicKey(damaged), LABEL, DATA, SIGNED) for damaged in flips(PUBLIC))


@pytest.mark.attack("A4")
def test_the_sign_bit_of_the_key_counts() -> None:
    """A and -A have one u: a conversion to X25519 would take both for one key."""
    negative = flip(PUBLIC, 255)
    assert signature.parse_public_key(negative)
    assert not signature.verifies(SigningPublicKey(negative), LABEL, DATA, SIGNED)


@pytest.mark.attack("A9")
@pytest.mark.usefixtures("no_call_into_c")
def test_a_key_or_signature_of_another_length_is_not_verified_at_all() -> None:
    for damaged in cut_or_extended(SIGNED):
        assert not signature.verifies(PUBLIC, LABEL, DATA, damaged)
    for damaged in cut_or_extended(PUBLIC):
        assert not signature.verifies(SigningPublicKey(damaged), LABEL, DATA, SIGNED)


@pytest.mark.attack("A9", "A99", "A100")
@pytest.mark.usefixtures("no_call_into_c")
@pytest.mark.parametrize("value", [*odd_buffers(PUBLIC), LyingBytes(b"short")], ids=lambda value: type(value).__name__)
def test_with_a_key_of_another_type_nothing_reaches_c(value: SigningPublicKey) -> None:
    """A subclass that claims 32 bytes would be read beyond its end."""
    assert not signature.verifies(value, LABEL, DATA, SIGNED)


@pytest.mark.attack("A6")
@pytest.mark.parametrize("encoded", edwards.SMALL_ORDER, ids=bytes.hex)
def test_no_forgery_under_a_key_of_small_order(encoded: bytes) -> None:
    """Even where the key was not checked. OpenSSL takes one under each of them."""
    public = SigningPublicKey(encoded)
    for commitment in edwards.SMALL_ORDER:
        forged = edwards.join(commitment, 0)
        assert not any(signature.verifies(public, LABEL, bytes([n]), forged) for n in range(32))


@pytest.mark.attack("A6")
def test_a_larger_s_does_not_verify() -> None:
    assert not signature.verifies(PUBLIC, LABEL, DATA, edwards.plus_group_order(SIGNED))


@given(public=st.binary(max_size=40), signed=st.binary(max_size=70), data=st.binary())
@pytest.mark.attack("A100")
def test_nothing_escapes(public: bytes, signed: bytes, data: bytes) -> None:
    assert not signature.verifies(SigningPublicKey(public), LABEL, data, signed)
