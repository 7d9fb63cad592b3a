from __future__ import annotations

import hashlib
import hmac

import nacl.bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchetlib.keys import ChainKey, MessageKey
from ratchetlib.labels import PERSON_CHAIN_STEP
from ratchetlib.primitives import kdf

labels = st.binary(max_size=40)
keys = st.binary(min_size=32, max_size=32)


def length_prefixed(data: bytes) -> bytes:
    return bytes([0, 0, 0, len(data)]) + data


def rfc_5869(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA-512 as its two formulas say, with the standard library's HMAC."""
    pseudorandom_key = hmac.digest(salt, secret, "sha512")
    output = block = b""
    for number in range(1, -(-length // 64) + 1):
        block = hmac.digest(pseudorandom_key, block + info + bytes([number]), "sha512")
        output += block
    return output[:length]


@given(label=labels, data=st.binary())
def test_sha512_is_over_the_labelled_data_and_as_libsodiums(label: bytes, data: bytes) -> None:
    assert kdf.sha512(label, data) == nacl.bindings.crypto_hash_sha512(length_prefixed(label) + data)


@given(
    salt=keys | st.just(kdf.NO_SALT),
    secret=st.binary(min_size=32, max_size=160),
    label=labels,
    context=st.binary(max_size=80),
    length=st.integers(1, 200),
)
def test_hkdf_is_that_of_rfc_5869_over_the_labelled_context(
    salt: bytes, secret: bytes, label: bytes, context: bytes, length: int
) -> None:
    derived = kdf.hkdf(salt=salt, secret=secret, label=label, context=context, length=length)
    assert derived == rfc_5869(salt, secret, length_prefixed(label) + context, length)


@pytest.mark.attack("A5", "A62")
def test_a_byte_does_not_move_between_label_and_data() -> None:
    def derive(label: bytes, context: bytes) -> bytes:
        return kdf.hkdf(salt=kdf.NO_SALT, secret=bytes(32), label=label, context=context, length=32)

    assert kdf.sha512(b"ab", b"c") != kdf.sha512(b"a", b"bc")
    assert derive(b"ab", b"c") != derive(b"a", b"bc")


def test_no_salt_is_what_the_rfc_puts_there() -> None:
    assert kdf.HASH_LENGTH == hashlib.sha512().digest_size == 64
    assert kdf.NO_SALT == b"\0" * kdf.HASH_LENGTH


@given(key=keys)
def test_the_chain_step_is_libsodiums_keyed_blake2b(key: bytes) -> None:
    chain_key, message_key = kdf.chain_step(ChainKey(key))
    assert (type(chain_key), type(message_key)) == (ChainKey, MessageKey)
    okm = nacl.bindings.crypto_generichash_blake2b_salt_personal(b"", 64, key, b"", PERSON_CHAIN_STEP)
    assert chain_key.raw + message_key.raw == okm


def test_a_chain_repeats_no_key() -> None:
    chain_key, seen = ChainKey(bytes(32)), {bytes(32)}
    for _ in range(1000):
        chain_key, message_key = kdf.chain_step(chain_key)
        seen |= {chain_key.raw, message_key.raw}
    assert len(seen) == 2001


@given(key=keys, person=st.binary(min_size=16, max_size=16), data=st.binary())
def test_keyed_blake2b_is_libsodiums(key: bytes, person: bytes, data: bytes) -> None:
    expected = nacl.bindings.crypto_generichash_blake2b_salt_personal(data, 64, key, b"", person)
    assert kdf.keyed_blake2b(key=key, person=person, data=data) == expected
