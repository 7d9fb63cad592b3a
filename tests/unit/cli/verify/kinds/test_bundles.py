from __future__ import annotations

import pytest
from support.pair import ALICE, BOB, NOW, make_pair

from ratchetlib import BundleRejected, IdentityKeyPair, PrekeyRing
from ratchetlib.cli.verify.fields import Fields
from ratchetlib.cli.verify.kinds.bundles import (
    one_time_item,
    one_time_item_of,
    policy,
    prekey_bundle,
    signed_bundle,
    signed_bundle_of,
)


def test_parts_are_made_as_the_ring_makes_them() -> None:
    owner = IdentityKeyPair.generate()
    bundle = PrekeyRing.generate(owner, address=BOB, now=NOW, one_time=1).next_bundle()
    signed, item, seeds = bundle.signed, bundle.one_time, owner._to_state().hex()
    assert item is not None
    common = {"signing_seed": seeds[:64], "address": BOB.hex(), "epoch": 1}
    made = signed_bundle_of(
        Fields(
            {
                **common,
                "agreement_key": seeds[64:],
                "not_before": signed.not_before,
                "not_after": signed.not_after,
                "signed_prekey": signed.signed_prekey.hex(),
                "last_resort_key": signed.last_resort_key.hex(),
            }
        )
    )
    assert made == {"encoded": signed.encoded.hex(), "bundle_id": signed.bundle_id.hex()}
    keys = {"prekey": item.prekey.hex(), "kem_key": item.kem_key.hex()}
    assert one_time_item_of(Fields({**common, **keys})) == {
        "encoded": item.encoded.hex(),
        "item_id": item.item_id.hex(),
    }


def test_parts_are_taken_apart() -> None:
    bundle = PrekeyRing.generate(IdentityKeyPair.generate(), address=BOB, now=NOW, one_time=1).next_bundle()
    item = bundle.one_time
    assert item is not None
    assert signed_bundle(Fields({"encoded": bundle.signed.encoded.hex()}))["not_before"] == NOW
    identity = bundle.signed.identity.to_bytes().hex()
    assert one_time_item(Fields({"encoded": item.encoded.hex(), "identity": identity}))["epoch"] == 1
    joined = prekey_bundle(Fields({"encoded": bundle.to_bytes().hex()}))
    assert joined == {"bundle_id": bundle.signed.bundle_id.hex(), "item_id": item.item_id.hex(), "same": True}


def test_an_initiator_judges() -> None:
    pair = make_pair(one_time=0)
    inputs = {
        "encoded": pair.ring.next_bundle().to_bytes().hex(),
        "ours": pair.alice_identity.public.to_bytes().hex(),
        "their_address": BOB.hex(),
        "now": NOW,
    }
    assert policy(Fields(inputs)) == {}
    for change in ({"their_address": ALICE.hex()}, {"minimum_epoch": 2}, {"require_one_time": True}):
        with pytest.raises(BundleRejected):
            policy(Fields({**inputs, **change}))
