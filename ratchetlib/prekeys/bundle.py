"""The prekey bundle that an initiator gets: the signed bundle and, if one is left, a one-time item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ratchetlib.errors import BundleReason, BundleRejected, MalformedMessage, UsageError
from ratchetlib.limits import MAX_BUNDLE_PART
from ratchetlib.prekeys.one_time import OneTimeItem
from ratchetlib.prekeys.signed import SignedBundle
from ratchetlib.wire import Reader, lp, require_bytes, u8


@dataclass(frozen=True, slots=True)
class PrekeyBundle:
    """A bundle whose parsing has checked all signatures, and that its parts are of one owner.

    Encoding: LP(signed bundle) || flag 1 || LP(one-time item, empty where the flag is 0).

    Attributes:
        signed: the signed bundle.
        one_time: the one-time item, or None.
    """

    signed: SignedBundle
    one_time: OneTimeItem | None

    def __post_init__(self) -> None:
        """Check that the item belongs to the bundle: `BundleRejected` if not."""
        if type(self.signed) is not SignedBundle or type(self.one_time) not in (OneTimeItem, type(None)):
            raise UsageError("a PrekeyBundle is made by from_parts or from_bytes")
        item = self.one_time
        if item is None:
            return
        item.require_signed_by(self.signed.identity)
        if item.address != self.signed.address or not fits_epoch(item.epoch, self.signed.epoch):
            raise BundleRejected(BundleReason.MIXED_PARTS)

    @classmethod
    def from_parts(cls, signed: bytes, item: bytes | None) -> Self:
        """Join what a server stores apart: the encodings of a signed bundle and of a one-time item, or None.

        Raises:
            MalformedMessage, UnsupportedVersion, BundleRejected: as `from_bytes`.
        """
        return cls(SignedBundle.from_bytes(signed), None if item is None else OneTimeItem.from_bytes(item))

    @classmethod
    def from_bytes(cls, encoded: bytes) -> Self:
        """Parse and verify.

        Raises:
            UsageError: not `bytes`.
            MalformedMessage: not the encoding of a bundle.
            UnsupportedVersion: a part is of another protocol version.
            BundleRejected: a key, a signature or the validity is refused, or the parts do not belong together.
        """
        require_bytes(encoded, "a prekey bundle")
        reader = Reader(encoded, MalformedMessage)
        signed = reader.lp(maximum=MAX_BUNDLE_PART)
        has_item = reader.flag()
        item = reader.lp(maximum=MAX_BUNDLE_PART)
        reader.end()
        if bool(item) != has_item:
            raise MalformedMessage("the flag and the one-time item disagree")
        return cls.from_parts(signed, item if has_item else None)

    def to_bytes(self) -> bytes:
        """The encoding."""
        return encode_parts(self.signed, self.one_time)

    def __repr__(self) -> str:
        return f"<PrekeyBundle epoch {self.signed.epoch}, one-time item: {self.one_time is not None}>"


def fits_epoch(item_epoch: int, bundle_epoch: int) -> bool:
    """Whether an item is good with a bundle: that of its own epoch, or the next one.

    A server pairs items uploaded before a rotation with the bundle uploaded after it.
    """
    return item_epoch <= bundle_epoch <= item_epoch + 1


def encode_parts(signed: SignedBundle, item: OneTimeItem | None) -> bytes:
    """LP(signed bundle) || flag 1 || LP(item or empty): as a bundle travels, and as it stands in the transcript."""
    return lp(signed.encoded) + u8(item is not None) + lp(b"" if item is None else item.encoded)
