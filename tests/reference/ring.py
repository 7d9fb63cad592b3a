"""The ring (docs/spec/prekeys.md, "The ring"): the private side of the prekeys."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from reference.bundle import (
    MAX_BUNDLE_LIFETIME,
    OneTimeItem,
    PrekeyBundle,
    SignedBundle,
    make_one_time_item,
    make_signed_bundle,
)
from reference.caller import check_address, check_epoch, check_time
from reference.primitives import kem_public, x25519_public
from reference.refusal import Refusal, require

if TYPE_CHECKING:
    from collections.abc import Callable

    from reference.identity import IdentityPair
    from reference.primitives import Draws

KEM: Final = "ML-KEM-1024"
BUNDLE_RETENTION: Final = 1_209_600
MAX_BUNDLES: Final = 8
MAX_ONE_TIME_ITEMS: Final = 1_000
MAX_REMEMBERED_HANDSHAKES: Final = 4_096


@dataclass
class OwnBundle:
    """A signed bundle with its private halves and its replay memory."""

    public: SignedBundle
    prekey: bytes
    last_resort_seed: bytes
    remembered: set[bytes] = field(default_factory=set)


@dataclass
class OwnItem:
    """A one-time item with its private halves."""

    public: OneTimeItem
    prekey: bytes
    kem_seed: bytes
    handed_out: bool = False


@dataclass
class Ring:
    """Bundles and items, oldest first."""

    identity: IdentityPair
    address: bytes
    epoch: int
    bundles: list[OwnBundle] = field(default_factory=list)
    items: list[OwnItem] = field(default_factory=list)

    @staticmethod
    def generate(
        identity: IdentityPair,
        address: bytes,
        now: int,
        draws: Draws,
        *,
        one_time: int = 100,
        lifetime: int = MAX_BUNDLE_LIFETIME,
        epoch: int = 1,
    ) -> Ring:
        check_address(address)
        ring = Ring(identity, address, epoch - 1)
        ring.rotate(now, draws, lifetime)
        ring.replenish(one_time, draws)
        return ring

    # --- Operations -----------------------------------------------------------------------------------

    def rotate(self, now: int, draws: Draws, lifetime: int = MAX_BUNDLE_LIFETIME) -> bytes:
        check_time(now)
        check_epoch(self.epoch + 1)
        require(1 <= lifetime <= MAX_BUNDLE_LIFETIME, "UsageError")
        return self._whole(lambda ring: ring._rotate(now, draws, lifetime))

    def replenish(self, count: int, draws: Draws) -> list[bytes]:
        require(0 <= count <= MAX_ONE_TIME_ITEMS - len(self.items), "UsageError")
        made = [self._make_item(draws) for _ in range(count)]
        self.items += made
        return [item.public.encoded for item in made]

    def retire(self, now: int) -> None:
        check_time(now)
        self.bundles = [b for b in self.bundles if now <= b.public.not_after + BUNDLE_RETENTION]
        self._drop_useless_items()

    def revoke(self, *ids: bytes) -> None:
        known = {b.public.id for b in self.bundles} | {i.public.id for i in self.items}
        require(len(set(ids) & known) == len(ids), "UsageError")
        self.bundles = [b for b in self.bundles if b.public.id not in ids]
        self.items = [i for i in self.items if i.public.id not in ids]
        self._drop_useless_items()

    def signed_bundle(self) -> bytes:
        return self._newest().public.encoded

    def one_time_items(self) -> list[bytes]:
        """What is offered: nothing while the newest bundle is gone."""
        return [item.public.encoded for item in self._offered()] if self._is_whole() else []

    def next_bundle(self) -> PrekeyBundle:
        """The ring itself hands out its oldest item."""
        newest, offered = self._newest(), self._offered()
        if not offered:
            return PrekeyBundle(newest.public, None)
        offered[0].handed_out = True
        return PrekeyBundle(newest.public, offered[0].public)

    def after_handshake(self, bundle_id: bytes, item_id: bytes | None, session_id: bytes) -> None:
        """Destroy the item, or remember the session id; *settle* is the same once more."""
        if item_id is not None:
            self.items = [i for i in self.items if i.public.id != item_id]
            return
        for bundle in self.bundles:
            if bundle.public.id == bundle_id and len(bundle.remembered) < MAX_REMEMBERED_HANDSHAKES:
                bundle.remembered.add(session_id)

    # --- Finding prekeys ------------------------------------------------------------------------------

    def find(self, bundle_id: bytes, item_id: bytes | None, now: int) -> tuple[OwnBundle, OwnItem | None]:
        bundle = next((b for b in self.bundles if b.public.id == bundle_id), None)
        if bundle is None or now > bundle.public.not_after + BUNDLE_RETENTION:
            raise Refusal("UnknownPrekey")
        if item_id is None:
            require(len(bundle.remembered) < MAX_REMEMBERED_HANDSHAKES, "ReplayMemoryFull")
            return bundle, None
        item = next((i for i in self.items if i.public.id == item_id), None)
        if item is None or not item.public.good_with(bundle.public.epoch):
            raise Refusal("UnknownPrekey")
        return bundle, item

    # --- Inside ---------------------------------------------------------------------------------------

    def _rotate(self, now: int, draws: Draws, lifetime: int) -> bytes:
        self.retire(now)
        require(len(self.bundles) < MAX_BUNDLES, "UsageError")
        self.epoch += 1
        prekey, seed = draws.draw(32), draws.draw(64)
        validity = now, now + lifetime
        public = make_signed_bundle(
            self.identity.signing_seed,
            self.address,
            self.identity.public,
            self.epoch,
            validity,
            x25519_public(prekey),
            kem_public(KEM, seed),
        )
        self.bundles.append(OwnBundle(SignedBundle.parse(public), prekey, seed))
        return public

    def _make_item(self, draws: Draws) -> OwnItem:
        prekey, seed = draws.draw(32), draws.draw(64)
        public = make_one_time_item(
            self.identity.signing_seed, self.address, self.epoch, x25519_public(prekey), kem_public(KEM, seed)
        )
        return OwnItem(OneTimeItem.parse(public), prekey, seed)

    def _newest(self) -> OwnBundle:
        require(self._is_whole(), "UsageError")
        return self.bundles[-1]

    def _is_whole(self) -> bool:
        """The newest bundle ever made is still there."""
        return bool(self.bundles) and self.bundles[-1].public.epoch == self.epoch

    def _offered(self) -> list[OwnItem]:
        return [i for i in self.items if not i.handed_out and i.public.good_with(self.epoch)]

    def _drop_useless_items(self) -> None:
        epochs = [b.public.epoch for b in self.bundles]
        self.items = [
            i for i in self.items if i.public.epoch == self.epoch or any(i.public.good_with(epoch) for epoch in epochs)
        ]

    def _whole(self, change: Callable[[Ring], bytes]) -> bytes:
        """A call that is refused changes nothing."""
        changed = replace(self, bundles=[*self.bundles], items=[*self.items])
        result = change(changed)
        vars(self).update(vars(changed))
        return result
