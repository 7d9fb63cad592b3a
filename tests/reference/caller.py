"""What a caller may ask for (docs/spec/limits.md); anything else is `UsageError`."""

from __future__ import annotations

from typing import Final

from reference.identity import MAX_ADDRESS
from reference.refusal import require

TIME_LIMIT: Final = 2**38
MAX_PLAINTEXT_CEILING: Final = 2**30
MAX_ASSOCIATED_DATA: Final = 65_536


def check_address(address: bytes) -> None:
    require(1 <= len(address) <= MAX_ADDRESS, "UsageError")


def check_time(now: int | None) -> None:
    require(now is None or 0 <= now < TIME_LIMIT, "UsageError")


def check_epoch(epoch: int) -> None:
    require(0 <= epoch < 2**64, "UsageError")


def check_message(ad: bytes, max_plaintext: int) -> None:
    require(len(ad) <= MAX_ASSOCIATED_DATA and 0 <= max_plaintext <= MAX_PLAINTEXT_CEILING, "UsageError")


def check_sizes(sizes: tuple[int, ...]) -> None:
    """Of padding: strictly ascending, each from 1 on."""
    good = all(1 <= size <= MAX_PLAINTEXT_CEILING for size in sizes) and list(sizes) == sorted(set(sizes))
    require(sizes and good, "UsageError")
