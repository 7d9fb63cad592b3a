"""Published prekeys put together from their fields, as docs/spec/prekeys.md lays them out.

The library keeps what it has parsed, so writing that out again would show nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib.wire import lp, u8, u64

if TYPE_CHECKING:
    from ratchetlib.prekeys.one_time import OneTimeItem
    from ratchetlib.prekeys.signed import SignedBundle


def signed_bundle(bundle: SignedBundle, signature: bytes) -> bytes:
    """1,822 bytes and the address."""
    return b"".join(
        [
            b"\x01",
            u8(bundle.highest_version),
            lp(bundle.address),
            bundle.identity.to_bytes(),
            u64(bundle.epoch),
            u64(bundle.not_before),
            u64(bundle.not_after),
            bundle.signed_prekey,
            bundle.last_resort_key,
            signature,
        ]
    )


def one_time_item(item: OneTimeItem, signature: bytes) -> bytes:
    """1,677 bytes and the address."""
    return b"\x01" + lp(item.address) + u64(item.epoch) + item.prekey + item.kem_key + signature
