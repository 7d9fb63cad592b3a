from __future__ import annotations

import hmac
import os

import nacl.bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import cut_or_extended, flips
from support.salamander import salamander
from support.spies import counted

from ratchetlib.keys import MessageKey
from ratchetlib.primitives import aead, seal

KEY = MessageKey(bytes(range(32)))
PERSON = b"a person is this"
NONCE = bytes(range(24))
AD = b"associated"
SEALED = seal.seal(KEY, PERSON, NONCE, AD, b"plaintext")


def derived(key: MessageKey, nonce: bytes, associated_data: bytes) -> tuple[bytes, bytes]:
    """The AEAD key and the commitment, from libsodium."""
    okm = nacl.bindings.crypto_generichash_blake2b_salt_personal(nonce + associated_data, 64, key.raw, b"", PERSON)
    return okm[:32], okm[32:]


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


# --- the construction ---------------------------------------------------------------------------


@given(
    key=st.binary(min_size=32, max_size=32), nonce=st.binary(min_size=24, max_size=24), ad=st.binary(), text=st.binary()
)
def test_the_seal_is_what_its_formula_says_computed_by_libsodium(
    key: bytes, nonce: bytes, ad: bytes, text: bytes
) -> None:
    role = MessageKey(key)
    aead_key, commitment = derived(role, nonce, ad)
    ciphertext = nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(text, None, bytes(12), aead_key)
    sealed = seal.seal(role, PERSON, nonce, ad, text)
    assert sealed == commitment + ciphertext
    assert seal.open_(role, PERSON, nonce, ad, sealed) == text


@pytest.mark.attack("A48")
def test_the_sizes_are_those_of_the_specification() -> None:
    assert (seal.NONCE_LENGTH, seal.COMMITMENT_LENGTH, seal.OVERHEAD) == (24, 32, 24 + 32 + 16)
    assert len(NONCE + SEALED) == len(b"plaintext") + seal.OVERHEAD


def test_everything_is_bound() -> None:
    assert seal.open_(KEY, PERSON, NONCE, AD, SEALED) == b"plaintext"
    assert seal.open_(MessageKey(bytes(32)), PERSON, NONCE, AD, SEALED) is None
    assert seal.open_(KEY, b"another person..", NONCE, AD, SEALED) is None
    assert all(seal.open_(KEY, PERSON, nonce, AD, SEALED) is None for nonce in flips(NONCE))
    assert all(seal.open_(KEY, PERSON, NONCE, data, SEALED) is None for data in (*flips(AD), b"", AD + b"\0"))


@pytest.mark.attack("A48")
def test_every_bit_and_every_byte_counts() -> None:
    assert all(seal.open_(KEY, PERSON, NONCE, AD, damaged) is None for damaged in flips(SEALED))
    assert all(seal.open_(KEY, PERSON, NONCE, AD, damaged) is None for damaged in cut_or_extended(SEALED))


@pytest.mark.attack("A48")
def test_a_commitment_one_byte_shorter_or_longer_is_refused() -> None:
    commitment, rest = SEALED[:32], SEALED[32:]
    for damaged in (commitment[:-1], commitment[1:], commitment + b"\0", commitment + commitment[:1]):
        assert seal.open_(KEY, PERSON, NONCE, AD, damaged + rest) is None


@pytest.mark.attack("A100")
@given(sealed=st.binary())
def test_any_bytes_are_taken_and_nothing_escapes(sealed: bytes) -> None:
    assert seal.open_(KEY, PERSON, NONCE, AD, sealed) is None


@pytest.mark.attack("A100")
@given(tail=st.binary())
def test_behind_a_genuine_commitment_nothing_escapes_either(tail: bytes) -> None:
    assert seal.open_(KEY, PERSON, NONCE, AD, SEALED[:32] + tail) is None


@pytest.mark.attack("A49")
def test_the_commitment_is_compared_in_constant_time_and_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with counted(hmac, "compare_digest") as compared, counted(aead, "open_once") as opened:
        assert seal.open_(KEY, PERSON, NONCE, AD, bytes(32) + SEALED[32:]) is None
        assert (len(compared), len(opened)) == (1, 0)
    monkeypatch.setattr(seal, "equal", lambda *_: False)
    assert seal.open_(KEY, PERSON, NONCE, AD, SEALED) is None


# --- a key used twice ---------------------------------------------------------------------------


@pytest.mark.attack("A46")
def test_a_key_used_twice_repeats_no_key_stream() -> None:
    """The same state restored twice: only the nonce differs."""
    texts = b"attack at dawn..", b"retreat at noon."
    nonces = os.urandom(24), os.urandom(24)
    one, other = (seal.seal(KEY, PERSON, nonce, AD, text) for nonce, text in zip(nonces, texts, strict=True))
    assert one[:32] != other[:32], "commitments"
    assert xor(one[32:48], other[32:48]) != xor(*texts), "key streams"
    assert derived(KEY, nonces[0], AD)[0] != derived(KEY, nonces[1], AD)[0], "AEAD keys"


@pytest.mark.attack("A46")
def test_what_a_key_used_twice_would_give_away_without_it() -> None:
    """The control: the raw AEAD under one key leaks the difference of the plaintexts."""
    texts = b"attack at dawn..", b"retreat at noon."
    one, other = (aead.seal_once(KEY.raw, text) for text in texts)
    assert xor(one[:16], other[:16]) == xor(*texts)


# --- one ciphertext, two keys -------------------------------------------------------------------


@pytest.mark.attack("A47")
def test_a_salamander_opens_under_two_raw_keys_and_under_at_most_one_seal() -> None:
    for _ in range(1000):
        keys = MessageKey(os.urandom(32)), MessageKey(os.urandom(32))
        (one_key, one), (other_key, other) = (derived(key, NONCE, AD) for key in keys)
        ciphertext = salamander(one_key, other_key)
        assert aead.open_once(one_key, ciphertext) is not None
        assert aead.open_once(other_key, ciphertext) is not None
        for commitment, openings in ((one, [True, False]), (other, [False, True]), (bytes(32), [False, False])):
            sealed = commitment + ciphertext
            assert [seal.open_(key, PERSON, NONCE, AD, sealed) is not None for key in keys] == openings


@pytest.mark.attack("A47")
def test_a_salamander_of_two_contexts_opens_in_one_of_them() -> None:
    """One key, two associated data or nonces: the commitment names them too."""
    contexts = ((NONCE, AD), (NONCE, b"other"), (bytes(24), AD))
    for context, other in ((contexts[0], contexts[1]), (contexts[0], contexts[2])):
        (one_key, commitment), (other_key, _) = derived(KEY, *context), derived(KEY, *other)
        sealed = commitment + salamander(one_key, other_key)
        assert seal.open_(KEY, PERSON, *context, sealed) is not None
        assert seal.open_(KEY, PERSON, *other, sealed) is None
