"""The initiator's half: which bundles it takes, and what it puts on the wire."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from support.pair import ALICE, BOB, NOW
from support.strategies import identity_pairs

from ratchetlib import (
    BundleReason,
    BundleRejected,
    IdentityChanged,
    IdentityKey,
    IdentityKeyPair,
    PrekeyBundle,
    PrekeyRing,
)
from ratchetlib.handshake.initiate import Initiated, initiate, require_acceptable
from ratchetlib.handshake.prefix import Prefix
from ratchetlib.limits import DAY, MAX_BUNDLE_LIFETIME

if TYPE_CHECKING:
    from collections.abc import Iterator

ALICE_IDENTITY, BOB_IDENTITY, CAROL_IDENTITY = identity_pairs()[:3]


@pytest.fixture(scope="module")
def bundle() -> PrekeyBundle:
    return PrekeyRing.generate(BOB_IDENTITY, address=BOB, now=NOW, one_time=1, epoch=5).next_bundle()


@pytest.fixture(scope="module")
def bare(bundle: PrekeyBundle) -> PrekeyBundle:
    return PrekeyBundle(bundle.signed, None)


def check(
    bundle: PrekeyBundle,
    *,
    ours: IdentityKey = ALICE_IDENTITY.public,
    their_address: bytes = BOB,
    now: int = NOW,
    expected: IdentityKey | None = None,
    minimum_epoch: int = 0,
    require_one_time: bool = False,
) -> None:
    require_acceptable(
        bundle,
        ours=ours,
        their_address=their_address,
        now=now,
        expected_identity=expected,
        minimum_epoch=minimum_epoch,
        require_one_time=require_one_time,
    )


def begin(bundle: PrekeyBundle) -> Initiated:
    return initiate(ALICE_IDENTITY, bundle, our_address=ALICE, their_address=BOB, now=NOW)


def refusal(bundle: PrekeyBundle, **policy: Any) -> BundleReason:
    with pytest.raises(BundleRejected) as refused:
        check(bundle, **policy)
    return refused.value.reason


@pytest.mark.parametrize("now", [NOW - DAY, NOW, NOW + MAX_BUNDLE_LIFETIME])
def test_a_bundle_in_its_life_is_acceptable(bundle: PrekeyBundle, now: int) -> None:
    check(bundle, now=now, expected=BOB_IDENTITY.public, minimum_epoch=5, require_one_time=True)


@pytest.mark.attack("A15")
def test_a_bundle_outside_its_life_is_refused(bundle: PrekeyBundle) -> None:
    assert refusal(bundle, now=NOW - DAY - 1) is BundleReason.NOT_YET_VALID
    assert refusal(bundle, now=NOW + MAX_BUNDLE_LIFETIME + 1) is BundleReason.EXPIRED


@pytest.mark.attack("A15")
def test_a_bundle_below_the_lowest_epoch_is_refused(bundle: PrekeyBundle) -> None:
    assert refusal(bundle, minimum_epoch=6) is BundleReason.OLD_EPOCH


def test_a_bundle_for_another_address_is_refused(bundle: PrekeyBundle) -> None:
    assert refusal(bundle, their_address=b"bob/laptop") is BundleReason.WRONG_ADDRESS


@pytest.mark.attack("A13")
def test_a_bundle_without_the_one_time_item_that_is_required_is_refused(bare: PrekeyBundle) -> None:
    check(bare)
    assert refusal(bare, require_one_time=True) is BundleReason.NO_ONE_TIME


@pytest.mark.attack("A24")
def test_an_identity_that_is_not_the_pinned_one_has_changed(bundle: PrekeyBundle) -> None:
    with pytest.raises(IdentityChanged) as changed:
        check(bundle, expected=CAROL_IDENTITY.public)
    assert changed.value.pinned == CAROL_IDENTITY.public
    assert changed.value.presented == BOB_IDENTITY.public


@pytest.mark.attack("A23")
@pytest.mark.parametrize("half", ["both", "signing", "agreement"])
def test_an_identity_that_shares_a_key_with_ours_is_refused(bundle: PrekeyBundle, half: str) -> None:
    ours = {
        "both": BOB_IDENTITY,
        "signing": IdentityKeyPair(BOB_IDENTITY._signing, ALICE_IDENTITY._agreement),
        "agreement": IdentityKeyPair(ALICE_IDENTITY._signing, BOB_IDENTITY._agreement),
    }[half]
    assert refusal(bundle, ours=ours.public) is BundleReason.OWN_IDENTITY


MET = {"now": NOW + MAX_BUNDLE_LIFETIME, "expected": BOB_IDENTITY.public, "minimum_epoch": 5}
UNMET = [
    ({"their_address": b"bob/laptop"}, BundleReason.WRONG_ADDRESS),
    ({"ours": BOB_IDENTITY.public}, BundleReason.OWN_IDENTITY),
    ({"now": NOW - DAY - 1}, BundleReason.NOT_YET_VALID),
    ({"now": NOW + MAX_BUNDLE_LIFETIME + 1}, BundleReason.EXPIRED),
    ({"minimum_epoch": 6}, BundleReason.OLD_EPOCH),
]


def demands_met() -> Iterator[dict[str, Any]]:
    """Every choice of demands that the bundle meets."""
    for asked in product([False, True], repeat=len(MET)):
        yield {name: value for (name, value), chosen in zip(MET.items(), asked, strict=True) if chosen}


@pytest.mark.attack("A15", "A23")
@pytest.mark.parametrize(("demand", "reason"), UNMET, ids=[reason.name for _, reason in UNMET])
def test_no_demand_that_is_met_stands_for_one_that_is_not(
    bundle: PrekeyBundle, bare: PrekeyBundle, demand: dict[str, object], reason: BundleReason
) -> None:
    """A pinned identity above all: what it has signed is not for that reason current."""
    for met in demands_met():
        assert refusal(bare, **met | demand) is reason
        assert refusal(bundle, **met | demand, require_one_time=True) is reason
        assert refusal(bundle, **met | demand) is reason


@pytest.mark.attack("A13")
def test_no_demand_that_is_met_stands_for_the_one_time_item(bare: PrekeyBundle) -> None:
    for met in demands_met():
        assert refusal(bare, **met, require_one_time=True) is BundleReason.NO_ONE_TIME


@pytest.mark.attack("A24")
def test_no_demand_that_is_met_stands_for_the_pinned_identity(bundle: PrekeyBundle) -> None:
    for met in demands_met():
        with pytest.raises(IdentityChanged):
            check(bundle, **met | {"expected": CAROL_IDENTITY.public}, require_one_time=True)


def test_the_prefix_names_the_prekeys_it_uses(bundle: PrekeyBundle, bare: PrekeyBundle) -> None:
    assert bundle.one_time is not None
    prefix = Prefix.from_bytes(begin(bundle).prefix)
    assert (prefix.bundle_id, prefix.item_id) == (bundle.signed.bundle_id, bundle.one_time.item_id)
    prefix = Prefix.from_bytes(begin(bare).prefix)
    assert (prefix.bundle_id, prefix.item_id) == (bundle.signed.bundle_id, None)


def test_two_handshakes_with_one_bundle_share_nothing(bundle: PrekeyBundle) -> None:
    one, other = begin(bundle), begin(bundle)
    assert one.secrets.session_id != other.secrets.session_id
    assert one.secrets.root_key.raw != other.secrets.root_key.raw
    first, second = Prefix.from_bytes(one.prefix), Prefix.from_bytes(other.prefix)
    assert first.ephemeral != second.ephemeral
    assert first.ciphertext != second.ciphertext
    assert first.sealed_block != second.sealed_block


def test_the_secrets_differ_from_each_other(bundle: PrekeyBundle) -> None:
    secrets = begin(bundle).secrets
    keys = {secrets.root_key.raw, secrets.initiator_header_key.raw, secrets.responder_header_key.raw}
    assert len(keys | {secrets.session_id}) == 4


def test_the_responders_first_ratchet_key_is_its_signed_prekey(bundle: PrekeyBundle) -> None:
    assert begin(bundle).peer_ratchet_key == bundle.signed.signed_prekey
