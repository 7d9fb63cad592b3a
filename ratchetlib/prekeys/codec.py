"""The content of a ring's sealed blob.

identity 64 || LP(address) || epoch 8
|| count 4 || bundles, oldest first: LP(bundle) || signed prekey 32 || last-resort seed 64
                                     || count 4 || remembered session ids of 32 bytes, ascending
|| count 4 || items, oldest first:   LP(item) || prekey 32 || KEM seed 64 || handed out 1
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ratchetlib.errors import PeerError, StateTampered
from ratchetlib.identity import IdentityKeyPair
from ratchetlib.keys import DhPrivateKey, KemSeed
from ratchetlib.limits import (
    MAX_ADDRESS,
    MAX_BUNDLE_PART,
    MAX_BUNDLES,
    MAX_ONE_TIME_ITEMS,
    MAX_REMEMBERED_HANDSHAKES,
)
from ratchetlib.prekeys.contents import RingContents
from ratchetlib.prekeys.one_time import OneTimeItem
from ratchetlib.prekeys.records import BundleRecord, OneTimeRecord
from ratchetlib.prekeys.signed import SignedBundle
from ratchetlib.wire import SESSION_ID_LENGTH, lp, u8, u32, u64

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.wire import Reader

_Part = TypeVar("_Part", SignedBundle, OneTimeItem)


def encode(contents: RingContents) -> bytes:
    """The canonical encoding."""
    return b"".join(
        [
            contents.owner._to_state(),
            lp(contents.address),
            u64(contents.epoch),
            u32(len(contents.bundles)),
            *(_encode_bundle(record) for record in contents.bundles.values()),
            u32(len(contents.items)),
            *(_encode_item(record) for record in contents.items.values()),
        ]
    )


def decode(reader: Reader) -> RingContents:
    """Rebuild a ring from authenticated content.

    Raises:
        StateTampered: it is not what `encode` writes.
    """
    owner = IdentityKeyPair._from_state(reader)
    address = reader.lp(minimum=1, maximum=MAX_ADDRESS)
    epoch = reader.u64()
    bundles = [_decode_bundle(reader) for _ in range(reader.count(MAX_BUNDLES))]
    items = [_decode_item(reader) for _ in range(reader.count(MAX_ONE_TIME_ITEMS))]
    contents = RingContents(
        owner,
        address,
        epoch,
        {record.bundle.bundle_id: record for record in bundles},
        {record.item.item_id: record for record in items},
    )
    if len(contents.bundles) != len(bundles) or len(contents.items) != len(items) or not _is_sound(contents):
        raise reader.refuse("a ring that was never made")
    return contents


def _is_sound(contents: RingContents) -> bool:
    """What every ring that the library has written satisfies: one owner, one address, epochs in order."""
    bundles = [record.bundle for record in contents.bundles.values()]
    items = [record.item for record in contents.items.values()]
    bundle_epochs, item_epochs = [bundle.epoch for bundle in bundles], [item.epoch for item in items]
    return (
        all(bundle.identity == contents.owner.public for bundle in bundles)
        and all(bundle.address == contents.address for bundle in bundles)
        and all(item.address == contents.address for item in items)
        and bundle_epochs == sorted(set(bundle_epochs))
        and item_epochs == sorted(item_epochs)
        and max([0, *bundle_epochs, *item_epochs]) <= contents.epoch
    )


def _encode_bundle(record: BundleRecord) -> bytes:
    return b"".join(
        [
            lp(record.bundle.encoded),
            record.signed_prekey.raw,
            record.last_resort.raw,
            u32(len(record.remembered)),
            *sorted(record.remembered),
        ]
    )


def _decode_bundle(reader: Reader) -> BundleRecord:
    encoded = reader.lp(maximum=MAX_BUNDLE_PART)
    signed_prekey, last_resort = DhPrivateKey(reader.take(32)), KemSeed(reader.take(64))
    remembered = [reader.take(SESSION_ID_LENGTH) for _ in range(reader.count(MAX_REMEMBERED_HANDSHAKES))]
    if remembered != sorted(set(remembered)):
        raise reader.refuse("remembered session ids are not ascending")
    return BundleRecord(_parse(SignedBundle.from_bytes, encoded), signed_prekey, last_resort, frozenset(remembered))


def _encode_item(record: OneTimeRecord) -> bytes:
    return lp(record.item.encoded) + record.prekey.raw + record.kem_seed.raw + u8(record.handed_out)


def _decode_item(reader: Reader) -> OneTimeRecord:
    encoded = reader.lp(maximum=MAX_BUNDLE_PART)
    prekey, kem_seed = DhPrivateKey(reader.take(32)), KemSeed(reader.take(64))
    return OneTimeRecord(_parse(OneTimeItem.from_bytes, encoded), prekey, kem_seed, reader.flag())


def _parse(parse: Callable[[bytes], _Part], encoded: bytes) -> _Part:
    try:
        return parse(encoded)
    except PeerError:
        pass
    raise StateTampered("a published prekey in the state does not parse")
