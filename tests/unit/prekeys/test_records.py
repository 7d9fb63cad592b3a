from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.leaks import EXPORTS, leaked, secrets_in
from support.pair import BOB, NOW
from support.strategies import u64s

from ratchetlib import IdentityKeyPair
from ratchetlib.limits import BUNDLE_RETENTION, DAY
from ratchetlib.prekeys.records import BundleRecord, OneTimeRecord
from ratchetlib.primitives import dh
from ratchetlib.primitives.kem import ML_KEM_1024

OWNER = IdentityKeyPair.generate()
END = NOW + 14 * DAY


def bundle(epoch: int = 1) -> BundleRecord:
    return BundleRecord.create(OWNER, address=BOB, epoch=epoch, not_before=NOW, not_after=END)


def item(epoch: int = 1) -> OneTimeRecord:
    return OneTimeRecord.create(OWNER, address=BOB, epoch=epoch)


def test_a_bundle_is_published_with_the_keys_that_are_kept() -> None:
    record = bundle(epoch=3)
    assert record.bundle.signed_prekey == dh.public_key(record.signed_prekey)
    assert record.bundle.last_resort_key == ML_KEM_1024.public_key(record.last_resort)
    assert (record.bundle.address, record.bundle.identity, record.bundle.epoch) == (BOB, OWNER.public, 3)
    assert (record.bundle.not_before, record.bundle.not_after) == (NOW, END)
    assert record.remembered == frozenset()


def test_an_item_is_published_with_the_keys_that_are_kept() -> None:
    record = item(epoch=3)
    record.item.require_signed_by(OWNER.public)
    assert record.item.prekey == dh.public_key(record.prekey)
    assert record.item.kem_key == ML_KEM_1024.public_key(record.kem_seed)
    assert (record.item.address, record.item.epoch, record.handed_out) == (BOB, 3, False)


@pytest.mark.attack("A14")
def test_no_two_records_share_a_key_or_a_name() -> None:
    bundles, items = [bundle() for _ in range(20)], [item() for _ in range(20)]
    assert len(secrets_in(bundles, items)) == 80
    names = {record.bundle.bundle_id for record in bundles} | {record.item.item_id for record in items}
    assert len(names) == 40


@pytest.mark.attack("A21", "A106")
@pytest.mark.parametrize(
    ("now", "alive"), [(0, True), (END, True), (END + 14 * DAY, True), (END + 14 * DAY + 1, False)]
)
def test_a_bundle_lives_14_days_past_its_end(now: int, alive: bool) -> None:  # noqa: FBT001
    assert BUNDLE_RETENTION == 14 * DAY
    assert bundle().alive(now) == alive


@pytest.mark.attack("A11")
@given(st.lists(st.binary(min_size=32, max_size=32), max_size=5))
def test_handshakes_are_remembered_beside_the_same_keys(session_ids: list[bytes]) -> None:
    record = fresh = RECORD
    for session_id in session_ids:
        record = record.remembering(session_id)
    assert record.remembered == set(session_ids)
    assert (record.bundle, record.signed_prekey.raw, record.last_resort.raw) == (
        fresh.bundle,
        fresh.signed_prekey.raw,
        fresh.last_resort.raw,
    )


def test_giving_away_changes_the_mark_only() -> None:
    record = item()
    given_away = record.given_away()
    assert (record.handed_out, given_away.handed_out) == (False, True)
    assert given_away.item is record.item
    assert secrets_in(given_away) == secrets_in(record)


@given(u64s, u64s)
def test_an_item_fits_its_epoch_and_the_next(ours: int, theirs: int) -> None:
    record = dataclasses.replace(ITEM, item=dataclasses.replace(ITEM.item, epoch=ours))
    assert record.fits(theirs) == (theirs in {ours, ours + 1})
    assert record.fits(ours)
    assert record.fits(ours + 1)


@pytest.mark.attack("A90")
def test_records_show_no_private_half() -> None:
    for record in (bundle(), item()):
        assert not leaked(repr(record) + str(record), secrets_in(record))
        for export in EXPORTS:
            with pytest.raises(TypeError):
                export(record)


RECORD, ITEM = bundle(), item()
