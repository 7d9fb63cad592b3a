"""The identity of this device, private halves included."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self, final

from ratchetlib.errors import InvalidKey
from ratchetlib.identity.public import IdentityKey
from ratchetlib.keys import DhPrivateKey, DhPublicKey, DhSecret, SigningSeed
from ratchetlib.labels import SIGN_IDENTITY
from ratchetlib.primitives import dh, signature
from ratchetlib.secret import Uncopyable

if TYPE_CHECKING:
    from ratchetlib.wire import Reader


@final
class IdentityKeyPair(Uncopyable):
    """One long-term signing key pair and one independent agreement key pair, made once a device.

    Persist it with `StateVault`; it is neither copied nor pickled and shows no secret in its `repr`.
    """

    __slots__ = ("_agreement", "_public", "_signing")
    STATE_KIND: ClassVar[int] = 1
    STATE_HAS_PEER: ClassVar[bool] = False

    def __init__(self, signing: SigningSeed, agreement: DhPrivateKey) -> None:
        """Join two private keys; applications call `generate`."""
        self._signing = signing
        self._agreement = agreement
        agreement_public = dh.public_key(agreement)
        joined = signature.sign(signing, SIGN_IDENTITY, agreement_public)
        # The parse verifies the pair: a fault in key generation must not become an identity.
        self._public = IdentityKey.from_bytes(signature.public_key(signing) + agreement_public + joined)

    @classmethod
    def generate(cls) -> Self:
        """A fresh identity; `RandomnessError` if the random source has failed."""
        return cls(signature.generate(), dh.generate())

    @property
    def public(self) -> IdentityKey:
        """The public half, for prekey bundles and fingerprints."""
        return self._public

    def _to_state(self) -> bytes:
        # signing seed 32 || agreement key 32; the public half follows from them
        return self._signing.raw + self._agreement.raw

    @classmethod
    def _from_state(cls, reader: Reader) -> Self:
        signing = SigningSeed(reader.take(SigningSeed.LENGTH))
        agreement = DhPrivateKey(reader.take(DhPrivateKey.LENGTH))
        try:
            return cls(signing, agreement)
        except InvalidKey:
            pass
        raise reader.refuse("an identity of keys that the protocol refuses")

    def __repr__(self) -> str:
        return f"<IdentityKeyPair of {self._public!r}>"


# Functions rather than methods: the public class offers neither a raw signature nor a raw agreement.


def sign_as(identity: IdentityKeyPair, label: bytes, data: bytes) -> bytes:
    """The identity's 64-byte signature of LP(label) || data."""
    return signature.sign(identity._signing, label, data)


def agree_as(identity: IdentityKeyPair, public: DhPublicKey) -> DhSecret:
    """X25519 of the identity's agreement key with `public`; `InvalidKey` if the result is all zero."""
    return dh.agree(identity._agreement, public)
