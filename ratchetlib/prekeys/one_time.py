"""One-time items: a pair of one-time prekeys, X25519 and ML-KEM-1024, with one name and one signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ratchetlib.identity import IdentityKey, IdentityKeyPair, sign_as
from ratchetlib.labels import HASH_ONE_TIME_ID, SIGN_ONE_TIME
from ratchetlib.limits import MAX_ADDRESS
from ratchetlib.prekeys.parsing import PREKEY_ID_LENGTH, accept_key, read_versioned, require_signed
from ratchetlib.primitives import dh, signature
from ratchetlib.primitives.kdf import sha512
from ratchetlib.primitives.kem import ML_KEM_1024
from ratchetlib.wire import VERSION, lp, u8, u64

if TYPE_CHECKING:
    from ratchetlib.keys import DhPublicKey, KemPublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeItem:
    """The public half of a one-time pair, bound to address and bundle epoch. Verified against its bundle's identity.

    Encoding: version 1 || LP(address) || epoch 8 || X25519 32 || ML-KEM-1024 1,568 || signature 64. The signature is
    over everything before it.

    Attributes:
        encoded: the whole encoding, which enters the transcript.
        item_id: the first 16 bytes of the hash of `encoded`.
        address: the owner's, 1 to 128 bytes.
        epoch: the epoch of the bundle it was made with; good with that bundle and the next one.
        prekey: X25519, 32 bytes.
        kem_key: ML-KEM-1024, 1,568 bytes.
    """

    encoded: bytes
    item_id: bytes
    address: bytes
    epoch: int
    prekey: DhPublicKey
    kem_key: KemPublicKey

    @classmethod
    def create(
        cls, owner: IdentityKeyPair, *, address: bytes, epoch: int, prekey: DhPublicKey, kem_key: KemPublicKey
    ) -> Self:
        """Encode and sign."""
        content = u8(VERSION) + lp(address) + u64(epoch) + prekey + kem_key
        return cls.from_bytes(content + sign_as(owner, SIGN_ONE_TIME, content))

    @classmethod
    def from_bytes(cls, encoded: bytes) -> Self:
        """Parse. The signature is verified by `require_signed_by`, which a `PrekeyBundle` always calls.

        Raises:
            UsageError: not `bytes`.
            MalformedMessage: not the encoding of an item.
            UnsupportedVersion: of another protocol version.
            BundleRejected: a key is refused.
        """
        reader = read_versioned(encoded)
        address = reader.lp(minimum=1, maximum=MAX_ADDRESS)
        epoch = reader.u64()
        prekey = reader.take(dh.PUBLIC_KEY_LENGTH)
        kem_key = reader.take(ML_KEM_1024.public_key_length)
        reader.take(signature.SIGNATURE_LENGTH)
        reader.end()
        return cls(
            encoded=encoded,
            item_id=sha512(HASH_ONE_TIME_ID, encoded)[:PREKEY_ID_LENGTH],
            address=address,
            epoch=epoch,
            prekey=accept_key(dh.parse_public_key, prekey),
            kem_key=accept_key(ML_KEM_1024.parse_public_key, kem_key),
        )

    def require_signed_by(self, identity: IdentityKey) -> None:
        """`BundleRejected` unless the signature is this identity's."""
        require_signed(self.encoded, identity, SIGN_ONE_TIME)

    def to_bytes(self) -> bytes:
        """The encoding, for a server to hand out once."""
        return self.encoded

    def __repr__(self) -> str:
        return f"<OneTimeItem of epoch {self.epoch}>"
