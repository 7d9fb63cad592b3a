"""Keys and bundles that several files need, each from its label."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from ratchetlib import IdentityKeyPair
from ratchetlib.keys import DhPrivateKey, KemSeed, SigningSeed
from ratchetlib.primitives import dh
from ratchetlib.primitives.kem import ML_KEM_1024

NOW: Final = 1_800_000_000
DAY: Final = 86_400
ALICE: Final = b"alice/laptop"
BOB: Final = b"bob/phone"
CAROL: Final = b"carol/tablet"


def pick(label: str, length: int = 32) -> bytes:
    """Bytes that follow from a label."""
    return hashlib.shake_256(f"ratchetlib vectors 1/{label}".encode()).digest(length)


@dataclass(frozen=True)
class Person:
    """A device's private keys.

    Attributes:
        signing_seed: Ed25519, 32 bytes.
        agreement_key: X25519, 32 bytes.
    """

    signing_seed: bytes
    agreement_key: bytes

    @classmethod
    def named(cls, name: str) -> Person:
        """The keys of a name."""
        return cls(pick(f"{name}/signing seed"), pick(f"{name}/agreement key"))

    @property
    def pair(self) -> IdentityKeyPair:
        """The library's object."""
        return IdentityKeyPair(SigningSeed(self.signing_seed), DhPrivateKey(self.agreement_key))

    @property
    def public(self) -> bytes:
        """The identity, 128 bytes."""
        return self.pair.public.to_bytes()

    @property
    def private(self) -> dict[str, Any]:
        """As cases state it."""
        return {"signing_seed": self.signing_seed, "agreement_key": self.agreement_key}


def dh_public(label: str) -> bytes:
    """A public X25519 key."""
    return dh.public_key(DhPrivateKey(pick(label)))


def kem_public(label: str) -> bytes:
    """A public ML-KEM-1024 key."""
    return ML_KEM_1024.public_key(KemSeed(pick(label, 64)))
