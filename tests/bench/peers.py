"""The other libraries' conversations, each ready to exchange messages both ways."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, NamedTuple

import vodozemac
from doubleratchet import DoubleRatchet, EncryptedMessage, Header
from doubleratchet.recommended import (
    HashFunction,
    aead_aes_hmac,
    diffie_hellman_ratchet_curve25519,
    kdf_hkdf,
    kdf_separate_hmacs,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib import Session

MESSAGE = b"x" * 100


class Exchange(NamedTuple):
    """One message from the first side to the second and back: encrypted and decrypted."""

    there: Callable[[], object]
    back: Callable[[], object]


def ratchetlib_exchange(alice: Session, bob: Session) -> Exchange:
    return Exchange(lambda: bob.decrypt(alice.encrypt(MESSAGE)), lambda: alice.decrypt(bob.encrypt(MESSAGE)))


def vodozemac_exchange() -> Exchange:
    alice_account, bob_account = vodozemac.Account(), vodozemac.Account()
    bob_account.generate_one_time_keys(1)
    (one_time_key,) = bob_account.one_time_keys.values()
    alice = alice_account.create_outbound_session(bob_account.curve25519_key, one_time_key)
    first = alice.encrypt(MESSAGE).to_pre_key()
    bob, _ = bob_account.create_inbound_session(alice_account.curve25519_key, first)
    alice.decrypt(bob.encrypt(MESSAGE))
    return Exchange(lambda: bob.decrypt(alice.encrypt(MESSAGE)), lambda: alice.decrypt(bob.encrypt(MESSAGE)))


class _Ratchet(DoubleRatchet):
    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        lengths = header.previous_sending_chain_length.to_bytes(4, "big") + header.sending_chain_length.to_bytes(
            4, "big"
        )
        return associated_data + header.ratchet_pub + lengths


class _RootKdf(kdf_hkdf.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_512

    @staticmethod
    def _get_info() -> bytes:
        return b"bench root"


class _MessageKdf(kdf_separate_hmacs.KDF):
    """SHA-256: this KDF gives a whole digest for each of its two constants, and the keys are 32 bytes."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class _Aead(aead_aes_hmac.AEAD):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_512

    @staticmethod
    def _get_info() -> bytes:
        return b"bench aead"


def doubleratchet_exchange() -> Exchange:
    loop = asyncio.new_event_loop()
    run = loop.run_until_complete
    settings = {
        "diffie_hellman_ratchet_class": diffie_hellman_ratchet_curve25519.DiffieHellmanRatchet,
        "root_chain_kdf": _RootKdf,
        "message_chain_kdf": _MessageKdf,
        "message_chain_constant": b"\x01\x02",
        "dos_protection_threshold": 1000,
        "max_num_skipped_message_keys": 2000,
        "aead": _Aead,
    }
    secret, private = os.urandom(32), os.urandom(32)
    public = settings["diffie_hellman_ratchet_class"]._derive_pub(private)
    alice, first = run(
        _Ratchet.encrypt_initial_message(
            **settings, shared_secret=secret, recipient_ratchet_pub=public, message=MESSAGE, associated_data=b""
        )
    )
    bob, _ = run(
        _Ratchet.decrypt_initial_message(
            **settings, shared_secret=secret, own_ratchet_priv=private, message=first, associated_data=b""
        )
    )

    async def send(sender: DoubleRatchet, receiver: DoubleRatchet) -> None:
        message: EncryptedMessage = await sender.encrypt_message(MESSAGE, b"")
        await receiver.decrypt_message(message, b"")

    run(send(bob, alice))
    return Exchange(lambda: run(send(alice, bob)), lambda: run(send(bob, alice)))
