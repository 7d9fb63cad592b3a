"""The root step: a Diffie-Hellman secret, and at times a post-quantum one, enter the root key."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratchetlib.keys import ChainKey, DhSecret, RootKey
from ratchetlib.labels import KDF_ROOT_STEP
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.primitives.kdf import hkdf
from ratchetlib.wire import u8, u32

if TYPE_CHECKING:
    from ratchetlib.keys import DhPublicKey, PqSecret


class RootStep(NamedTuple):
    """What a root step yields: the next root key, the new chain's key, the header key of the chain after it."""

    root_key: RootKey
    chain_key: ChainKey
    next_header_key: HeaderKey


def root_step(
    root_key: RootKey,
    dh_secret: DhSecret,
    pq_secret: PqSecret | None,
    *,
    sender: DhPublicKey,
    receiver: DhPublicKey,
    pq_epoch: int,
) -> RootStep:
    """KDF_RK_HE (Double Ratchet specification, section 4.2), over HKDF-SHA-512.

    HKDF(salt = root key, DH 32 || [post-quantum secret 32],
         info = LP(label) || sender's ratchet key 32 || receiver's ratchet key 32 || pq epoch 4 || mixed 1, 96)

    `pq_epoch` is the new chain's; `pq_secret` is given where this step begins that epoch.
    """
    context = sender + receiver + u32(pq_epoch) + u8(pq_secret is not None)
    okm = hkdf(
        salt=root_key.raw,
        secret=dh_secret.raw + (b"" if pq_secret is None else pq_secret.raw),
        label=KDF_ROOT_STEP,
        context=context,
        length=96,
    )
    return RootStep(RootKey(okm[:32]), ChainKey(okm[32:64]), HeaderKey(okm[64:]))
