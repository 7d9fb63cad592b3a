"""Signed bundles and one-time items taken apart, changed, and signed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.hostile import require_alone
from support.pair import BOB, NOW

from ratchetlib import BundleReason, BundleRejected, IdentityKeyPair, PrekeyRing
from ratchetlib.identity import sign_as
from ratchetlib.labels import SIGN_BUNDLE, SIGN_ONE_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ratchetlib import IdentityKey

Fields = dict[str, bytes]

_BUNDLE = {"version": 1, "highest": 1, "address": -1, "identity": 128, "epoch": 8, "not_before": 8, "not_after": 8}
_BUNDLE |= {"prekey": 32, "kem_key": 1_568, "signature": 64}
_ITEM = {"version": 1, "address": -1, "epoch": 8, "prekey": 32, "kem_key": 1_568, "signature": 64}


def bundle_fields(encoded: bytes) -> Fields:
    """The fields of a signed bundle by name; the address with its length in front."""
    return _split(encoded, _BUNDLE)


def item_fields(encoded: bytes) -> Fields:
    """The fields of a one-time item by name; the address with its length in front."""
    return _split(encoded, _ITEM)


def offsets(fields: Fields, *names: str) -> list[int]:
    """The positions, in the encoding, of the bytes of the fields named."""
    found: list[int] = []
    start = 0
    for name, value in fields.items():
        if name in names:
            found += range(start, start + len(value))
        start += len(value)
    return found


def encode(fields: Mapping[str, bytes]) -> bytes:
    return b"".join(fields.values())


def signed_again(owner: IdentityKeyPair, fields: Fields, **changes: bytes) -> bytes:
    """The encoding with fields changed under a genuine signature: what a hostile owner can publish."""
    changed = {**fields, **changes}
    del changed["signature"]
    label = SIGN_BUNDLE if "identity" in fields else SIGN_ONE_TIME
    content = encode(changed)
    return content + sign_as(owner, label, content)


def rejection(parse: Callable[[], object]) -> BundleReason:
    """Why a bundle is refused."""
    with pytest.raises(BundleRejected) as caught:
        parse()
    require_alone(caught.value)
    return caught.value.reason


class Device:
    """A device with its ring and what it has published."""

    def __init__(
        self,
        identity: IdentityKeyPair | None = None,
        *,
        address: bytes = BOB,
        epoch: int = 1,
        now: int = NOW,
        one_time: int = 1,
    ) -> None:
        self.identity = identity or IdentityKeyPair.generate()
        self.ring = PrekeyRing.generate(self.identity, address=address, now=now, one_time=one_time, epoch=epoch)

    @property
    def public(self) -> IdentityKey:
        return self.identity.public

    @property
    def signed(self) -> bytes:
        return self.ring.signed_bundle()

    @property
    def item(self) -> bytes:
        return self.ring.one_time_items()[0]


def _split(encoded: bytes, layout: Mapping[str, int]) -> Fields:
    fields, start = {}, 0
    for name, fixed in layout.items():
        length = fixed if fixed >= 0 else 4 + int.from_bytes(encoded[start : start + 4], "big")
        fields[name] = encoded[start : start + length]
        start += length
    if start != len(encoded):
        pytest.fail("the layout does not fit the encoding")
    return fields
