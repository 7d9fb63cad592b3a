# ruff: noqa: N802
# The specification's letters and names.
"""Primitives (docs/spec/primitives.md), under the names of its table of functions."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, Protocol

import nacl.bindings
import nacl.exceptions
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from reference.refusal import Refusal, require
from reference.wire import LP, zeros

SIGN_IDENTITY: Final = b"ratchetlib/1 identity agreement key"
SIGN_BUNDLE: Final = b"ratchetlib/1 signed bundle"
SIGN_ONE_TIME: Final = b"ratchetlib/1 one-time item"
HASH_BUNDLE_ID: Final = b"ratchetlib/1 bundle id"
HASH_ONE_TIME_ID: Final = b"ratchetlib/1 one-time id"
HASH_TRANSCRIPT_0: Final = b"ratchetlib/1 transcript 0"
HASH_TRANSCRIPT_1: Final = b"ratchetlib/1 transcript 1"
HASH_PREFIX: Final = b"ratchetlib/1 handshake prefix"
HASH_PQ_KEY: Final = b"ratchetlib/1 pq key"
HASH_PQ_EXCHANGE: Final = b"ratchetlib/1 pq exchange"
HASH_FINGERPRINT: Final = b"ratchetlib/1 fingerprint"
HASH_RECORD: Final = b"ratchetlib/1 anchor record"
KDF_IDENTITY_BLOCK: Final = b"ratchetlib/1 identity block"
KDF_SESSION: Final = b"ratchetlib/1 session"
KDF_PQ_SECRET: Final = b"ratchetlib/1 pq secret"
KDF_ROOT_STEP: Final = b"ratchetlib/1 root step"
AD_HEADER: Final = b"ratchetlib/1 header"
AD_BODY: Final = b"ratchetlib/1 body"
PERSON_CHAIN_STEP: Final = b"ratchetlib1chain"
PERSON_SEAL_BODY: Final = b"ratchetlib1 body"
PERSON_SEAL_IDENTITY: Final = b"ratchetlib1ident"
PERSON_SEAL_STATE: Final = b"ratchetlib1state"
PERSON_STATE_KEY: Final = b"ratchetlib1vault"

P: Final = 2**255 - 19
REFUSED_U: Final = frozenset(
    bytes.fromhex(u)
    for u in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "2fe57da347cd62431528daac5fbb290730fff684afc4cfc2ed90995f58cb3b74",
    )
)
NEUTRAL: Final = b"\x01" + zeros(31)
Q: Final = 3329
"""The modulus of ML-KEM."""


class Draws(Protocol):
    """The randomness of one call, as an explicit argument ("Randomness" in conventions.md)."""

    def draw(self, n: int) -> bytes:
        """That many random bytes."""
        ...

    def encapsulate(self, parameter_set: str, encapsulation_key: bytes) -> tuple[bytes, bytes]:
        """A shared secret and its ciphertext, for a checked key of "ML-KEM-768" or "ML-KEM-1024"."""
        ...


class NoDraws:
    """For calls that need no randomness: a receiver needs none."""

    def draw(self, n: int) -> bytes:
        raise LookupError(f"{n} bytes are drawn where none may be")

    def encapsulate(self, parameter_set: str, encapsulation_key: bytes) -> tuple[bytes, bytes]:
        raise LookupError(f"{parameter_set} is used with {len(encapsulation_key)} bytes where nothing may be drawn")


# --- X25519 -----------------------------------------------------------------------------------------


def x25519_public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def DH(private: bytes, public: bytes) -> bytes:
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:  # 32 zero bytes
        raise Refusal("InvalidKey") from None


def check_x25519(public: bytes) -> None:
    good = len(public) == 32 and int.from_bytes(public, "little") < P and public not in REFUSED_U
    require(good, "InvalidKey")


# --- Ed25519 ----------------------------------------------------------------------------------------


def ed25519_public(seed: bytes) -> bytes:
    public, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
    return public


def SIGN(seed: bytes, label: bytes, x: bytes) -> bytes:
    _, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
    return nacl.bindings.crypto_sign(LP(label) + x, secret)[:64]


def check_ed25519(public: bytes) -> None:
    require(len(public) == 32 and nacl.bindings.crypto_core_ed25519_is_valid_point(public), "InvalidKey")


def verifies(public: bytes, label: bytes, x: bytes, signature: bytes) -> bool:
    if len(signature) != 64 or signature[:32] == NEUTRAL:
        return False
    try:
        nacl.bindings.crypto_sign_open(signature + LP(label) + x, public)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


# --- ML-KEM -----------------------------------------------------------------------------------------

ML_KEM: Final[dict[str, type[mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey]]] = {
    "ML-KEM-768": mlkem.MLKEM768PrivateKey,
    "ML-KEM-1024": mlkem.MLKEM1024PrivateKey,
}
KEM_KEY_LENGTH: Final = {"ML-KEM-768": 1184, "ML-KEM-1024": 1568}


def kem_public(parameter_set: str, seed: bytes) -> bytes:
    return ML_KEM[parameter_set].from_seed_bytes(seed).public_key().public_bytes_raw()


def decapsulate(parameter_set: str, seed: bytes, ciphertext: bytes) -> bytes:
    return ML_KEM[parameter_set].from_seed_bytes(seed).decapsulate(ciphertext)


def check_kem(parameter_set: str, key: bytes) -> None:
    require(len(key) == KEM_KEY_LENGTH[parameter_set], "InvalidKey")
    t = key[:-32]
    require(any(t), "InvalidKey")
    for at in range(0, len(t), 3):
        two = int.from_bytes(t[at : at + 3], "little")
        require(two & 0xFFF < Q and two >> 12 < Q, "InvalidKey")


# --- Hash, key derivation, AEAD, committing seal ------------------------------------------------------


def HASH(label: bytes, x: bytes) -> bytes:
    return hashlib.sha512(LP(label) + x).digest()


def HKDF(salt: bytes, ikm: bytes, label: bytes, context: bytes, n: int) -> bytes:
    """RFC 5869: extract, then expand."""
    prk = hmac.digest(salt, ikm, "sha512")
    okm = t = b""
    counter = 1
    while len(okm) < n:
        t = hmac.digest(prk, t + LP(label) + context + bytes([counter]), "sha512")
        okm += t
        counter += 1
    return okm[:n]


def BLAKE(key: bytes, person: bytes, x: bytes) -> bytes:
    return hashlib.blake2b(x, key=key, person=person).digest()


def AEAD(key: bytes, nonce: bytes, ad: bytes, plaintext: bytes) -> bytes:
    return nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, ad, nonce, key)


def open_aead(key: bytes, nonce: bytes, ad: bytes, ciphertext: bytes) -> bytes | None:
    """None: it does not authenticate."""
    if len(ciphertext) < 16:
        return None
    try:
        return nacl.bindings.crypto_aead_chacha20poly1305_ietf_decrypt(ciphertext, ad, nonce, key)
    except nacl.exceptions.CryptoError:
        return None


def SEAL(key: bytes, person: bytes, nonce: bytes, ad: bytes, plaintext: bytes) -> bytes:
    okm = BLAKE(key, person, nonce + ad)
    return okm[32:] + AEAD(okm[:32], zeros(12), b"", plaintext)


def open_seal(key: bytes, person: bytes, nonce: bytes, ad: bytes, sealed: bytes) -> bytes | None:
    """None: it does not authenticate."""
    okm = BLAKE(key, person, nonce + ad)
    if not hmac.compare_digest(okm[32:], sealed[:32]):
        return None
    return open_aead(okm[:32], zeros(12), b"", sealed[32:])
