"""What travels in chunks: byte for byte as specified, and nothing taken that does not fit together."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from support.pq import CIPHERTEXT_CHUNKS, KEY_CHUNKS, SESSION_ID

import ratchetlib
from ratchetlib.keys import KemPublicKey, KemSeed, PqSecret
from ratchetlib.primitives.kem import ML_KEM_768
from ratchetlib.ratchet.pq.erasure import CHUNK_LENGTH, Encoder
from ratchetlib.ratchet.pq.streams import CIPHERTEXT_CODE, KEY_CODE, answer, offer, read_answer, read_key

KEY_LENGTH = 1184
CIPHERTEXT_LENGTH = 1088
EPOCH = 7
SEED = KemSeed(bytes(range(64)))
KEY = ML_KEM_768.public_key(SEED)
OFFER = offer(KEY)
SECRET, ANSWER = answer(SESSION_ID, EPOCH, KEY)

Set = dict[int, bytes]


def pieces(encoder: Encoder, *points: int) -> Set:
    return {point: encoder.chunk(point) for point in points}


def cut(stream: bytes) -> Set:
    """The data chunks of a stream, whatever it holds."""
    return {
        start // CHUNK_LENGTH: stream[start : start + CHUNK_LENGTH] for start in range(0, len(stream), CHUNK_LENGTH)
    }


def lp(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def sha512(label: bytes, data: bytes) -> bytes:
    return hashlib.sha512(lp(b"ratchetlib/1 " + label) + data).digest()


def derived(seed: KemSeed, ciphertext: bytes, *, session_id: bytes = SESSION_ID, epoch: int = EPOCH) -> bytes:
    """Secret and confirmation by the specification's formula, over HMAC alone: HKDF's single block."""
    exchange = sha512(b"pq exchange", ML_KEM_768.public_key(seed) + ciphertext)
    info = lp(b"ratchetlib/1 pq secret") + session_id + epoch.to_bytes(4, "big") + exchange
    extracted = hmac.digest(bytes(64), ML_KEM_768.decapsulate(seed, ciphertext).raw, "sha512")
    return hmac.digest(extracted, info + b"\1", "sha512")


def key_stream(key: bytes, check: bytes | None = None, tail: bytes = bytes(32)) -> Set:
    return cut(key + (sha512(b"pq key", key)[:32] if check is None else check) + tail)


def read(chunks: Set, *, session_id: bytes = SESSION_ID, epoch: int = EPOCH, seed: KemSeed = SEED) -> PqSecret | None:
    return read_answer(session_id, epoch, seed, OFFER.stream, chunks)


# --- layout -------------------------------------------------------------------------------------


def test_a_key_takes_thirteen_chunks_and_a_ciphertext_twelve() -> None:
    assert (KEY_CODE.k, CIPHERTEXT_CODE.k) == (KEY_CHUNKS, CIPHERTEXT_CHUNKS)
    assert (KEY_CODE.points, CIPHERTEXT_CODE.points) == (64, 64)


def test_the_key_stream_is_key_hash_and_zeros() -> None:
    assert OFFER.stream == KEY + sha512(b"pq key", KEY)[:32] + bytes(32)
    assert len(OFFER.stream) == KEY_CHUNKS * CHUNK_LENGTH


def test_the_ciphertext_stream_is_ciphertext_confirmation_and_zeros() -> None:
    ciphertext, rest = ANSWER.stream[:CIPHERTEXT_LENGTH], ANSWER.stream[CIPHERTEXT_LENGTH:]
    okm = derived(SEED, ciphertext)
    assert SECRET.raw == okm[:32]
    assert rest == okm[32:] + bytes(32)
    assert len(ANSWER.stream) == CIPHERTEXT_CHUNKS * CHUNK_LENGTH


# --- the key ------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1, 12, 13, 51])
def test_any_thirteen_chunks_give_the_key(first: int) -> None:
    assert read_key(pieces(OFFER, *range(first, first + KEY_CHUNKS))) == KEY


@pytest.mark.attack("A68")
@pytest.mark.parametrize("point", [0, 11, 12])
def test_one_false_chunk_among_thirteen_gives_no_key(point: int) -> None:
    chunks = pieces(OFFER, *range(KEY_CHUNKS))
    chunks[point] = bytes(CHUNK_LENGTH)
    assert read_key(chunks) is None


def test_a_key_with_another_hash_is_refused() -> None:
    assert read_key(key_stream(KEY)) == KEY
    assert read_key(key_stream(KEY, check=bytes(32))) is None
    assert read_key(key_stream(KEY, check=sha512(b"pq exchange", KEY)[:32])) is None


@pytest.mark.parametrize("position", [0, 31])
def test_a_key_stream_ends_in_zeros(position: int) -> None:
    tail = bytearray(32)
    tail[position] = 1
    assert read_key(key_stream(KEY, tail=bytes(tail))) is None


@pytest.mark.attack("A18")
@pytest.mark.parametrize("rho", [bytes(32), bytes(range(32))])
def test_a_key_under_which_anybody_computes_the_secret_is_refused(rho: bytes) -> None:
    assert read_key(key_stream(bytes(KEY_LENGTH - 32) + rho)) is None


@pytest.mark.attack("A18")
@pytest.mark.parametrize("coefficient", [0, 767])
def test_an_unreduced_key_is_refused(coefficient: int) -> None:
    """Two coefficients of twelve bits take three bytes; 3,329 and more are not reduced (FIPS 203, section 7.2)."""
    start, half = coefficient // 2 * 3, coefficient % 2
    raw = bytearray(KEY)
    word = int.from_bytes(raw[start : start + 3], "little") | 0xFFF << 12 * half
    raw[start : start + 3] = word.to_bytes(3, "little")
    assert read_key(key_stream(bytes(raw))) is None


# --- the answer ---------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1, 11, 12, 52])
def test_any_twelve_chunks_give_the_secret(first: int) -> None:
    secret = read(pieces(ANSWER, *range(first, first + CIPHERTEXT_CHUNKS)))
    assert secret is not None
    assert secret.raw == SECRET.raw


def test_each_answer_is_another_secret() -> None:
    other, encoder = answer(SESSION_ID, EPOCH, KEY)
    assert other.raw != SECRET.raw
    assert encoder.stream != ANSWER.stream


@pytest.mark.attack("A70")
@pytest.mark.parametrize("position", range(0, CIPHERTEXT_CHUNKS * CHUNK_LENGTH, 97))
def test_a_byte_changed_anywhere_is_found_before_the_secret_is_used(position: int) -> None:
    """ML-KEM itself rejects implicitly: it is the confirmation that tells."""
    stream = bytearray(ANSWER.stream)
    stream[position] ^= 1
    assert read(cut(bytes(stream))) is None


@pytest.mark.attack("A17", "A70")
def test_an_answer_is_bound_to_session_epoch_and_key() -> None:
    chunks = cut(ANSWER.stream)
    assert read(chunks, session_id=bytes(32)) is None
    assert read(chunks, epoch=EPOCH + 1) is None
    assert read(chunks, seed=KemSeed(bytes(64))) is None
    # The right private key under another public one: what re-encapsulation would need.
    other = offer(KemPublicKey(ML_KEM_768.public_key(KemSeed(bytes(64)))))
    assert read_answer(SESSION_ID, EPOCH, SEED, other.stream, chunks) is None


@pytest.mark.attack("A70")
def test_a_confirmation_of_an_implicitly_rejected_secret_needs_the_private_key() -> None:
    """Whoever knows what ML-KEM makes of a false ciphertext, the owner alone, could confirm it; the sender cannot."""
    ciphertext = bytes(CIPHERTEXT_LENGTH)
    okm = derived(SEED, ciphertext)
    confirmed = read(cut(ciphertext + okm[32:] + bytes(32)))
    assert confirmed is not None
    assert confirmed.raw == okm[:32]
    assert read(cut(ciphertext + okm[:32] + bytes(32))) is None


@pytest.mark.parametrize("position", [0, 31])
def test_a_ciphertext_stream_ends_in_zeros(position: int) -> None:
    tail = bytearray(32)
    tail[position] = 1
    assert read(cut(ANSWER.stream[:-32] + bytes(tail))) is None


# --- where the lattice is -----------------------------------------------------------------------


@pytest.mark.attack("A67")
def test_ml_kem_is_called_in_one_module() -> None:
    root = Path(ratchetlib.__file__).parent
    calling = {path.relative_to(root).as_posix() for path in root.rglob("*.py") if "mlkem" in path.read_text("utf-8")}
    assert calling == {"primitives/kem.py"}
