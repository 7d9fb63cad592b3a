"""The signed bundle: identity, validity, the X25519 signed prekey and the last-resort ML-KEM key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ratchetlib.errors import BundleReason, BundleRejected, MalformedMessage
from ratchetlib.identity import IDENTITY_LENGTH, IdentityKey, IdentityKeyPair, sign_as
from ratchetlib.labels import HASH_BUNDLE_ID, SIGN_BUNDLE
from ratchetlib.limits import MAX_ADDRESS, MAX_BUNDLE_LIFETIME, MAX_CLOCK_SKEW
from ratchetlib.prekeys.parsing import PREKEY_ID_LENGTH, accept_key, read_versioned, require_signed
from ratchetlib.primitives import dh, signature
from ratchetlib.primitives.kdf import sha512
from ratchetlib.primitives.kem import ML_KEM_1024
from ratchetlib.wire import HIGHEST_VERSION, VERSION, lp, u8, u64

if TYPE_CHECKING:
    from ratchetlib.keys import DhPublicKey, KemPublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBundle:
    """The part of a prekey bundle that many initiators share. Parsing verifies it; an instance is verified.

    Encoding: version 1 || highest version 1 || LP(address) || identity 128 || epoch 8 || not_before 8 || not_after 8 ||
    signed prekey 32 || last-resort key 1,568 || signature 64. The signature is over everything before it.

    Attributes:
        encoded: the whole encoding, which enters the transcript.
        bundle_id: the first 16 bytes of the hash of `encoded`.
        highest_version: the highest protocol version that the owner speaks.
        address: the owner's, 1 to 128 bytes.
        identity: the owner's.
        epoch: grows with each rotation; a lower one than seen before is a rolled-back server.
        not_before: seconds since the Unix epoch.
        not_after: seconds since the Unix epoch, at most 14 days later.
        signed_prekey: X25519, 32 bytes.
        last_resort_key: ML-KEM-1024, 1,568 bytes, for handshakes without a one-time item.
    """

    encoded: bytes
    bundle_id: bytes
    highest_version: int
    address: bytes
    identity: IdentityKey
    epoch: int
    not_before: int
    not_after: int
    signed_prekey: DhPublicKey
    last_resort_key: KemPublicKey

    @classmethod
    def create(
        cls,
        owner: IdentityKeyPair,
        *,
        address: bytes,
        epoch: int,
        not_before: int,
        not_after: int,
        signed_prekey: DhPublicKey,
        last_resort_key: KemPublicKey,
    ) -> Self:
        """Encode and sign; the result is parsed back, so a bundle that others would refuse cannot be published."""
        content = (
            u8(VERSION)
            + u8(HIGHEST_VERSION)
            + lp(address)
            + owner.public.to_bytes()
            + u64(epoch)
            + u64(not_before)
            + u64(not_after)
            + signed_prekey
            + last_resort_key
        )
        return cls.from_bytes(content + sign_as(owner, SIGN_BUNDLE, content))

    @classmethod
    def from_bytes(cls, encoded: bytes) -> Self:
        """Parse and verify.

        Raises:
            UsageError: not `bytes`.
            MalformedMessage: not the encoding of a bundle.
            UnsupportedVersion: of another protocol version.
            BundleRejected: a key, the signature or the validity period is refused.
        """
        bundle = cls._read(encoded)
        require_signed(encoded, bundle.identity, SIGN_BUNDLE)
        if not bundle.not_before < bundle.not_after <= bundle.not_before + MAX_BUNDLE_LIFETIME:
            raise BundleRejected(BundleReason.INVALID_VALIDITY)
        return bundle

    @classmethod
    def _read(cls, encoded: bytes) -> Self:
        reader = read_versioned(encoded)
        highest_version = reader.u8()
        address = reader.lp(minimum=1, maximum=MAX_ADDRESS)
        identity = reader.take(IDENTITY_LENGTH)
        epoch, not_before, not_after = reader.u64(), reader.u64(), reader.u64()
        signed_prekey = reader.take(dh.PUBLIC_KEY_LENGTH)
        last_resort_key = reader.take(ML_KEM_1024.public_key_length)
        reader.take(signature.SIGNATURE_LENGTH)
        reader.end()
        if highest_version < VERSION:
            raise MalformedMessage("the highest version is below the version")
        return cls(
            encoded=encoded,
            bundle_id=sha512(HASH_BUNDLE_ID, encoded)[:PREKEY_ID_LENGTH],
            highest_version=highest_version,
            address=address,
            identity=accept_key(IdentityKey.from_bytes, identity),
            epoch=epoch,
            not_before=not_before,
            not_after=not_after,
            signed_prekey=accept_key(dh.parse_public_key, signed_prekey),
            last_resort_key=accept_key(ML_KEM_1024.parse_public_key, last_resort_key),
        )

    def require_current(self, now: int) -> None:
        """`BundleRejected` unless `now` (seconds) lies in the validity period; a day's skew before it is allowed."""
        if now + MAX_CLOCK_SKEW < self.not_before:
            raise BundleRejected(BundleReason.NOT_YET_VALID)
        if now > self.not_after:
            raise BundleRejected(BundleReason.EXPIRED)

    def to_bytes(self) -> bytes:
        """The encoding, for a server to hand out to every initiator."""
        return self.encoded

    def __repr__(self) -> str:
        return f"<SignedBundle of epoch {self.epoch}>"
