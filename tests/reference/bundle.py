"""Signed bundles, one-time items and prekey bundles (docs/spec/prekeys.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from reference.identity import MAX_ADDRESS, Identity
from reference.primitives import (
    HASH,
    HASH_BUNDLE_ID,
    HASH_ONE_TIME_ID,
    SIGN,
    SIGN_BUNDLE,
    SIGN_ONE_TIME,
    check_kem,
    check_x25519,
    verifies,
)
from reference.refusal import Refusal, require
from reference.wire import LP, Reader, u8, u64

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
VERSION: Final = 1
HIGHEST: Final = 1
MAX_BUNDLE_PART: Final = 2_048
MAX_CLOCK_SKEW: Final = 86_400
MAX_BUNDLE_LIFETIME: Final = 1_209_600


@dataclass(frozen=True)
class SignedBundle:
    """A parsed signed bundle, with its bytes."""

    encoded: bytes
    highest: int
    address: bytes
    identity: Identity
    epoch: int
    not_before: int
    not_after: int
    prekey: bytes
    last_resort_key: bytes
    signature: bytes

    @property
    def id(self) -> bytes:
        return HASH(HASH_BUNDLE_ID, self.encoded)[:16]

    @staticmethod
    def parse(encoded: bytes) -> SignedBundle:
        r = Reader(encoded)
        require(r.number(1) == VERSION, "UnsupportedVersion")
        highest = r.number(1)
        address = r.prefixed(1, MAX_ADDRESS)
        identity, epoch, not_before, not_after = r.take(128), r.number(8), r.number(8), r.number(8)
        prekey, last_resort_key, signature = r.take(32), r.take(1568), r.take(64)
        r.end()
        require(highest >= 1, "MalformedMessage")
        owner = _key_of_a_bundle(lambda: Identity.parse(identity))
        _key_of_a_bundle(lambda: check_x25519(prekey))
        _key_of_a_bundle(lambda: check_kem("ML-KEM-1024", last_resort_key))
        signed = verifies(owner.signing_key, SIGN_BUNDLE, encoded[:-64], signature)
        require(signed, "BundleRejected", "INVALID_SIGNATURE")
        lifetime = not_after - not_before
        require(0 < lifetime <= MAX_BUNDLE_LIFETIME, "BundleRejected", "INVALID_VALIDITY")
        return SignedBundle(
            encoded, highest, address, owner, epoch, not_before, not_after, prekey, last_resort_key, signature
        )


def make_signed_bundle(
    signing_seed: bytes,
    address: bytes,
    identity: Identity,
    epoch: int,
    validity: tuple[int, int],
    prekey: bytes,
    last_resort_key: bytes,
) -> bytes:
    fields = u8(VERSION) + u8(HIGHEST) + LP(address) + identity.encoded
    fields += u64(epoch) + u64(validity[0]) + u64(validity[1]) + prekey + last_resort_key
    return fields + SIGN(signing_seed, SIGN_BUNDLE, fields)


@dataclass(frozen=True)
class OneTimeItem:
    """A parsed one-time item, with its bytes. Its signature is verified when it is joined to a bundle."""

    encoded: bytes
    address: bytes
    epoch: int
    prekey: bytes
    kem_key: bytes
    signature: bytes

    @property
    def id(self) -> bytes:
        return HASH(HASH_ONE_TIME_ID, self.encoded)[:16]

    def good_with(self, bundle_epoch: int) -> bool:
        return self.epoch <= bundle_epoch <= self.epoch + 1

    def signed_by(self, owner: Identity) -> None:
        signed = verifies(owner.signing_key, SIGN_ONE_TIME, self.encoded[:-64], self.signature)
        require(signed, "BundleRejected", "INVALID_SIGNATURE")

    @staticmethod
    def parse(encoded: bytes) -> OneTimeItem:
        r = Reader(encoded)
        require(r.number(1) == VERSION, "UnsupportedVersion")
        address, epoch = r.prefixed(1, MAX_ADDRESS), r.number(8)
        prekey, kem_key, signature = r.take(32), r.take(1568), r.take(64)
        r.end()
        _key_of_a_bundle(lambda: check_x25519(prekey))
        _key_of_a_bundle(lambda: check_kem("ML-KEM-1024", kem_key))
        return OneTimeItem(encoded, address, epoch, prekey, kem_key, signature)


def make_one_time_item(signing_seed: bytes, address: bytes, epoch: int, prekey: bytes, kem_key: bytes) -> bytes:
    fields = u8(VERSION) + LP(address) + u64(epoch) + prekey + kem_key
    return fields + SIGN(signing_seed, SIGN_ONE_TIME, fields)


@dataclass(frozen=True)
class PrekeyBundle:
    """What an initiator gets, parsed."""

    signed: SignedBundle
    item: OneTimeItem | None

    @property
    def encoded(self) -> bytes:
        return LP(self.signed.encoded) + u8(self.item is not None) + LP(self.item.encoded if self.item else b"")

    @staticmethod
    def parse(encoded: bytes) -> PrekeyBundle:
        r = Reader(encoded)
        signed, flag = r.prefixed(0, MAX_BUNDLE_PART), r.flag()
        item = r.prefixed(0, MAX_BUNDLE_PART)
        r.end()
        r.require(flag == (item != b""))
        return join(SignedBundle.parse(signed), OneTimeItem.parse(item) if flag else None)


def join(signed: SignedBundle, item: OneTimeItem | None) -> PrekeyBundle:
    """Checks 4 and 5 on a prekey bundle."""
    if item is not None:
        item.signed_by(signed.identity)
        fits = item.address == signed.address and item.good_with(signed.epoch)
        require(fits, "BundleRejected", "MIXED_PARTS")
    return PrekeyBundle(signed, item)


@dataclass(frozen=True)
class Demands:
    """What an initiator has, or wants, beyond its own identity and the peer's address."""

    pinned: Identity | None = None
    lowest_epoch: int = 0
    require_one_time: bool = False


def check_bundle(bundle: PrekeyBundle, ours: Identity, their_address: bytes, now: int, demands: Demands) -> None:
    """What an initiator checks."""
    signed = bundle.signed
    require(signed.address == their_address, "BundleRejected", "WRONG_ADDRESS")
    require(demands.pinned is None or signed.identity.keys == demands.pinned.keys, "IdentityChanged")
    require(not signed.identity.shares_a_key_with(ours), "BundleRejected", "OWN_IDENTITY")
    require(now + MAX_CLOCK_SKEW >= signed.not_before, "BundleRejected", "NOT_YET_VALID")
    require(now <= signed.not_after, "BundleRejected", "EXPIRED")
    require(signed.epoch >= demands.lowest_epoch, "BundleRejected", "OLD_EPOCH")
    require(bundle.item is not None or not demands.require_one_time, "BundleRejected", "NO_ONE_TIME")


def _key_of_a_bundle(parse: Callable[[], T]) -> T:
    """Whatever is wrong with a key, the bundle is refused for it."""
    try:
        return parse()
    except Refusal:
        raise Refusal("BundleRejected", "INVALID_KEY") from None
