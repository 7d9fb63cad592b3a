# ruff: noqa: N803, N806
# The specification's letters and names.
"""The handshake (docs/spec/handshake.md): transcripts, keys, identity block and prefix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from reference.bundle import HIGHEST
from reference.identity import MAX_ADDRESS, Identity
from reference.message import PREFIX
from reference.primitives import (
    DH,
    HASH,
    HASH_PREFIX,
    HASH_TRANSCRIPT_0,
    HASH_TRANSCRIPT_1,
    HKDF,
    KDF_IDENTITY_BLOCK,
    KDF_SESSION,
    PERSON_SEAL_IDENTITY,
    SEAL,
    check_x25519,
    decapsulate,
    open_seal,
)
from reference.refusal import Refusal
from reference.wire import LP, Reader, u8, u32, u64, zeros

if TYPE_CHECKING:
    from reference.bundle import PrekeyBundle
    from reference.identity import IdentityPair
    from reference.ring import OwnBundle, OwnItem

KEM: Final = "ML-KEM-1024"
NONCE: Final = 24


# --- Transcripts and keys -----------------------------------------------------------------------------


class Agreements(NamedTuple):
    """DH1 is empty until the initiator is known, DH4 without a one-time item."""

    DH1: bytes
    DH2: bytes
    DH3: bytes
    DH4: bytes
    ss: bytes


class Secrets(NamedTuple):
    """The session secrets."""

    root_key: bytes
    header_key_a_to_b: bytes
    header_key_b_to_a: bytes
    session_id: bytes


def agreements_of_initiator(ours: IdentityPair, EK_A: bytes, bundle: PrekeyBundle, ss: bytes) -> Agreements:
    """`EK_A` is its private half."""
    signed, item = bundle.signed, bundle.item
    return Agreements(
        DH(ours.agreement_key, signed.prekey),
        DH(EK_A, signed.identity.agreement_key),
        DH(EK_A, signed.prekey),
        DH(EK_A, item.prekey) if item else b"",
        ss,
    )


def agreements_of_responder(ours: IdentityPair, bundle: OwnBundle, item: OwnItem | None, prefix: Prefix) -> Agreements:
    """All but DH1, which needs the initiator's identity."""
    return Agreements(
        b"",
        DH(ours.agreement_key, prefix.EK_A),
        DH(bundle.prekey, prefix.EK_A),
        DH(item.prekey, prefix.EK_A) if item else b"",
        decapsulate(KEM, item.kem_seed if item else bundle.last_resort_seed, prefix.ct),
    )


def transcript_0(bundle: PrekeyBundle, EK_A: bytes, ct: bytes) -> bytes:
    """A prekey bundle is encoded as LP(signed bundle) || flag || LP(item)."""
    return HASH(HASH_TRANSCRIPT_0, bundle.encoded + EK_A + ct)


def block_key(th0: bytes, a: Agreements) -> bytes:
    return HKDF(th0, a.DH2 + a.DH3 + a.DH4 + a.ss, KDF_IDENTITY_BLOCK, b"", 32)


def transcript_1(
    th0: bytes, sealed_block: bytes, identities: tuple[Identity, Identity], addresses: tuple[bytes, bytes]
) -> bytes:
    """Identities and addresses in the order A, B."""
    data = th0 + LP(sealed_block) + identities[0].encoded + identities[1].encoded
    return HASH(HASH_TRANSCRIPT_1, data + LP(addresses[0]) + LP(addresses[1]))


def session_secrets(th1: bytes, a: Agreements) -> Secrets:
    okm = HKDF(zeros(64), a.DH1 + a.DH2 + a.DH3 + a.DH4 + a.ss, KDF_SESSION, th1, 128)
    return Secrets(okm[0:32], okm[32:64], okm[64:96], okm[96:128])


# --- Identity block -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """It tells the responder who writes."""

    identity: Identity
    address: bytes
    created_at: int
    highest: int = HIGHEST

    @property
    def encoded(self) -> bytes:
        padded = self.address + zeros(MAX_ADDRESS - len(self.address))
        return self.identity.encoded + u32(len(self.address)) + padded + u64(self.created_at) + u8(self.highest) + u8(0)

    @staticmethod
    def parse(encoded: bytes) -> Block:
        r = Reader(encoded)
        identity = Identity.parse(r.take(128))  # before the rest: the text leaves the order open
        n = r.number(4)
        r.require(1 <= n <= MAX_ADDRESS)
        address = r.take(n)
        r.zeros(MAX_ADDRESS - n)
        created_at, highest = r.number(8), r.number(1)
        r.zeros(1)
        r.end()
        r.require(highest >= 1)
        return Block(identity, address, created_at, highest)


def seal_block(key: bytes, nonce: bytes, block: Block) -> bytes:
    return nonce + SEAL(key, PERSON_SEAL_IDENTITY, nonce, b"", block.encoded)


def open_block(key: bytes, sealed_block: bytes) -> Block:
    opened = open_seal(key, PERSON_SEAL_IDENTITY, sealed_block[:NONCE], b"", sealed_block[NONCE:])
    if opened is None:
        raise Refusal("AuthenticationError")
    return Block.parse(opened)


# --- Prefix -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prefix:
    """The handshake as it travels."""

    bundle_id: bytes
    item_id: bytes | None
    EK_A: bytes
    ct: bytes
    sealed_block: bytes

    @property
    def encoded(self) -> bytes:
        item = u8(0) + zeros(16) if self.item_id is None else u8(1) + self.item_id
        return self.bundle_id + item + self.EK_A + self.ct + self.sealed_block

    @staticmethod
    def parse(encoded: bytes) -> Prefix:
        r = Reader(encoded)
        r.require(len(encoded) == PREFIX)
        bundle_id, flag, item_id, EK_A = r.take(16), r.flag(), r.take(16), r.take(32)
        check_x25519(EK_A)
        r.require(flag or item_id == zeros(16))
        return Prefix(bundle_id, item_id if flag else None, EK_A, r.take(1568), r.take(342))


def prefix_hash(prefix: bytes) -> bytes:
    return HASH(HASH_PREFIX, prefix)
