"""A padded plaintext comes back as it was, in a size that the policy allows; what unpads pads to the same bytes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from harness.oracles import refusal, require

from ratchetlib.padding import FixedBuckets, NoPadding, Padme, pad, unpad

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.padding import PaddingPolicy

_POLICIES: Final[tuple[Callable[[], PaddingPolicy], ...]] = (
    Padme,
    lambda: Padme(floor=1),
    NoPadding,
    lambda: FixedBuckets((16, 256, 4_096)),
)


def one_input(data: bytes) -> None:
    """The first byte chooses the policy; the rest is a plaintext, and a padded one."""
    policy, content = _POLICIES[data[0] % len(_POLICIES) if data else 0](), data[1:]
    plaintext = unpad(content)
    if plaintext is not None:
        require(plaintext + b"\x80" == content.rstrip(b"\0"), "what unpads is not what was padded")
        require(content == (plaintext + b"\x80").ljust(len(content), b"\0"), "padding with two forms")
    if refusal(lambda: pad(content, policy)) is None:
        padded = pad(content, policy)
        require(unpad(padded) == content, "a padded plaintext does not come back")
        require(len(padded) == _size(policy, len(content) + 1), "another size than the policy's")
    else:
        require(isinstance(policy, FixedBuckets) and len(content) >= 4_096, "a plaintext that fits is refused")


def _size(policy: PaddingPolicy, length: int) -> int:
    """The size that docs/padding.md gives."""
    if isinstance(policy, NoPadding):
        return length
    if isinstance(policy, FixedBuckets):
        return min(size for size in policy.sizes if size >= length)
    if length <= policy.floor:
        return policy.floor
    exponent = math.floor(math.log2(length))
    step = 2 ** (exponent - math.floor(math.log2(exponent)) - 1)
    return -(-length // step) * step
