from __future__ import annotations

import copy
import pickle

import nacl.bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import cut_or_extended, flips
from support.spies import counted

from ratchetlib.errors import UsageError
from ratchetlib.primitives import aead
from ratchetlib.primitives import answers as known
from ratchetlib.primitives.aead import HeaderKey

KEY = bytes(range(32))
NONCE = bytes(range(12))
ZERO_NONCE = bytes(12)

keys = st.binary(min_size=32, max_size=32)
nonces = st.binary(min_size=12, max_size=12)


# --- keys used once -----------------------------------------------------------------------------


@given(key=keys, plaintext=st.binary())
def test_a_key_used_once_seals_as_libsodium_under_the_zero_nonce(key: bytes, plaintext: bytes) -> None:
    sealed = aead.seal_once(key, plaintext)
    assert sealed == nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, None, ZERO_NONCE, key)
    assert aead.open_once(key, sealed) == plaintext


@pytest.mark.attack("A48")
def test_every_bit_and_every_byte_of_it_counts() -> None:
    sealed = aead.seal_once(KEY, b"plaintext")
    assert len(sealed) == len(b"plaintext") + aead.TAG_LENGTH
    assert all(aead.open_once(KEY, damaged) is None for damaged in flips(sealed))
    assert all(aead.open_once(KEY, damaged) is None for damaged in cut_or_extended(sealed))
    assert aead.open_once(bytes(32), sealed) is None


@pytest.mark.attack("A100")
@given(sealed=st.binary())
def test_any_bytes_are_taken_and_nothing_escapes(sealed: bytes) -> None:
    assert aead.open_once(KEY, sealed) is None
    assert HeaderKey(KEY).open(NONCE, sealed, b"") is None


# --- header keys --------------------------------------------------------------------------------


def test_the_vector_of_rfc_8439() -> None:
    key = HeaderKey(known.AEAD_KEY)
    sealed = key.seal(known.AEAD_NONCE, known.AEAD_PLAINTEXT, known.AEAD_DATA)
    assert sealed[:4].hex() == "d31a8d34"
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"
    assert HeaderKey(known.AEAD_KEY).open(known.AEAD_NONCE, sealed, known.AEAD_DATA) == known.AEAD_PLAINTEXT


@given(key=keys, nonce=nonces, plaintext=st.binary(), data=st.binary())
def test_a_header_key_seals_as_libsodium(key: bytes, nonce: bytes, plaintext: bytes, data: bytes) -> None:
    header_key = HeaderKey(key)
    sealed = header_key.seal(nonce, plaintext, data)
    assert sealed == nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, data, nonce, key)
    assert header_key.open(nonce, sealed, data) == plaintext


@pytest.mark.attack("A48")
def test_key_nonce_data_and_every_bit_count() -> None:
    key = HeaderKey(KEY)
    sealed = key.seal(NONCE, b"header", b"data")
    assert key.open(NONCE, sealed, b"data") == b"header"
    assert HeaderKey(bytes(32)).open(NONCE, sealed, b"data") is None
    assert all(key.open(nonce, sealed, b"data") is None for nonce in flips(NONCE))
    assert all(key.open(NONCE, sealed, data) is None for data in (*flips(b"data"), b"", b"data\0"))
    assert all(key.open(NONCE, damaged, b"data") is None for damaged in flips(sealed))
    assert all(key.open(NONCE, damaged, b"data") is None for damaged in cut_or_extended(sealed))


SEALED = HeaderKey(KEY).seal(NONCE, b"header", b"")


@pytest.mark.parametrize("sealing_first", [True, False])
def test_the_cipher_is_set_up_by_the_first_success_and_kept(sealing_first: bool) -> None:  # noqa: FBT001
    key = HeaderKey(KEY)
    with counted(aead, "ChaCha20Poly1305") as made:
        for _ in range(3):
            if sealing_first:
                assert key.seal(NONCE, b"header", b"") == SEALED
            assert key.open(NONCE, SEALED, b"") == b"header"
            assert key.open(NONCE, SEALED, b"other") is None
            assert key.seal(NONCE, b"header", b"") == SEALED
    assert len(made) == 1


def test_a_failed_trial_leaves_no_cipher_behind() -> None:
    key = HeaderKey(KEY)
    with counted(aead, "ChaCha20Poly1305") as made:
        assert [key.open(NONCE, SEALED, b"other") for _ in range(3)] == [None] * 3
    assert len(made) == 3
    assert key._cipher is None


def test_a_rested_key_is_the_same_key_without_its_cipher() -> None:
    key = HeaderKey(KEY)
    key.seal(NONCE, b"header", b"")
    rested = key.rested()
    assert rested._cipher is None
    assert rested.open(NONCE, SEALED, b"") == b"header"


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_another_length_is_refused(length: int) -> None:
    with pytest.raises(UsageError, match="a HeaderKey is 32 bytes"):
        HeaderKey(bytes(length))


@pytest.mark.attack("A93")
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_header_key_is_neither_copied_nor_pickled(used: bool, take: object) -> None:  # noqa: FBT001
    key = HeaderKey(KEY)
    if used:
        key.seal(NONCE, b"", b"")
    with pytest.raises(TypeError, match="HeaderKey is neither copied nor pickled"):
        take(key)  # type: ignore[operator]


def test_a_header_key_shows_nothing() -> None:
    key = HeaderKey(KEY)
    key.seal(NONCE, b"", b"")
    assert f"{key!r} {key}" == "<HeaderKey: 32 secret bytes> <HeaderKey: 32 secret bytes>"
    assert not hasattr(key, "__dict__")
