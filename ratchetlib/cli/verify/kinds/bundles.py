"""Published prekeys: made, parsed, joined, and judged by an initiator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib import IdentityKey, IdentityKeyPair, PrekeyBundle
from ratchetlib.cli.verify.fields import as_hex
from ratchetlib.handshake.initiate import require_acceptable
from ratchetlib.keys import DhPrivateKey, DhPublicKey, KemPublicKey, SigningSeed
from ratchetlib.prekeys.one_time import OneTimeItem
from ratchetlib.prekeys.signed import SignedBundle

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields, Outputs


def _owner(fields: Fields) -> IdentityKeyPair:
    return IdentityKeyPair(SigningSeed(fields.hex("signing_seed")), DhPrivateKey(fields.hex("agreement_key")))


def signed_bundle_of(fields: Fields) -> Outputs:
    """A signed bundle, made."""
    bundle = SignedBundle.create(
        _owner(fields),
        address=fields.hex("address"),
        epoch=fields.number("epoch"),
        not_before=fields.number("not_before"),
        not_after=fields.number("not_after"),
        signed_prekey=DhPublicKey(fields.hex("signed_prekey")),
        last_resort_key=KemPublicKey(fields.hex("last_resort_key")),
    )
    return as_hex(encoded=bundle.encoded, bundle_id=bundle.bundle_id)


def one_time_item_of(fields: Fields) -> Outputs:
    """A one-time item, made."""
    # Only the owner's signing key signs: the agreement key is any.
    owner = IdentityKeyPair(SigningSeed(fields.hex("signing_seed")), DhPrivateKey(bytes(range(32))))
    item = OneTimeItem.create(
        owner,
        address=fields.hex("address"),
        epoch=fields.number("epoch"),
        prekey=DhPublicKey(fields.hex("prekey")),
        kem_key=KemPublicKey(fields.hex("kem_key")),
    )
    return as_hex(encoded=item.encoded, item_id=item.item_id)


def signed_bundle(fields: Fields) -> Outputs:
    """A signed bundle, parsed."""
    bundle = SignedBundle.from_bytes(fields.hex("encoded"))
    return {
        **as_hex(bundle_id=bundle.bundle_id, address=bundle.address, signed_prekey=bundle.signed_prekey),
        "highest_version": bundle.highest_version,
        "epoch": bundle.epoch,
        "not_before": bundle.not_before,
        "not_after": bundle.not_after,
    }


def one_time_item(fields: Fields) -> Outputs:
    """A one-time item, parsed and verified against an identity."""
    identity = IdentityKey.from_bytes(fields.hex("identity"))
    item = OneTimeItem.from_bytes(fields.hex("encoded"))
    item.require_signed_by(identity)
    return {**as_hex(item_id=item.item_id, address=item.address, prekey=item.prekey), "epoch": item.epoch}


def prekey_bundle(fields: Fields) -> Outputs:
    """A prekey bundle, parsed and encoded again."""
    bundle = PrekeyBundle.from_bytes(fields.hex("encoded"))
    item = bundle.one_time
    ids = as_hex(bundle_id=bundle.signed.bundle_id, item_id=b"" if item is None else item.item_id)
    return {**ids, "same": bundle.to_bytes() == fields.hex("encoded")}


def policy(fields: Fields) -> Outputs:
    """A prekey bundle before the initiator that is about to use it."""
    require_acceptable(
        PrekeyBundle.from_bytes(fields.hex("encoded")),
        ours=IdentityKey.from_bytes(fields.hex("ours")),
        their_address=fields.hex("their_address"),
        now=fields.number("now"),
        expected_identity=IdentityKey.from_bytes(fields.hex("expected")) if fields.has("expected") else None,
        minimum_epoch=fields.number("minimum_epoch", 0),
        require_one_time=fields.flag("require_one_time"),
    )
    return {}
