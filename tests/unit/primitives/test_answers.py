"""Every known answer, computed once more by something that the self-test does not judge."""

from __future__ import annotations

import ast
import hashlib
import hmac
from pathlib import Path

import nacl.bindings
import pytest
from kyber_py import ml_kem
from support import edwards25519 as edwards

from ratchetlib.labels import PERSON_CHAIN_STEP, PERSON_SEAL_BODY
from ratchetlib.primitives import answers as known
from ratchetlib.primitives.kem import ML_KEM_768, ML_KEM_1024, Kem

KEY, SEED, NONCE = bytes(range(32)), bytes(range(64)), bytes(range(24))
FIELD_PRIME = 2**255 - 19


def ladder(scalar: bytes, point: bytes) -> bytes:
    """X25519 in plain integers, line by line as RFC 7748, section 5, prints it."""
    k = int.from_bytes(scalar, "little") & ~7 & ~(1 << 255) | 1 << 254
    x1 = int.from_bytes(point, "little") & ~(1 << 255)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % FIELD_PRIME, x1 * (da - cb) ** 2 % FIELD_PRIME
        x2, z2 = aa * bb % FIELD_PRIME, e * (aa + 121665 * e) % FIELD_PRIME
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, FIELD_PRIME - 2, FIELD_PRIME) % FIELD_PRIME).to_bytes(32, "little")


def blake2b(data: bytes, key: bytes, person: bytes) -> bytes:
    return nacl.bindings.crypto_generichash_blake2b_salt_personal(data, 64, key, b"", person)


def test_sha512_of_abc() -> None:
    assert nacl.bindings.crypto_hash_sha512(b"abc") == known.SHA512_ABC


def test_hkdf() -> None:
    pseudorandom_key = hmac.digest(SEED, KEY, "sha512")
    info = b"\0\0\0\5labelcontext"
    first = hmac.digest(pseudorandom_key, info + b"\1", "sha512")
    second = hmac.digest(pseudorandom_key, first + info + b"\2", "sha512")
    assert (first + second)[:96] == known.HKDF_SHA512


def test_chain_step() -> None:
    assert blake2b(b"", KEY, PERSON_CHAIN_STEP) == known.CHAIN_STEP


def test_x25519() -> None:
    assert ladder(known.X25519_SCALAR, known.X25519_POINT) == known.X25519_SHARED


@pytest.mark.parametrize("scalar", [KEY, known.X25519_SCALAR, b"\xff" * 32])
def test_the_x25519_points_that_are_refused_are_what_they_are_called(scalar: bytes) -> None:
    assert ladder(scalar, known.X25519_ORDER_8) == bytes(32)
    assert ladder(scalar, known.X25519_NON_CANONICAL) == ladder(scalar, (9).to_bytes(32, "little"))
    assert int.from_bytes(known.X25519_NON_CANONICAL, "little") == 9 + FIELD_PRIME


def test_ed25519() -> None:
    digest = hashlib.sha512(known.ED25519_SEED).digest()
    scalar = int.from_bytes(digest[:32], "little") & ~7 & ~(1 << 255) | 1 << 254
    assert edwards.encode(edwards.multiply(scalar, edwards.BASE)) == known.ED25519_PUBLIC
    assert edwards.encode(edwards.IDENTITY) == known.ED25519_IDENTITY_POINT


@pytest.mark.parametrize(
    ("kem", "answer"),
    [(ML_KEM_768, known.ML_KEM_768_REJECTED), (ML_KEM_1024, known.ML_KEM_1024_REJECTED)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_ml_kem_rejection(kem: Kem, answer: bytes) -> None:
    """FIPS 203, algorithm 18: SHAKE-256(z || c)."""
    ciphertext = hashlib.shake_256(kem.name.encode()).digest(kem.ciphertext_length)
    assert hashlib.shake_256(SEED[32:] + ciphertext).digest(32) == answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [("ML_KEM_768", known.ML_KEM_768_PUBLIC_HASH), ("ML_KEM_1024", known.ML_KEM_1024_PUBLIC_HASH)],
)
def test_ml_kem_public_key(name: str, answer: bytes) -> None:
    second = getattr(ml_kem, name)
    public, _private = second.key_derive(SEED)
    assert hashlib.sha256(public).digest() == answer


def test_chacha20_poly1305() -> None:
    sealed = nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(
        known.AEAD_PLAINTEXT, known.AEAD_DATA, known.AEAD_NONCE, known.AEAD_KEY
    )
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691", "the tag that the RFC prints"
    assert hashlib.sha256(sealed).digest() == known.AEAD_SEALED_HASH


def test_committing_seal() -> None:
    okm = blake2b(NONCE + b"associated", KEY, PERSON_SEAL_BODY)
    sealed = nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(b"plaintext", None, bytes(12), okm[:32])
    assert okm[32:] + sealed == known.COMMITTING_SEAL


def test_every_answer_names_its_source() -> None:
    body = ast.parse(Path(known.__file__).read_text(encoding="utf-8")).body
    for statement, reason in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign):
            assert isinstance(reason, ast.Expr), ast.unparse(statement.target)
