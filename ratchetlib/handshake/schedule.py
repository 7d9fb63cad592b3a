"""The handshake's key schedule: transcripts, the identity block's key, the session secrets.

    th0 = SHA-512(LP(label) || LP(signed bundle) || flag || LP(item or empty) || EK_A || ciphertext)
    th1 = SHA-512(LP(label) || th0 || LP(sealed block) || identity A || identity B || LP(address A) || LP(address B))

    block key       = HKDF(salt = th0, DH2 || DH3 || [DH4] || ss, info = LP(label), 32)
    session secrets = HKDF(salt = 64 zero bytes, DH1 || DH2 || DH3 || [DH4] || ss, info = LP(label) || th1, 128)

Everything negotiated, offered or chosen is in th0 or th1, so whoever disagrees about any of it has other keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib.keys import DhSecret, IdentityBlockKey, KemSecret, RootKey
from ratchetlib.labels import HASH_TRANSCRIPT_0, HASH_TRANSCRIPT_1, KDF_IDENTITY_BLOCK, KDF_SESSION
from ratchetlib.prekeys.bundle import encode_parts
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.primitives.kdf import NO_SALT, hkdf, sha512
from ratchetlib.wire import lp

if TYPE_CHECKING:
    from ratchetlib.identity import IdentityKey
    from ratchetlib.keys import DhPublicKey
    from ratchetlib.prekeys import OneTimeItem, SignedBundle


class Agreements(NamedTuple):
    """The shared secrets of a handshake but DH1, in the order in which they are concatenated.

    Attributes:
        dh2: X25519(EK_A, IK_B).
        dh3: X25519(EK_A, SPK_B).
        dh4: X25519(EK_A, OPK_B); None without a one-time item.
        kem: the secret encapsulated to the one-time KEM key, else to the last-resort one.
    """

    dh2: DhSecret
    dh3: DhSecret
    dh4: DhSecret | None
    kem: KemSecret


class SessionSecrets(NamedTuple):
    """What the handshake hands to the ratchet.

    Attributes:
        root_key: the first root key.
        initiator_header_key: the first header key from initiator to responder.
        responder_header_key: the first header key from responder to initiator.
        session_id: 32 bytes, public: in every associated data of the session.
    """

    root_key: RootKey
    initiator_header_key: HeaderKey
    responder_header_key: HeaderKey
    session_id: bytes


class Party(NamedTuple):
    """One side of the handshake as the transcript names it."""

    identity: IdentityKey
    address: bytes


def transcript_0(signed: SignedBundle, item: OneTimeItem | None, ephemeral: DhPublicKey, ciphertext: bytes) -> bytes:
    """th0, 64 bytes."""
    return sha512(HASH_TRANSCRIPT_0, encode_parts(signed, item) + ephemeral + ciphertext)


def transcript_1(th0: bytes, sealed_block: bytes, initiator: Party, responder: Party) -> bytes:
    """th1, 64 bytes."""
    identities = initiator.identity.to_bytes() + responder.identity.to_bytes()
    addresses = lp(initiator.address) + lp(responder.address)
    return sha512(HASH_TRANSCRIPT_1, th0 + lp(sealed_block) + identities + addresses)


def block_key(th0: bytes, agreements: Agreements) -> IdentityBlockKey:
    """The key of the identity block: everything but DH1, which needs the identity that the block hides."""
    return IdentityBlockKey(
        hkdf(salt=th0, secret=_joined(agreements), label=KDF_IDENTITY_BLOCK, context=b"", length=32)
    )


def session_secrets(th1: bytes, dh1: DhSecret, agreements: Agreements) -> SessionSecrets:
    """The session's first keys and its id; `dh1` is X25519(IK_A, SPK_B)."""
    okm = hkdf(salt=NO_SALT, secret=dh1.raw + _joined(agreements), label=KDF_SESSION, context=th1, length=128)
    return SessionSecrets(RootKey(okm[:32]), HeaderKey(okm[32:64]), HeaderKey(okm[64:96]), okm[96:])


def _joined(agreements: Agreements) -> bytes:
    dh2, dh3, dh4, kem = agreements
    return dh2.raw + dh3.raw + (b"" if dh4 is None else dh4.raw) + kem.raw
