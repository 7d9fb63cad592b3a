"""What travels in chunks: the owner's key and its hash, the answer's ciphertext and its key confirmation.

key stream        = key 1,184 || SHA-512(LP(label) || key)[:32] || zeros 32,   13 chunks
ciphertext stream = ciphertext 1,088 || confirmation 32 || zeros 32,           12 chunks
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ratchetlib.errors import InvalidKey
from ratchetlib.keys import KemPublicKey, PqSecret
from ratchetlib.labels import HASH_PQ_EXCHANGE, HASH_PQ_KEY, KDF_PQ_SECRET
from ratchetlib.limits import MAX_CHUNKS
from ratchetlib.primitives.compare import equal
from ratchetlib.primitives.kdf import NO_SALT, hkdf, sha512
from ratchetlib.primitives.kem import ML_KEM_768
from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH, Code, Encoder
from ratchetlib.wire import u32

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ratchetlib.keys import KemSecret, KemSeed

_CHECK_LENGTH: Final = 32
_TAIL: Final = bytes(32)
KEY_CODE: Final = Code((ML_KEM_768.public_key_length + _CHECK_LENGTH + len(_TAIL)) // CHUNK_LENGTH, MAX_CHUNKS)
CIPHERTEXT_CODE: Final = Code((ML_KEM_768.ciphertext_length + _CHECK_LENGTH + len(_TAIL)) // CHUNK_LENGTH, MAX_CHUNKS)


class Exchange(NamedTuple):
    """Which exchange a secret is of: both sides must agree on all of it.

    Attributes:
        session_id: 32 bytes.
        epoch: the epoch in progress, from 1.
        key: the owner's encapsulation key.
        ciphertext: encapsulated to it.
    """

    session_id: bytes
    epoch: int
    key: KemPublicKey
    ciphertext: bytes


def offer(key: KemPublicKey) -> Encoder:
    """The key stream, 1,248 bytes."""
    return Encoder(KEY_CODE, key + _key_check(key) + _TAIL)


def read_key(chunks: Mapping[int, bytes]) -> KemPublicKey | None:
    """The key of 13 chunks; None where hash, zeros or the key itself are wrong."""
    stream = KEY_CODE.decode(chunks)
    raw, rest = stream[: ML_KEM_768.public_key_length], stream[ML_KEM_768.public_key_length :]
    if rest != _key_check(raw) + _TAIL:
        return None
    try:
        return ML_KEM_768.parse_public_key(raw)
    except InvalidKey:
        return None


def answer(session_id: bytes, epoch: int, key: KemPublicKey) -> tuple[PqSecret, Encoder]:
    """Encapsulate: the secret, and the ciphertext stream, 1,152 bytes."""
    kem_secret, ciphertext = ML_KEM_768.encapsulate(key)
    secret, confirmation = _derive(kem_secret, Exchange(session_id, epoch, key, ciphertext))
    return secret, Encoder(CIPHERTEXT_CODE, ciphertext + confirmation + _TAIL)


def read_answer(
    session_id: bytes, epoch: int, seed: KemSeed, sent: bytes, chunks: Mapping[int, bytes]
) -> PqSecret | None:
    """Decapsulate 12 chunks; None where the confirmation or the zeros are wrong. `sent` is our key stream.

    ML-KEM itself never says that a ciphertext is wrong: the confirmation does, before the secret touches the root.
    """
    stream = CIPHERTEXT_CODE.decode(chunks)
    ciphertext, rest = stream[: ML_KEM_768.ciphertext_length], stream[ML_KEM_768.ciphertext_length :]
    key = KemPublicKey(sent[: ML_KEM_768.public_key_length])
    secret, confirmation = _derive(
        ML_KEM_768.decapsulate(seed, ciphertext), Exchange(session_id, epoch, key, ciphertext)
    )
    return secret if equal(rest, confirmation + _TAIL) else None


def _key_check(key: bytes) -> bytes:
    return sha512(HASH_PQ_KEY, key)[:_CHECK_LENGTH]


def _derive(kem_secret: KemSecret, exchange: Exchange) -> tuple[PqSecret, bytes]:
    """HKDF(zero salt, ss, info = LP(label) || session id || epoch 4 || hash of key and ciphertext 64), two halves."""
    transcript = sha512(HASH_PQ_EXCHANGE, exchange.key + exchange.ciphertext)
    context = exchange.session_id + u32(exchange.epoch) + transcript
    okm = hkdf(salt=NO_SALT, secret=kem_secret.raw, label=KDF_PQ_SECRET, context=context, length=64)
    return PqSecret(okm[:32]), okm[32:]
