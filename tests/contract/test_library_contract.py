"""How PyNaCl and cryptography behave, case by case, where the library relies on it or works around it.

Nothing of ratchetlib is under test here. A dependency that changes one of these answers turns the suite red, so that
the change is read before it is shipped. Some of the answers are bad ones: they say why a check of ours exists.
"""

from __future__ import annotations

import builtins
import copy
import hashlib
import hmac
import os
import pickle
import re
import tomllib
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import nacl.bindings as sodium
import nacl.exceptions
import nacl.public
import nacl.signing
import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import hmac as openssl_hmac
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from support import edwards25519 as edwards
from support.salamander import salamander

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = bytes(range(32))
NONCE = bytes(12)
FIELD_PRIME = edwards.FIELD_PRIME
SHA512 = hashes.SHA512()


class Kem(NamedTuple):
    """One parameter set of ML-KEM, as cryptography offers it."""

    private: Any
    public: Any
    key_length: int
    ciphertext_length: int


kems = pytest.mark.parametrize(
    "kem",
    [
        Kem(mlkem.MLKEM768PrivateKey, mlkem.MLKEM768PublicKey, 1184, 1088),
        Kem(mlkem.MLKEM1024PrivateKey, mlkem.MLKEM1024PublicKey, 1568, 1568),
    ],
    ids=["768", "1024"],
)


def u_bytes(u: int) -> bytes:
    return u.to_bytes(32, "little")


def openssl_agree(private: bytes, public: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))


def sodium_accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        sodium.crypto_sign_open(signature + message, public)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def openssl_accepts(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# --- versions -----------------------------------------------------------------------------------


def pyproject() -> Any:
    return tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


@pytest.mark.attack("A125")
def test_the_runtime_dependencies_are_these_two_and_no_others() -> None:
    assert {re.split(r"[^A-Za-z0-9-]", line)[0] for line in pyproject()["dependencies"]} == {"PyNaCl", "cryptography"}


@pytest.mark.attack("A125", "A127")
@pytest.mark.parametrize(("name", "floor"), [("PyNaCl", "1.6.2"), ("cryptography", "50")])
def test_the_floors_are_declared_and_installed(name: str, floor: str) -> None:
    """Below PyNaCl 1.6.2 libsodium's point check is wrong (CVE-2025-69277)."""
    (declared,) = (line for line in pyproject()["dependencies"] if line.startswith(name))
    assert numbers(declared.partition(">=")[2]) >= numbers(floor)
    assert numbers(version(name)) >= numbers(floor)


# --- X25519 -------------------------------------------------------------------------------------


U_OF_ORDER_8 = {
    (1 + y) * pow(1 - y, -1, FIELD_PRIME) % FIELD_PRIME for _, y in edwards.TORSION if y not in (0, 1, FIELD_PRIME - 1)
}
ALL_ZERO = [0, 1, FIELD_PRIME - 1, FIELD_PRIME, FIELD_PRIME + 1, *sorted(U_OF_ORDER_8)]


@pytest.mark.attack("A7")
@pytest.mark.parametrize("u", ALL_ZERO)
@pytest.mark.parametrize("top_bit", [0, 1 << 255])
def test_x25519_with_an_all_zero_result_raises(u: int, top_bit: int) -> None:
    public = u_bytes(u | top_bit)
    with pytest.raises(nacl.exceptions.RuntimeError):
        sodium.crypto_scalarmult(KEY, public)
    with pytest.raises(nacl.exceptions.RuntimeError):
        sodium.crypto_box_beforenm(public, KEY)
    with pytest.raises(ValueError, match=r"^Error computing shared key\.$"):
        openssl_agree(KEY, public)


@pytest.mark.attack("A10")
@pytest.mark.parametrize("u", [2, 9, 18])
def test_x25519_takes_the_aliases_of_a_key(u: int) -> None:
    """Hence our check of u < p."""
    expected = sodium.crypto_scalarmult(KEY, u_bytes(u))
    for alias in (u + FIELD_PRIME, u | 1 << 255):
        assert sodium.crypto_scalarmult(KEY, u_bytes(alias)) == expected
        assert openssl_agree(KEY, u_bytes(alias)) == expected


@pytest.mark.attack("A10")
def test_x25519_takes_1_over_u_for_u() -> None:
    """The point plus the one of order 2: not told by any check of the encoding. The transcript tells it."""
    public = sodium.crypto_scalarmult_base(os.urandom(32))
    tweaked = u_bytes(pow(int.from_bytes(public, "little"), -1, FIELD_PRIME))
    assert sodium.crypto_scalarmult(KEY, tweaked) == sodium.crypto_scalarmult(KEY, public)
    assert openssl_agree(KEY, tweaked) == openssl_agree(KEY, public)


def test_x25519_takes_points_of_the_twist() -> None:
    """Such as u = 2: u^3 + 486662 u^2 + u is no square."""
    assert pow(8 + 4 * 486662 + 2, (FIELD_PRIME - 1) // 2, FIELD_PRIME) == FIELD_PRIME - 1
    assert sodium.crypto_scalarmult(KEY, u_bytes(2)) == openssl_agree(KEY, u_bytes(2))


@pytest.mark.attack("A9")
def test_libsodiums_x25519_does_not_check_the_length() -> None:
    """Longer keys are cut. A byte less is read beyond the end, and finds the zero behind every `bytes` object."""
    short = KEY[1:16] + b"\x07" * 16
    for length in (33, 64):
        assert sodium.crypto_scalarmult(KEY, KEY + bytes(length - 32)) == sodium.crypto_scalarmult(KEY, KEY)
        assert sodium.crypto_scalarmult_base(KEY + bytes(length - 32)) == sodium.crypto_scalarmult_base(KEY)
    assert sodium.crypto_scalarmult(KEY, short) == sodium.crypto_scalarmult(KEY, short + b"\0")
    assert sodium.crypto_scalarmult_base(short) == sodium.crypto_scalarmult_base(short + b"\0")


@pytest.mark.attack("A9")
@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_whatever_else_could_be_called_checks_the_length(length: int) -> None:
    calls: list[Callable[[bytes], object]] = [
        X25519PublicKey.from_public_bytes,
        X25519PrivateKey.from_private_bytes,
        nacl.public.PublicKey,
        nacl.public.PrivateKey,
        sodium.crypto_sign_seed_keypair,
        lambda raw: sodium.crypto_box_beforenm(raw, KEY),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError), match=r"32|Invalid"):
            call(bytes(length))


# --- Ed25519 ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def signed() -> tuple[bytes, bytes]:
    """A public key and its signature of b"message"."""
    public, private = sodium.crypto_sign_seed_keypair(KEY)
    return public, sodium.crypto_sign(b"message", private)[:64]


def test_both_libraries_sign_alike(signed: tuple[bytes, bytes]) -> None:
    private = Ed25519PrivateKey.from_private_bytes(KEY)
    assert signed == (private.public_key().public_bytes_raw(), private.sign(b"message"))


def test_both_libraries_refuse_damaged_signatures(signed: tuple[bytes, bytes]) -> None:
    public, good = signed
    damaged = [edwards.plus_group_order(good), good[:32] + bytes(32), bytes(32) + good[32:], bytes(64)]
    damaged += [bytes([good[0] ^ 1]) + good[1:], good[:63] + bytes([good[63] ^ 0x20])]
    for accepts in (sodium_accepts, openssl_accepts):
        assert accepts(public, b"message", good)
        assert not accepts(public, b"messag", good)
        assert not any(accepts(public, b"message", bad) for bad in damaged)


def test_openssl_refuses_signatures_of_another_length(signed: tuple[bytes, bytes]) -> None:
    public, good = signed
    assert not any(openssl_accepts(public, b"message", bad) for bad in (b"", good[:63], good + b"\0"))


def test_libsodium_takes_the_signature_and_the_message_as_one(signed: tuple[bytes, bytes]) -> None:
    """So a signature that is too short takes its end from the message: its length is ours to check."""
    public, good = signed
    assert sodium_accepts(public, good[60:] + b"message", good[:60])
    with pytest.raises(nacl.exceptions.BadSignatureError):
        sodium.crypto_sign_open(good[:63], public)


@pytest.mark.attack("A9")
def test_libsodium_does_not_check_the_length_of_a_public_key(signed: tuple[bytes, bytes]) -> None:
    public, good = signed
    assert sodium_accepts(public + b"more", b"message", good)


@pytest.mark.attack("A6")
@pytest.mark.parametrize("public", edwards.SMALL_ORDER, ids=bytes.hex)
def test_keys_of_small_order_libsodium_refuses_and_openssl_forges(public: bytes) -> None:
    """Hence libsodium verifies, and never OpenSSL."""
    cases = [(bytes([n]), edwards.join(commitment, 0)) for n in range(32) for commitment in edwards.SMALL_ORDER]
    assert not any(sodium_accepts(public, *case) for case in cases)
    assert any(openssl_accepts(public, *case) for case in cases)
    assert not sodium.crypto_core_ed25519_is_valid_point(public)


@pytest.mark.attack("A6")
def test_under_the_identity_openssl_takes_one_signature_for_any_message() -> None:
    forged = edwards.join(edwards.encode(edwards.IDENTITY), 0)
    messages = [os.urandom(n) for n in range(32)]
    assert all(openssl_accepts(edwards.encode(edwards.IDENTITY), message, forged) for message in messages)


MESSAGES = [bytes([n]) for n in range(256)]


def mixed_key(torsion: int) -> tuple[int, bytes]:
    """A scalar, and its public key with a point of small order added."""
    scalar = 0x1234567890ABCDEF
    return scalar, edwards.encode(edwards.add(edwards.multiply(scalar, edwards.BASE), edwards.TORSION[torsion]))


@pytest.mark.attack("A6")
@pytest.mark.parametrize("torsion", range(1, 8))
def test_keys_of_mixed_order_verify_in_both_and_fail_the_point_check(torsion: int) -> None:
    """Hence our check of the point."""
    scalar, public = mixed_key(torsion)
    commitment = edwards.encode(edwards.multiply(7, edwards.BASE))
    # Where 8 divides the challenge, the point of small order falls out of the equation.
    message = next(m for m in MESSAGES if edwards.challenge(commitment, public, m) % 8 == 0)
    challenge = edwards.challenge(commitment, public, message)
    signature = edwards.join(commitment, (7 + challenge * scalar) % edwards.GROUP_ORDER)
    assert sodium_accepts(public, message, signature)
    assert openssl_accepts(public, message, signature)
    assert not sodium.crypto_core_ed25519_is_valid_point(public)
    with pytest.raises(nacl.exceptions.RuntimeError):
        sodium.crypto_sign_ed25519_pk_to_curve25519(public)


@pytest.mark.attack("A6")
@pytest.mark.parametrize("torsion", range(1, 8))
def test_a_commitment_of_small_order_libsodium_refuses_and_openssl_takes(torsion: int) -> None:
    scalar, public = mixed_key(torsion)
    message, commitment = next(
        (message, commitment)
        for message in MESSAGES
        for multiple, commitment in enumerate(map(edwards.encode, edwards.TORSION))
        if (edwards.challenge(commitment, public, message) * torsion + multiple) % 8 == 0
    )
    challenge = edwards.challenge(commitment, public, message)
    signature = edwards.join(commitment, challenge * scalar % edwards.GROUP_ORDER)
    assert openssl_accepts(public, message, signature)
    assert not sodium_accepts(public, message, signature)


@pytest.mark.attack("A6")
def test_no_constructor_checks_the_point() -> None:
    for raw in (edwards.encode(edwards.IDENTITY), b"\xff" * 32, mixed_key(4)[1]):
        assert bytes(nacl.signing.VerifyKey(raw)) == raw
        assert Ed25519PublicKey.from_public_bytes(raw).public_bytes_raw() == raw


@pytest.mark.attack("A4", "A6")
@pytest.mark.parametrize("public", edwards.SMALL_ORDER, ids=bytes.hex)
def test_no_key_of_small_order_converts(public: bytes) -> None:
    with pytest.raises(nacl.exceptions.RuntimeError):
        sodium.crypto_sign_ed25519_pk_to_curve25519(public)


@pytest.mark.attack("A4")
def test_a_key_and_its_negative_convert_to_one_u(signed: tuple[bytes, bytes]) -> None:
    public, _ = signed
    negative = public[:31] + bytes([public[31] ^ 0x80])
    convert = sodium.crypto_sign_ed25519_pk_to_curve25519
    assert convert(public) == convert(negative)


# --- ML-KEM -------------------------------------------------------------------------------------


@kems
@pytest.mark.parametrize("coefficient", [3329, 4095])
def test_an_unreduced_key_is_refused_with_a_text_about_its_length(kem: Kem, coefficient: int) -> None:
    good = int.from_bytes(kem.private.from_seed_bytes(bytes(64)).public_key().public_bytes_raw(), "little")
    for position in range((kem.key_length - 32) * 8 // 12):
        bad = good & ~(0xFFF << 12 * position) | coefficient << 12 * position
        with pytest.raises(ValueError, match=f"public key is {kem.key_length} bytes long$"):
            kem.public.from_public_bytes(bad.to_bytes(kem.key_length, "little"))


@kems
def test_other_lengths_are_refused(kem: Kem) -> None:
    for length in (0, kem.key_length - 1, kem.key_length + 1):
        with pytest.raises(ValueError, match=f"{kem.key_length} bytes"):
            kem.public.from_public_bytes(bytes(length))
    for length in (0, kem.ciphertext_length - 1, kem.ciphertext_length + 1):
        with pytest.raises(ValueError, match="ciphertext"):
            kem.private.from_seed_bytes(bytes(64)).decapsulate(bytes(length))


@kems
@pytest.mark.attack("A20")
def test_the_seed_is_the_only_private_form(kem: Kem) -> None:
    for length in (0, 32, 63, 65, 2400, 3168):
        with pytest.raises(ValueError, match="seed is 64 bytes"):
            kem.private.from_seed_bytes(bytes(length))
    assert kem.private.from_seed_bytes(bytes(range(64))).private_bytes_raw() == bytes(range(64))
    assert not hasattr(kem.private, "from_private_bytes")


@kems
def test_a_random_ciphertext_is_rejected_implicitly(kem: Kem) -> None:
    seed, ciphertext = os.urandom(64), os.urandom(kem.ciphertext_length)
    rejected = hashlib.shake_256(seed[32:] + ciphertext).digest(32)
    assert kem.private.from_seed_bytes(seed).decapsulate(ciphertext) == rejected


@kems
@pytest.mark.attack("A18")
def test_an_all_zero_key_is_taken(kem: Kem) -> None:
    secret, ciphertext = kem.public.from_public_bytes(bytes(kem.key_length)).encapsulate()
    assert (len(secret), len(ciphertext)) == (32, kem.ciphertext_length)


@kems
def test_encapsulation_takes_no_message(kem: Kem) -> None:
    """OpenSSL draws it: the one draw that does not come from our source."""
    key = kem.private.from_seed_bytes(bytes(64)).public_key()
    with pytest.raises(TypeError):
        key.encapsulate(bytes(32))
    assert key.encapsulate() != key.encapsulate()


# --- HKDF and HMAC ------------------------------------------------------------------------------


def hkdf(length: int, salt: bytes | None, info: bytes | None) -> bytes:
    return HKDF(SHA512, length, salt, info).derive(KEY)


def test_hkdf_bounds_its_output_above_only() -> None:
    assert len(hkdf(255 * 64, None, None)) == 255 * 64
    assert hkdf(0, None, None) == b""
    with pytest.raises(ValueError, match="larger than"):
        hkdf(255 * 64 + 1, None, None)


def test_hkdf_takes_many_salts_and_infos_for_one() -> None:
    """Hence salts of fixed length, always written out."""
    assert len({hkdf(32, salt, None) for salt in (None, b"", b"\0", bytes(64), bytes(128))}) == 1
    assert hkdf(32, None, None) == hkdf(32, None, b"")
    assert hkdf(32, KEY, b"") == hkdf(32, KEY + b"\0", b"")


def test_hkdf_expands_an_empty_key() -> None:
    assert len(HKDFExpand(SHA512, 32, b"").derive(b"")) == 32


def test_hmac_keys_that_differ_by_zeros_are_one_key() -> None:
    assert hmac.digest(KEY, b"data", "sha512") == hmac.digest(KEY + b"\0", b"data", "sha512")


def test_hmac_verifies_whole_tags_only() -> None:
    tag = hmac.digest(KEY, b"data", "sha512")

    def verify(candidate: bytes) -> None:
        context = openssl_hmac.HMAC(KEY, SHA512)
        context.update(b"data")
        context.verify(candidate)

    verify(tag)
    for candidate in (b"", tag[:8], tag[:63], tag + b"\0"):
        with pytest.raises(InvalidSignature):
            verify(candidate)


# --- ChaCha20-Poly1305 --------------------------------------------------------------------------


def sodium_open(sealed: bytes, *, nonce: bytes = NONCE, key: bytes = KEY) -> bytes:
    return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(sealed, None, nonce, key)


@pytest.mark.parametrize(
    ("nonce", "key"), [(bytes(11), KEY), (bytes(13), KEY), (NONCE, KEY[:31]), (NONCE, KEY + b"\0")]
)
def test_aead_nonces_and_keys_of_another_length_are_refused(nonce: bytes, key: bytes) -> None:
    with pytest.raises(nacl.exceptions.TypeError):
        sodium_open(bytes(32), nonce=nonce, key=key)
    with pytest.raises(ValueError, match=r"12 bytes|32 bytes"):
        ChaCha20Poly1305(key).decrypt(nonce, bytes(32), None)


@pytest.mark.attack("A100")
@pytest.mark.parametrize("length", [0, 1, 15])
def test_an_aead_ciphertext_shorter_than_a_tag(length: int) -> None:
    """PyNaCl raises what is no CryptoError: one more reason to open with OpenSSL."""
    with pytest.raises(ValueError, match="negative array length") as caught:
        sodium_open(bytes(length))
    assert type(caught.value) is ValueError
    with pytest.raises(InvalidTag):
        ChaCha20Poly1305(KEY).decrypt(NONCE, bytes(length), None)


def test_an_aead_ciphertext_with_a_damaged_tag() -> None:
    sealed = ChaCha20Poly1305(KEY).encrypt(NONCE, b"plaintext", None)
    assert sodium_open(sealed) == b"plaintext"
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    with pytest.raises(nacl.exceptions.CryptoError):
        sodium_open(damaged)
    with pytest.raises(InvalidTag):
        ChaCha20Poly1305(KEY).decrypt(NONCE, damaged, None)


def test_the_aead_takes_no_data_for_empty_data() -> None:
    assert ChaCha20Poly1305(KEY).encrypt(NONCE, b"", None) == ChaCha20Poly1305(KEY).encrypt(NONCE, b"", b"")


@pytest.mark.attack("A47")
def test_the_aead_does_not_commit_to_its_key() -> None:
    keys = os.urandom(32), os.urandom(32)
    sealed = salamander(*keys)
    assert len({sodium_open(sealed, key=key) for key in keys}) == 2
    assert len({ChaCha20Poly1305(key).decrypt(NONCE, sealed, None) for key in keys}) == 2


# --- types, exceptions, secrets -----------------------------------------------------------------


@pytest.mark.attack("A99")
@pytest.mark.parametrize(
    "call",
    [
        lambda raw: sodium.crypto_scalarmult(KEY, raw),
        sodium.crypto_scalarmult_base,
        sodium.crypto_core_ed25519_is_valid_point,
        lambda raw: sodium.crypto_sign_open(bytes(64), raw),
        lambda raw: sodium_open(bytes(32), key=raw),
        X25519PublicKey.from_public_bytes,
        Ed25519PublicKey.from_public_bytes,
        lambda raw: HKDF(SHA512, 32, raw, b""),
    ],
    ids=["scalarmult", "base", "point", "sign_open", "aead", "X25519", "Ed25519", "HKDF"],
)
def test_these_refuse_a_bytearray(call: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError):
        call(bytearray(32))


@pytest.mark.attack("A99")
def test_these_take_a_bytearray() -> None:
    """The caller may change it after a check: hence `type(x) is bytes` at our boundary."""
    ChaCha20Poly1305(bytearray(KEY)).encrypt(bytearray(12), bytearray(b"text"), bytearray(b"data"))
    mlkem.MLKEM768PublicKey.from_public_bytes(bytearray(1184))
    X25519PrivateKey.from_private_bytes(bytearray(32))
    Ed25519PrivateKey.from_private_bytes(bytearray(32))


@pytest.mark.attack("A100")
@pytest.mark.parametrize("name", ["RuntimeError", "ValueError", "TypeError"])
def test_pynacls_exceptions_are_builtin_ones_as_well(name: str) -> None:
    error = getattr(nacl.exceptions, name)
    assert issubclass(error, nacl.exceptions.CryptoError)
    assert issubclass(error, getattr(builtins, name))


def test_a_bad_signature_is_a_crypto_error() -> None:
    assert issubclass(nacl.exceptions.BadSignatureError, nacl.exceptions.CryptoError)


@pytest.mark.attack("A90", "A93")
def test_pynacls_key_objects_print_and_pickle_their_secret() -> None:
    """Hence none is ever held: keys are bytes behind `SecretBytes`."""
    key = nacl.signing.SigningKey(KEY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BytesWarning)  # python -bb minds what PyNaCl does here
        assert str(KEY) in str(key)
    assert bytes(pickle.loads(pickle.dumps(key))) == KEY  # noqa: S301  # our own pickle, of a moment ago


@pytest.mark.attack("A93")
def test_cryptographys_key_objects_copy_and_do_not_pickle() -> None:
    key = mlkem.MLKEM768PrivateKey.from_seed_bytes(bytes(64))
    assert copy.deepcopy(key).private_bytes_raw() == copy.copy(key).private_bytes_raw() == bytes(64)
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_blake2b_fills_a_short_person_with_zeros() -> None:
    """Hence persons of exactly 16 bytes."""
    assert hashlib.blake2b(key=KEY, person=b"short").digest() == hashlib.blake2b(key=KEY, person=b"short\0").digest()
