"""One type for each role that a key or a shared secret plays, so that none can stand in for another."""

from __future__ import annotations

from typing import ClassVar, NewType

from ratchetlib.secret import SecretBytes

DhPublicKey = NewType("DhPublicKey", bytes)
"""32 bytes: a canonical X25519 public key (RFC 7748)."""

SigningPublicKey = NewType("SigningPublicKey", bytes)
"""32 bytes: an Ed25519 public key (RFC 8032) in the prime-order subgroup."""

KemPublicKey = NewType("KemPublicKey", bytes)
"""1,184 or 1,568 bytes: an ML-KEM encapsulation key (FIPS 203) that passed the modulus check."""


class DhPrivateKey(SecretBytes):
    """An X25519 scalar before clamping."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 32


class SigningSeed(SecretBytes):
    """An Ed25519 private key: the seed of RFC 8032."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 32


class KemSeed(SecretBytes):
    """An ML-KEM private key: the seed (d, z) of FIPS 203, never the expanded key."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 64


class DhSecret(SecretBytes):
    """The output of one X25519 agreement."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 32


class KemSecret(SecretBytes):
    """The shared secret of one ML-KEM encapsulation."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 32


class PqSecret(SecretBytes):
    """What one post-quantum epoch contributes to the root key."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 32


class RootKey(SecretBytes):
    """RK: salts every root step and is replaced by it."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 32


class ChainKey(SecretBytes):
    """CKs, CKr: yields one message key and the next chain key."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 32


class MessageKey(SecretBytes):
    """MK: seals the body of exactly one message."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 32


class IdentityBlockKey(SecretBytes):
    """Seals the initiator's identity in the first message."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 32


class StorageKey(SecretBytes):
    """The caller's key for state at rest."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 32


class RecordKey(SecretBytes):
    """Seals one record: derived from a storage key and the record's context."""

    __slots__ = ()
    LENGTH: ClassVar[int] = 32
