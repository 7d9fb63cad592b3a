"""The vectors of Wycheproof and others: through our own function where it takes what a vector gives, else the library.

X25519 twice: the raw agreement against the vectors, and our stricter rule on public keys by its own definition.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import nacl.bindings as sodium
import nacl.exceptions
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from kyber_py import ml_kem
from support import external
from support.external import needs_vectors, wycheproof

from ratchetlib.errors import InvalidKey, MalformedMessage, UsageError
from ratchetlib.keys import DhPrivateKey, DhPublicKey, KemSeed
from ratchetlib.primitives import dh, signature
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.primitives.kem import ML_KEM_768, ML_KEM_1024, Kem

pytestmark = needs_vectors

FIELD_PRIME = 2**255 - 19
FILES = {
    "x25519_test",
    "ed25519_test",
    "hkdf_sha512_test",
    "hmac_sha512_test",
    "chacha20_poly1305_test",
    "mlkem_768_test",
    "mlkem_1024_test",
    "mlkem_1024_encaps_test",
}


def raw(test: dict[str, Any], *names: str) -> list[bytes]:
    return [bytes.fromhex(test[name]) for name in names]


def test_no_file_is_left_out() -> None:
    assert {path.stem for path in external.WYCHEPROOF.glob("*.json")} == FILES


# --- X25519 -------------------------------------------------------------------------------------


def raw_agreement(private: bytes, public: bytes) -> bytes | None:
    try:
        return sodium.crypto_scalarmult(private, public)
    except nacl.exceptions.RuntimeError:
        return None


def test_raw_x25519_agrees_with_wycheproof_in_libsodium() -> None:
    """An `acceptable` result is that of the vector; where it is zero, libsodium refuses."""
    zero = 0
    for _, test in wycheproof("x25519_test"):
        private, public, shared = raw(test, "private", "public", "shared")
        zero += shared == bytes(32)
        assert raw_agreement(private, public) == (None if shared == bytes(32) else shared), test["tcId"]
    assert zero == 31


@pytest.mark.attack("A7", "A10")
def test_our_rule_refuses_the_non_canonical_and_the_zero_and_takes_the_rest() -> None:
    counts = {"taken": 0, "refused": 0}
    for _, test in wycheproof("x25519_test"):
        private, public, shared = raw(test, "private", "public", "shared")
        if int.from_bytes(public, "little") >= FIELD_PRIME or shared == bytes(32):
            counts["refused"] += 1
            with pytest.raises(InvalidKey):
                dh.parse_public_key(public)
        else:
            counts["taken"] += 1
            assert dh.agree(DhPrivateKey(private), dh.parse_public_key(public)).raw == shared, test["tcId"]
    assert counts == {"taken": 474, "refused": 44}


@pytest.mark.attack("A7")
def test_our_agreement_refuses_every_zero_secret_of_a_key_that_was_not_checked() -> None:
    for _, test in wycheproof("x25519_test"):
        private, public, shared = raw(test, "private", "public", "shared")
        if shared == bytes(32):
            with pytest.raises(InvalidKey):
                dh.agree(DhPrivateKey(private), DhPublicKey(public))


def rfc_7748() -> Any:
    return external.load(external.FOLDER / "rfc7748_x25519.json")


def test_the_single_vectors_of_rfc_7748() -> None:
    for test in rfc_7748()["single"]:
        k, u, out = raw(test, "k", "u", "out")
        assert raw_agreement(k, u) == out


@pytest.mark.parametrize("times", [1, 1000])
def test_the_iterated_vectors_of_rfc_7748(times: int) -> None:
    """Raw libsodium: iterated outputs are used as public keys. The million takes half a minute and is left out."""
    iterated = rfc_7748()["iterated"]
    k, u = raw(iterated, "start_k", "start_u")
    for _ in range(times):
        k, u = sodium.crypto_scalarmult(k, u), k
    assert k.hex() == iterated["after"][str(times)]


# --- Ed25519 ------------------------------------------------------------------------------------


@pytest.mark.attack("A6")
def test_ed25519_agrees_with_wycheproof_in_libsodium() -> None:
    """Our own `verifies` puts a label before what is signed, which no vector of others has."""
    for group, test in wycheproof("ed25519_test"):
        public = bytes.fromhex(group["publicKey"]["pk"])
        message, signed = raw(test, "msg", "sig")
        try:
            accepted = len(signed) == 64 and sodium.crypto_sign_open(signed + message, public) == message
        except nacl.exceptions.BadSignatureError:
            accepted = False
        assert accepted is (test["result"] == "valid"), test["tcId"]


def test_every_public_key_of_wycheproof_passes_our_check() -> None:
    keys = {bytes.fromhex(group["publicKey"]["pk"]) for group, _ in wycheproof("ed25519_test")}
    assert len(keys) > 1
    assert all(signature.parse_public_key(key) == key for key in keys)


# --- HKDF and HMAC ------------------------------------------------------------------------------


def test_hkdf_agrees_with_wycheproof_in_openssl() -> None:
    """Our own `hkdf` puts a label before the info."""
    for _, test in wycheproof("hkdf_sha512_test"):
        secret, salt, info, okm = raw(test, "ikm", "salt", "info", "okm")
        if test["result"] == "valid":
            assert HKDF(hashes.SHA512(), test["size"], salt, info).derive(secret) == okm, test["tcId"]
        else:
            with pytest.raises(ValueError, match="larger than"):
                HKDF(hashes.SHA512(), test["size"], salt, info)


def test_hmac_agrees_with_wycheproof_in_the_standard_library() -> None:
    """It is what computed the self-test's known answer of HKDF."""
    for group, test in wycheproof("hmac_sha512_test"):
        key, message, tag = raw(test, "key", "msg", "tag")
        computed = hmac.digest(key, message, "sha512")[: group["tagSize"] // 8]
        assert hmac.compare_digest(computed, tag) is (test["result"] == "valid"), test["tcId"]


# --- ChaCha20-Poly1305 --------------------------------------------------------------------------


def test_our_header_key_agrees_with_wycheproof() -> None:
    for _, test in wycheproof("chacha20_poly1305_test"):
        key, nonce, data, plaintext, ciphertext, tag = raw(test, "key", "iv", "aad", "msg", "ct", "tag")
        if "InvalidNonceSize" in test["flags"]:
            with pytest.raises(ValueError, match="12 bytes"):
                ChaCha20Poly1305(key).decrypt(nonce, ciphertext + tag, data)
        elif test["result"] == "valid":
            assert HeaderKey(key).seal(nonce, plaintext, data) == ciphertext + tag, test["tcId"]
            assert HeaderKey(key).open(nonce, ciphertext + tag, data) == plaintext, test["tcId"]
        else:
            assert HeaderKey(key).open(nonce, ciphertext + tag, data) is None, test["tcId"]


# --- ML-KEM -------------------------------------------------------------------------------------


@pytest.mark.attack("A20")
@pytest.mark.parametrize(("kem", "name"), [(ML_KEM_768, "mlkem_768_test"), (ML_KEM_1024, "mlkem_1024_test")])
def test_our_ml_kem_agrees_with_wycheproof(kem: Kem, name: str) -> None:
    for _, test in wycheproof(name):
        seed, ciphertext, secret = raw(test, "seed", "c", "K")
        if test["result"] == "valid":
            public = bytes.fromhex(test["ek"])
            assert kem.public_key(KemSeed(seed)) == kem.parse_public_key(public) == public, test["tcId"]
            assert kem.decapsulate(KemSeed(seed), ciphertext).raw == secret, test["tcId"]
        else:
            with pytest.raises(UsageError if len(seed) != 64 else MalformedMessage):
                kem.decapsulate(KemSeed(seed), ciphertext)


@pytest.mark.attack("A18")
def test_our_check_agrees_with_wycheproof_on_encapsulation_keys_but_for_the_zero_one() -> None:
    """FIPS 203 allows the vector t of zeros ("Zero secret and error"); we do not."""
    zero = 0
    for _, test in wycheproof("mlkem_1024_encaps_test"):
        (public,) = raw(test, "ek")
        zero += test["result"] == "valid" and not any(public[:-32])
        if test["result"] == "valid" and any(public[:-32]):
            assert ML_KEM_1024.parse_public_key(public) == public, test["tcId"]
        else:
            with pytest.raises(InvalidKey):
                ML_KEM_1024.parse_public_key(public)
    assert zero == 1


def second_implementation(name: str) -> Any:
    """Of ML-KEM: it takes the message of an encapsulation, which OpenSSL draws itself."""
    return getattr(ml_kem, name)


def test_the_second_implementation_agrees_with_wycheproof() -> None:
    second = second_implementation("ML_KEM_1024")
    for _, test in wycheproof("mlkem_1024_encaps_test")[::10]:
        message, public, ciphertext, secret = raw(test, "m", "ek", "c", "K")
        if test["result"] == "valid":
            assert second._encaps_internal(public, message) == (secret, ciphertext), test["tcId"]


ACCUMULATED = {"ML_KEM_768": (ML_KEM_768, "ML-KEM-768"), "ML_KEM_1024": (ML_KEM_1024, "ML-KEM-1024")}


@pytest.mark.parametrize("name", ACCUMULATED)
def test_a_hundred_accumulated_runs_of_ml_kem(name: str) -> None:
    """Keys and decapsulation are ours, encapsulation the second implementation's. 10,000 runs take a minute."""
    (kem, title), second = ACCUMULATED[name], second_implementation(name)
    vectors = external.load(external.FOLDER / "mlkem_accumulated_fips203.json")
    (expected,) = (value["100"] for key, value in vectors.items() if key.startswith(title))
    draws = hashlib.shake_128().digest(100 * (96 + kem.ciphertext_length))
    accumulator = hashlib.shake_128()
    for start in range(0, len(draws), 96 + kem.ciphertext_length):
        seed, message = KemSeed(draws[start : start + 64]), draws[start + 64 : start + 96]
        noise = draws[start + 96 : start + 96 + kem.ciphertext_length]
        public = kem.public_key(seed)
        secret, ciphertext = second._encaps_internal(public, message)
        assert kem.decapsulate(seed, ciphertext).raw == secret
        accumulator.update(public + ciphertext + secret + kem.decapsulate(seed, noise).raw)
    assert accumulator.hexdigest(32) == expected
