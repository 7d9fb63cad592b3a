"""The contents of a ring as an immutable value: each change yields the next value, so a refusal changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from ratchetlib.errors import ReplayMemoryFull, UnknownPrekey, UsageError
from ratchetlib.limits import MAX_BUNDLE_LIFETIME, MAX_BUNDLES, MAX_ONE_TIME_ITEMS, MAX_REMEMBERED_HANDSHAKES
from ratchetlib.prekeys.parsing import PREKEY_ID_LENGTH
from ratchetlib.prekeys.records import BundleRecord, OneTimeRecord
from ratchetlib.wire import U64_MAX, require_bytes, require_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ratchetlib.identity import IdentityKeyPair


@dataclass(frozen=True, slots=True)
class RingContents:
    """What a ring holds.

    Attributes:
        owner: signs bundles and items.
        address: the owner's, 1 to 128 bytes.
        epoch: of the newest bundle ever made, revoked or not.
        bundles: alive ones by id, oldest first.
        items: one-time pairs by id, oldest first.
    """

    owner: IdentityKeyPair
    address: bytes
    epoch: int
    bundles: Mapping[bytes, BundleRecord]
    items: Mapping[bytes, OneTimeRecord]

    @property
    def newest(self) -> BundleRecord | None:
        """The bundle of the newest epoch; None once it was revoked or retired."""
        for record in self.bundles.values():
            if record.bundle.epoch == self.epoch:
                return record
        return None

    def offered(self) -> tuple[OneTimeRecord, ...]:
        """The items that a server may still hand out with the newest bundle; none while there is no such bundle."""
        if self.newest is None:
            return ()
        return tuple(record for record in self.items.values() if not record.handed_out and record.fits(self.epoch))

    def with_bundle(self, epoch: int, now: int, lifetime: int) -> Self:
        """One more bundle, valid from `now` for `lifetime` seconds."""
        require_time(now, "now")
        if type(lifetime) is not int or not 1 <= lifetime <= MAX_BUNDLE_LIFETIME:
            raise UsageError(f"a bundle lives 1 to {MAX_BUNDLE_LIFETIME} seconds")
        if epoch > U64_MAX:
            raise UsageError("the bundle's epoch does not fit 64 bits")
        if len(self.bundles) >= MAX_BUNDLES:
            raise UsageError(f"{MAX_BUNDLES} bundles are alive: rotate later, or revoke one")
        record = BundleRecord.create(
            self.owner, address=self.address, epoch=epoch, not_before=now, not_after=now + lifetime
        )
        return replace(self, epoch=epoch, bundles={**self.bundles, record.bundle.bundle_id: record})

    def with_items(self, count: int) -> Self:
        """`count` more one-time items of the newest epoch."""
        room = MAX_ONE_TIME_ITEMS - len(self.items)
        if type(count) is not int or not 0 <= count <= room:
            raise UsageError(f"a number of one-time items from 0 to {room} is needed, which is the room in the ring")
        fresh = (OneTimeRecord.create(self.owner, address=self.address, epoch=self.epoch) for _ in range(count))
        return replace(self, items={**self.items, **{record.item.item_id: record for record in fresh}})

    def handing_out(self, item: OneTimeRecord) -> Self:
        """The item is given away."""
        return replace(self, items={**self.items, item.item.item_id: item.given_away()})

    def retired(self, now: int) -> Self:
        """Without the bundles whose time is over, and without the items that no bundle will ever go with."""
        require_time(now, "now")
        return self._keeping({key: record for key, record in self.bundles.items() if record.alive(now)}, self.items)

    def revoked(self, ids: Iterable[bytes]) -> Self:
        """Without the bundles and items named; `UsageError` if one is not there."""
        bundles, items = dict(self.bundles), dict(self.items)
        for prekey_id in ids:
            require_bytes(prekey_id, "an id", minimum=PREKEY_ID_LENGTH, maximum=PREKEY_ID_LENGTH)
            if bundles.pop(prekey_id, None) is None and items.pop(prekey_id, None) is None:
                raise UsageError("no such bundle or one-time item to revoke")
        return self._keeping(bundles, items)

    def find(self, bundle_id: bytes, item_id: bytes | None, now: int) -> tuple[BundleRecord, OneTimeRecord | None]:
        """The private halves that an initial message names.

        Raises:
            UnknownPrekey: they are not, or no longer, there.
            ReplayMemoryFull: no one-time item is used and the bundle can remember no more handshakes.
        """
        bundle = self.bundles.get(bundle_id)
        if bundle is None or not bundle.alive(now):
            raise UnknownPrekey("the initial message names no bundle of this ring")
        if item_id is None:
            if len(bundle.remembered) >= MAX_REMEMBERED_HANDSHAKES:
                raise ReplayMemoryFull("the bundle remembers as many handshakes as it may: rotate")
            return bundle, None
        item = self.items.get(item_id)
        if item is None or not item.fits(bundle.bundle.epoch):
            raise UnknownPrekey("the initial message names no one-time item of this ring")
        return bundle, item

    def settled(self, bundle_id: bytes, item_id: bytes | None, session_id: bytes) -> Self:
        """After a first message has authenticated: its item is destroyed, or its session id remembered.

        Idempotent: a ring whose save was lost is settled again.
        """
        if item_id is not None:
            return replace(self, items={key: record for key, record in self.items.items() if key != item_id})
        bundle = self.bundles.get(bundle_id)
        # A retired bundle accepts nothing more; neither does a full memory, from a handshake without an item.
        if bundle is None or len(bundle.remembered) >= MAX_REMEMBERED_HANDSHAKES:
            return self
        return replace(self, bundles={**self.bundles, bundle_id: bundle.remembering(session_id)})

    def _keeping(self, bundles: Mapping[bytes, BundleRecord], items: Mapping[bytes, OneTimeRecord]) -> Self:
        epochs = {record.bundle.epoch for record in bundles.values()}
        useful = {
            key: record
            for key, record in items.items()
            # The newest epoch's items will also go with the next bundle, which is not there yet.
            if record.item.epoch >= self.epoch or any(record.fits(epoch) for epoch in epochs)
        }
        return replace(self, bundles=bundles, items=useful)
