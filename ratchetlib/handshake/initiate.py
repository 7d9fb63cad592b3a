"""The initiator's half of the handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib.errors import BundleReason, BundleRejected, IdentityChanged
from ratchetlib.handshake import schedule
from ratchetlib.handshake.block import IdentityBlock, seal_block
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.identity import agree_as
from ratchetlib.primitives import dh
from ratchetlib.primitives.kem import ML_KEM_1024

if TYPE_CHECKING:
    from ratchetlib.identity import IdentityKey, IdentityKeyPair
    from ratchetlib.keys import DhPrivateKey, DhPublicKey
    from ratchetlib.prekeys import PrekeyBundle


class Initiated(NamedTuple):
    """A handshake begun.

    Attributes:
        secrets: the session's first keys and id.
        prefix: the encoded prefix that goes in front of each message until a reply decrypts.
        peer_ratchet_key: the signed prekey, which is the responder's first ratchet key.
    """

    secrets: schedule.SessionSecrets
    prefix: bytes
    peer_ratchet_key: DhPublicKey


def require_acceptable(
    bundle: PrekeyBundle,
    *,
    ours: IdentityKey,
    their_address: bytes,
    now: int,
    expected_identity: IdentityKey | None,
    minimum_epoch: int,
    require_one_time: bool,
) -> None:
    """The initiator's policy on a verified bundle, before any key is derived.

    Raises:
        IdentityChanged: the bundle's identity is not the pinned one.
        BundleRejected: for another address, outside its validity, below the lowest epoch, without a required one-time
            item, or of an identity that shares a key with ours.
    """
    signed = bundle.signed
    if signed.address != their_address:
        raise BundleRejected(BundleReason.WRONG_ADDRESS)
    if expected_identity is not None and signed.identity != expected_identity:
        raise IdentityChanged(expected_identity, signed.identity)
    if signed.identity.shares_a_key_with(ours):
        raise BundleRejected(BundleReason.OWN_IDENTITY)
    signed.require_current(now)
    if signed.epoch < minimum_epoch:
        raise BundleRejected(BundleReason.OLD_EPOCH)
    if require_one_time and bundle.one_time is None:
        raise BundleRejected(BundleReason.NO_ONE_TIME)


def initiate(
    identity: IdentityKeyPair, bundle: PrekeyBundle, *, our_address: bytes, their_address: bytes, now: int
) -> Initiated:
    """Derive the session's first keys from an acceptable bundle (PQXDH specification, section 3.3).

    Raises:
        RandomnessError: the random source has failed.
    """
    signed, item = bundle.signed, bundle.one_time
    ephemeral = dh.generate()
    ephemeral_public = dh.public_key(ephemeral)
    agreements, ciphertext = _agree(ephemeral, bundle)
    th0 = schedule.transcript_0(signed, item, ephemeral_public, ciphertext)
    block = IdentityBlock(identity.public, our_address, created_at=now)
    sealed_block = seal_block(schedule.block_key(th0, agreements), block)
    us = schedule.Party(identity.public, our_address)
    them = schedule.Party(signed.identity, their_address)
    th1 = schedule.transcript_1(th0, sealed_block, initiator=us, responder=them)
    prefix = Prefix(
        bundle_id=signed.bundle_id,
        item_id=None if item is None else item.item_id,
        ephemeral=ephemeral_public,
        ciphertext=ciphertext,
        sealed_block=sealed_block,
    )
    dh1 = agree_as(identity, signed.signed_prekey)
    return Initiated(schedule.session_secrets(th1, dh1, agreements), prefix.to_bytes(), signed.signed_prekey)


def _agree(ephemeral: DhPrivateKey, bundle: PrekeyBundle) -> tuple[schedule.Agreements, bytes]:
    signed, item = bundle.signed, bundle.one_time
    kem_secret, ciphertext = ML_KEM_1024.encapsulate(signed.last_resort_key if item is None else item.kem_key)
    agreements = schedule.Agreements(
        dh2=dh.agree(ephemeral, signed.identity.agreement),
        dh3=dh.agree(ephemeral, signed.signed_prekey),
        dh4=None if item is None else dh.agree(ephemeral, item.prekey),
        kem=kem_secret,
    )
    return agreements, ciphertext
