"""A padded plaintext comes back as it was, in a size that the policy allows; what unpads pads to the same bytes."""

from __future__ import annotations

from typing import Final

from harness.oracles import refusal, require

from ratchetlib.padding import FixedBuckets, NoPadding, Padme, pad, unpad

_POLICIES: Final = (Padme(), Padme(floor=1), NoPadding(), FixedBuckets((16, 256, 4_096)))


def one_input(data: bytes) -> None:
    """The first byte chooses the policy; the rest is a plaintext, and a padded one."""
    policy, content = _POLICIES[data[0] % len(_POLICIES)] if data else _POLICIES[0], data[1:]
    plaintext = unpad(content)
    if plaintext is not None:
        require(plaintext + b"\x80" == content.rstrip(b"\0"), "what unpads is not what was padded")
        require(content == (plaintext + b"\x80").ljust(len(content), b"\0"), "padding with two forms")
    if refusal(lambda: pad(content, policy)) is None:
        padded = pad(content, policy)
        require(unpad(padded) == content, "a padded plaintext does not come back")
        require(len(content) < len(padded), "no room for the marker")
        require(
            not isinstance(policy, Padme) or len(padded) <= max(policy.floor, len(content) * 9 // 8 + 2), "too long"
        )
    else:
        require(isinstance(policy, FixedBuckets) and len(content) >= 4_096, "a plaintext that fits is refused")
