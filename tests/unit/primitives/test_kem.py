from __future__ import annotations

import hashlib
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import mlkem
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hostile import odd_buffers

from ratchetlib.errors import InvalidKey, MalformedMessage, UsageError
from ratchetlib.keys import KemPublicKey, KemSecret, KemSeed
from ratchetlib.primitives import dh
from ratchetlib.primitives.kem import ML_KEM_768, ML_KEM_1024, Kem

MODULUS = 3329
SEED = KemSeed(bytes(range(64)))

both = pytest.mark.parametrize("kem", [ML_KEM_768, ML_KEM_1024], ids=lambda kem: kem.name)


def with_coefficient(encoded: bytes, position: int, value: int) -> bytes:
    """The key with one coefficient, 12 bits little-endian (FIPS 203, section 4.2.1), replaced."""
    number = int.from_bytes(encoded, "little")
    mask = 0xFFF << 12 * position
    return ((number & ~mask) | value << 12 * position).to_bytes(len(encoded), "little")


def coefficients(kem: Kem) -> range:
    return range((kem.public_key_length - 32) * 8 // 12)


# --- keys ---------------------------------------------------------------------------------------


def test_the_parameters_are_those_of_fips_203() -> None:
    assert (ML_KEM_768.name, ML_KEM_768.public_key_length, ML_KEM_768.ciphertext_length) == ("ML-KEM-768", 1184, 1088)
    assert (ML_KEM_1024.name, ML_KEM_1024.public_key_length, ML_KEM_1024.ciphertext_length) == (
        "ML-KEM-1024",
        1568,
        1568,
    )


@both
def test_generated_seeds_differ(kem: Kem) -> None:
    assert type(kem.generate()) is KemSeed
    assert kem.generate().raw != kem.generate().raw


@pytest.mark.parametrize(
    ("kem", "library"),
    [(ML_KEM_768, mlkem.MLKEM768PrivateKey), (ML_KEM_1024, mlkem.MLKEM1024PrivateKey)],
    ids=["768", "1024"],
)
@settings(max_examples=25)
@given(seed=st.binary(min_size=64, max_size=64))
def test_the_public_key_passes_the_check_and_both_sides_share_a_secret(
    kem: Kem, library: type[mlkem.MLKEM768PrivateKey], seed: bytes
) -> None:
    public = kem.public_key(KemSeed(seed))
    assert kem.parse_public_key(public) is public
    assert public == library.from_seed_bytes(seed).public_key().public_bytes_raw()
    secret, ciphertext = kem.encapsulate(public)
    assert (type(secret), len(ciphertext)) == (KemSecret, kem.ciphertext_length)
    assert kem.decapsulate(KemSeed(seed), ciphertext).raw == secret.raw
    assert library.from_seed_bytes(seed).decapsulate(ciphertext) == secret.raw


@both
def test_two_encapsulations_differ(kem: Kem) -> None:
    public = kem.public_key(SEED)
    (one, first), (other, second) = kem.encapsulate(public), kem.encapsulate(public)
    assert one.raw != other.raw
    assert first != second


@pytest.mark.attack("A20")
@pytest.mark.parametrize("length", [0, 32, 63, 65, 1632, 2400, 3168])
def test_an_expanded_private_key_is_no_seed(length: int) -> None:
    with pytest.raises(UsageError, match="a KemSeed is 64 bytes"):
        KemSeed(bytes(length))


# --- the check ----------------------------------------------------------------------------------


@both
@pytest.mark.attack("A9", "A99")
def test_another_type_is_refused_before_the_library_sees_it(kem: Kem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kem, "_loads", lambda *_: pytest.fail("reached the library"))
    for value in odd_buffers(kem.public_key(SEED)):
        with pytest.raises(InvalidKey, match=f"an {kem.name} encapsulation key is {kem.public_key_length} bytes"):
            kem.parse_public_key(value)


@both
@pytest.mark.attack("A9", "A19")
def test_another_length_is_refused_before_the_library_sees_it(kem: Kem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kem, "_loads", lambda *_: pytest.fail("reached the library"))
    right = kem.public_key_length
    lengths = {*range(97), *range(right - 40, right + 40), 1088, 1184, 1568, 2 * right} - {right}
    for length in lengths:
        with pytest.raises(InvalidKey, match=f"is {right} bytes"):
            kem.parse_public_key(bytes(length))


@both
@pytest.mark.parametrize("value", [MODULUS, 0xFFF])
def test_an_unreduced_coefficient_is_refused_wherever_it_stands(kem: Kem, value: int) -> None:
    public = kem.public_key(SEED)
    for position in coefficients(kem):
        with pytest.raises(InvalidKey, match=f"an {kem.name} encapsulation key must be reduced") as caught:
            kem.parse_public_key(with_coefficient(public, position, value))
        assert caught.value.__context__ is None


@both
def test_the_largest_reduced_coefficient_passes(kem: Kem) -> None:
    public = kem.public_key(SEED)
    for position in coefficients(kem)[::97]:
        assert kem.parse_public_key(with_coefficient(public, position, MODULUS - 1))


@both
@pytest.mark.attack("A18")
@pytest.mark.parametrize("rho", [bytes(32), b"\xff" * 32, bytes(range(32))])
def test_a_zero_key_is_refused(kem: Kem, rho: bytes) -> None:
    with pytest.raises(InvalidKey, match=f"an {kem.name} encapsulation key must not be zero"):
        kem.parse_public_key(bytes(kem.public_key_length - 32) + rho)


@both
def test_a_key_with_one_coefficient_is_not_zero(kem: Kem) -> None:
    zero = bytes(kem.public_key_length)
    for position in (0, coefficients(kem)[-1]):
        assert kem.parse_public_key(with_coefficient(zero, position, 1))


@both
@pytest.mark.attack("A18")
def test_why_a_zero_key_is_refused(kem: Kem) -> None:
    """Under t = 0 the ciphertext holds the message in clear, and whoever sees it computes the secret."""
    bits = {ML_KEM_768: 4, ML_KEM_1024: 5}[kem]
    zero = KemPublicKey(bytes(kem.public_key_length))
    secret, ciphertext = kem.encapsulate(zero)
    packed = int.from_bytes(ciphertext[-32 * bits :], "little")
    values = [packed >> bits * n & (1 << bits) - 1 for n in range(256)]
    quarter = 1 << bits - 2
    message = sum((quarter <= value < 3 * quarter) << n for n, value in enumerate(values)).to_bytes(32, "little")
    seen = hashlib.sha3_512(message + hashlib.sha3_256(zero).digest()).digest()[:32]
    assert seen == secret.raw


@both
@pytest.mark.attack("A19")
def test_no_other_role_parses_as_a_key(kem: Kem) -> None:
    others = [ML_KEM_768.public_key(SEED), ML_KEM_1024.public_key(SEED), dh.public_key(dh.generate())]
    others += [other.encapsulate(other.public_key(SEED))[1] for other in (ML_KEM_768, ML_KEM_1024)]
    others.remove(kem.public_key(SEED))
    for other in others:
        with pytest.raises(InvalidKey):
            kem.parse_public_key(other)


@both
@pytest.mark.attack("A100")
def test_random_bytes_of_the_right_length_are_refused(kem: Kem) -> None:
    """A random coefficient is reduced four times in five, all of them never."""
    for _ in range(50):
        with pytest.raises(InvalidKey):
            kem.parse_public_key(os.urandom(kem.public_key_length))


# --- decapsulation ------------------------------------------------------------------------------


@both
@pytest.mark.attack("A9", "A19", "A100")
def test_a_ciphertext_of_another_length_is_malformed(kem: Kem) -> None:
    right = kem.ciphertext_length
    for length in {*range(97), *range(right - 40, right + 40), 1088, 1184, 1568} - {right}:
        text = f"an {kem.name} ciphertext is {right} bytes, not {length}"
        with pytest.raises(MalformedMessage, match=text) as caught:
            kem.decapsulate(SEED, bytes(length))
        assert caught.value.__context__ is None


@both
@settings(max_examples=25)
@given(begin=st.binary(max_size=64))
def test_another_ciphertext_yields_the_implicit_rejection_and_no_error(kem: Kem, begin: bytes) -> None:
    """SHAKE-256(z || c): FIPS 203, algorithm 18."""
    ciphertext = begin.ljust(kem.ciphertext_length, b"\x01")
    expected = hashlib.shake_256(SEED.raw[32:] + ciphertext).digest(32)
    assert kem.decapsulate(SEED, ciphertext).raw == expected


@both
def test_a_damaged_ciphertext_yields_an_unrelated_secret(kem: Kem) -> None:
    secret, ciphertext = kem.encapsulate(kem.public_key(SEED))
    damaged = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
    assert kem.decapsulate(SEED, damaged).raw != secret.raw
    assert kem.decapsulate(SEED, damaged).raw == kem.decapsulate(SEED, damaged).raw


@both
def test_another_seed_yields_an_unrelated_secret(kem: Kem) -> None:
    secret, ciphertext = kem.encapsulate(kem.public_key(SEED))
    assert kem.decapsulate(KemSeed(bytes(64)), ciphertext).raw != secret.raw
