"""What a ring keeps of each published part: its bytes and its private halves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from ratchetlib.limits import BUNDLE_RETENTION
from ratchetlib.prekeys.bundle import fits_epoch
from ratchetlib.prekeys.one_time import OneTimeItem
from ratchetlib.prekeys.signed import SignedBundle
from ratchetlib.primitives import dh
from ratchetlib.primitives.kem import ML_KEM_1024

if TYPE_CHECKING:
    from ratchetlib.identity import IdentityKeyPair
    from ratchetlib.keys import DhPrivateKey, KemSeed


@dataclass(frozen=True, slots=True)
class BundleRecord:
    """A signed bundle that is still alive.

    Attributes:
        bundle: as published.
        signed_prekey: its X25519 private half.
        last_resort: its ML-KEM-1024 seed.
        remembered: session ids (32 bytes) of the handshakes accepted on it without a one-time item.
    """

    bundle: SignedBundle
    signed_prekey: DhPrivateKey
    last_resort: KemSeed
    remembered: frozenset[bytes] = frozenset()

    @classmethod
    def create(cls, owner: IdentityKeyPair, *, address: bytes, epoch: int, not_before: int, not_after: int) -> Self:
        """A fresh bundle: signed prekey and last-resort key always change together."""
        signed_prekey, last_resort = dh.generate(), ML_KEM_1024.generate()
        bundle = SignedBundle.create(
            owner,
            address=address,
            epoch=epoch,
            not_before=not_before,
            not_after=not_after,
            signed_prekey=dh.public_key(signed_prekey),
            last_resort_key=ML_KEM_1024.public_key(last_resort),
        )
        return cls(bundle, signed_prekey, last_resort)

    def alive(self, now: int) -> bool:
        """Whether a first message that was long under way may still use it."""
        return now <= self.bundle.not_after + BUNDLE_RETENTION

    def remembering(self, session_id: bytes) -> Self:
        """The record after an accepted handshake without a one-time item."""
        return replace(self, remembered=self.remembered | {session_id})


@dataclass(frozen=True, slots=True)
class OneTimeRecord:
    """A one-time item whose first message has not come yet.

    Attributes:
        item: as published.
        prekey: its X25519 private half.
        kem_seed: its ML-KEM-1024 seed.
        handed_out: whether `next_bundle` gave it away.
    """

    item: OneTimeItem
    prekey: DhPrivateKey
    kem_seed: KemSeed
    handed_out: bool = False

    @classmethod
    def create(cls, owner: IdentityKeyPair, *, address: bytes, epoch: int) -> Self:
        """A fresh pair."""
        prekey, kem_seed = dh.generate(), ML_KEM_1024.generate()
        item = OneTimeItem.create(
            owner,
            address=address,
            epoch=epoch,
            prekey=dh.public_key(prekey),
            kem_key=ML_KEM_1024.public_key(kem_seed),
        )
        return cls(item, prekey, kem_seed)

    def given_away(self) -> Self:
        """The record after `next_bundle`."""
        return replace(self, handed_out=True)

    def fits(self, epoch: int) -> bool:
        """Whether the item is good with the bundle of that epoch."""
        return fits_epoch(self.item.epoch, epoch)
