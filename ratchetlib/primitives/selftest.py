"""The self-test at import: known answers and must-reject cases of every primitive, and the first health test.

A dependency that was replaced, miscompiled or changed its mind is found here, before any key is made. X25519, Ed25519
and ChaCha20-Poly1305 are computed by both libraries and must agree. A failure is latched: the package cannot be
imported again in this process. What a check cannot show is in docs/limitations.md.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

import nacl.bindings
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from ratchetlib.errors import InvalidKey, SelfTestError
from ratchetlib.keys import ChainKey, DhPrivateKey, DhPublicKey, KemSeed, MessageKey, SigningPublicKey, SigningSeed
from ratchetlib.labels import PERSON_CHAIN_STEP, PERSON_SEAL_BODY
from ratchetlib.primitives import aead, dh, kdf, kem, random, seal, signature
from ratchetlib.primitives import answers as known
from ratchetlib.primitives.compare import equal

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY: Final = bytes(range(32))
_SEED: Final = bytes(range(64))
_NONCE: Final = bytes(range(seal.NONCE_LENGTH))


class Result(NamedTuple):
    """The outcome of one check."""

    name: str
    passed: bool


def _libsodium() -> bool:
    # Raises where libsodium cannot initialise, its random source included.
    nacl.bindings.sodium_init()
    return True


def _sha512() -> bool:
    plain = hashlib.sha512(b"abc").digest() == known.SHA512_ABC
    return plain and kdf.sha512(b"label", b"data") == hashlib.sha512(b"\0\0\0\5labeldata").digest()


def _hkdf() -> bool:
    derived = kdf.hkdf(salt=_SEED, secret=_KEY, label=b"label", context=b"context", length=96)
    return derived == known.HKDF_SHA512


def _blake2b() -> bool:
    chain_key, message_key = kdf.chain_step(ChainKey(_KEY))
    sodium = nacl.bindings.crypto_generichash_blake2b_salt_personal(b"", 64, key=_KEY, person=PERSON_CHAIN_STEP)
    return chain_key.raw + message_key.raw == known.CHAIN_STEP == sodium


def _x25519() -> bool:
    secret = dh.agree(DhPrivateKey(known.X25519_SCALAR), dh.parse_public_key(known.X25519_POINT)).raw
    openssl = X25519PrivateKey.from_private_bytes(known.X25519_SCALAR).exchange(
        X25519PublicKey.from_public_bytes(known.X25519_POINT)
    )
    base = X25519PrivateKey.from_private_bytes(_KEY).public_key().public_bytes_raw()
    return secret == known.X25519_SHARED == openssl and dh.public_key(DhPrivateKey(_KEY)) == base


def _x25519_refusals() -> bool:
    refused = [bytes(32), known.X25519_ORDER_8, known.X25519_NON_CANONICAL, _KEY[:31], _SEED[:33]]
    return all(_refuses(dh.parse_public_key, raw) for raw in refused) and _refuses(
        lambda raw: dh.agree(DhPrivateKey(_KEY), DhPublicKey(raw)), known.X25519_ORDER_8
    )


def _ed25519() -> bool:
    public = signature.public_key(SigningSeed(known.ED25519_SEED))
    signed = signature.sign(SigningSeed(known.ED25519_SEED), b"label", b"data")
    openssl = Ed25519PrivateKey.from_private_bytes(known.ED25519_SEED).sign(b"\0\0\0\5labeldata")
    return (
        public == known.ED25519_PUBLIC
        and signed == openssl
        and signature.parse_public_key(public) == public
        and signature.verifies(public, b"label", b"data", signed)
    )


def _ed25519_refusals() -> bool:
    public = SigningPublicKey(known.ED25519_PUBLIC)
    signed = signature.sign(SigningSeed(known.ED25519_SEED), b"label", b"data")
    damaged = bytes([signed[0] ^ 1]) + signed[1:]
    malleated = signed[:32] + (int.from_bytes(signed[32:], "little") + known.ED25519_ORDER).to_bytes(32, "little")
    forged = known.ED25519_IDENTITY_POINT + bytes(32)
    return (
        not signature.verifies(public, b"label", b"data", damaged)
        and not signature.verifies(public, b"label", b"data", malleated)
        and not signature.verifies(public, b"label", b"other", signed)
        and not signature.verifies(public, b"label", b"data", signed[:63])
        # R the identity, S zero: OpenSSL takes this for any message under the identity point as a key.
        and not signature.verifies(SigningPublicKey(known.ED25519_IDENTITY_POINT), b"label", b"data", forged)
        and _refuses(signature.parse_public_key, known.ED25519_IDENTITY_POINT)
        and _refuses(signature.parse_public_key, known.ED25519_MIXED_ORDER)
    )


def _ml_kem(parameters: kem.Kem, public_hash: bytes, rejected: bytes) -> bool:
    seed = KemSeed(_SEED)
    public = parameters.public_key(seed)
    secret, ciphertext = parameters.encapsulate(public)
    _, other_ciphertext = parameters.encapsulate(public)
    noise = hashlib.shake_256(parameters.name.encode()).digest(parameters.ciphertext_length)
    return (
        hashlib.sha256(public).digest() == public_hash
        and parameters.parse_public_key(public) == public
        and parameters.decapsulate(seed, ciphertext).raw == secret.raw
        # The one randomness that is not drawn by us: it must at least not repeat.
        and ciphertext != other_ciphertext
        and parameters.decapsulate(seed, noise).raw == rejected
    )


def _ml_kem_768() -> bool:
    return _ml_kem(kem.ML_KEM_768, known.ML_KEM_768_PUBLIC_HASH, known.ML_KEM_768_REJECTED)


def _ml_kem_1024() -> bool:
    return _ml_kem(kem.ML_KEM_1024, known.ML_KEM_1024_PUBLIC_HASH, known.ML_KEM_1024_REJECTED)


def _ml_kem_refusals() -> bool:
    for parameters in (kem.ML_KEM_768, kem.ML_KEM_1024):
        length = parameters.public_key_length
        zero = bytes(length - 32) + _KEY
        unreduced = b"\xff" * length
        short = parameters.public_key(KemSeed(_SEED))[:-1]
        if not all(_refuses(parameters.parse_public_key, raw) for raw in (zero, unreduced, short)):
            return False
    return True


def _chacha20_poly1305() -> bool:
    header_key = aead.HeaderKey(known.AEAD_KEY)
    sealed = header_key.seal(known.AEAD_NONCE, known.AEAD_PLAINTEXT, known.AEAD_DATA)
    sodium = nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(
        known.AEAD_PLAINTEXT, known.AEAD_DATA, known.AEAD_NONCE, known.AEAD_KEY
    )
    return (
        hashlib.sha256(sealed).digest() == known.AEAD_SEALED_HASH
        and sealed == sodium
        and header_key.open(known.AEAD_NONCE, sealed, known.AEAD_DATA) == known.AEAD_PLAINTEXT
        and aead.open_once(_KEY, aead.seal_once(_KEY, b"data")) == b"data"
    )


def _chacha20_poly1305_refusals() -> bool:
    header_key = aead.HeaderKey(known.AEAD_KEY)
    sealed = header_key.seal(known.AEAD_NONCE, known.AEAD_PLAINTEXT, known.AEAD_DATA)
    damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    return (
        header_key.open(known.AEAD_NONCE, damaged, known.AEAD_DATA) is None
        and header_key.open(known.AEAD_NONCE, sealed, b"") is None
        and header_key.open(known.AEAD_NONCE, sealed[:15], known.AEAD_DATA) is None
        and aead.open_once(_KEY, bytes(15)) is None
        and aead.open_once(_KEY, bytes(32)) is None
    )


def _committing_seal() -> bool:
    key = MessageKey(_KEY)
    sealed = seal.seal(key, PERSON_SEAL_BODY, _NONCE, b"associated", b"plaintext")
    other_key = MessageKey(_SEED[1:33])
    return (
        sealed == known.COMMITTING_SEAL
        and seal.open_(key, PERSON_SEAL_BODY, _NONCE, b"associated", sealed) == b"plaintext"
        and seal.open_(key, PERSON_SEAL_BODY, _NONCE, b"", sealed) is None
        and seal.open_(other_key, PERSON_SEAL_BODY, _NONCE, b"associated", sealed) is None
    )


def _random_source() -> bool:
    # Raises where the health test fails; two draws must differ.
    random.run_health_test()
    return not equal(random.random_bytes(32), random.random_bytes(32))


def _refuses(call: Callable[[bytes], object], raw: bytes) -> bool:
    try:
        call(raw)
    except InvalidKey:
        return True
    return False


CHECKS: Final[dict[str, Callable[[], bool]]] = {
    "libsodium initialises": _libsodium,
    "SHA-512": _sha512,
    "HKDF-SHA-512": _hkdf,
    "keyed BLAKE2b": _blake2b,
    "X25519": _x25519,
    "X25519 refusals": _x25519_refusals,
    "Ed25519": _ed25519,
    "Ed25519 refusals": _ed25519_refusals,
    "ML-KEM-768": _ml_kem_768,
    "ML-KEM-1024": _ml_kem_1024,
    "ML-KEM refusals": _ml_kem_refusals,
    "ChaCha20-Poly1305": _chacha20_poly1305,
    "ChaCha20-Poly1305 refusals": _chacha20_poly1305_refusals,
    "committing seal": _committing_seal,
    "random source": _random_source,
}

_failed: list[str] = []


def run() -> tuple[Result, ...]:
    """Run every check now and return the outcomes. A check that raises has failed."""
    return tuple(Result(name, _passes(check)) for name, check in CHECKS.items())


def require() -> None:
    """Run every check once in this process.

    Raises:
        SelfTestError: a check failed, now or at an earlier import.
    """
    if not _failed:
        _failed.extend(result.name for result in run() if not result.passed)
    if _failed:
        raise SelfTestError(f"self-test failed: {', '.join(_failed)}")


def _passes(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:  # noqa: BLE001  # whatever a broken primitive raises, the check has failed
        return False
