"""Dictionaries: the numbers and constants at which the protocol's parsers decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from harness.positions import standings

from ratchetlib import limits
from ratchetlib.primitives.answers import X25519_NON_CANONICAL, X25519_ORDER_8
from ratchetlib.state.blob import MAGIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_COUNTS: Final = (
    limits.MAX_SKIP,
    limits.MAX_STORED_SKIPPED,
    limits.MAX_CLOSED_CHAINS,
    limits.MAX_CHAIN_LENGTH,
    limits.MAX_CHUNKS,
    limits.MAX_ADDRESS,
    limits.MAX_BUNDLE_PART,
    limits.MAX_BUNDLES,
    limits.MAX_ONE_TIME_ITEMS,
    limits.MAX_REMEMBERED_HANDSHAKES,
    limits.MAX_STORAGE_KEY_ID,
)
_HEADS: Final = (b"\1\1", b"\1\2", MAGIC + b"\1\3", MAGIC + b"\1\2")
_KEYS: Final = (bytes(32), X25519_ORDER_8, X25519_NON_CANONICAL, b"\xff" * 32)


def _around(numbers: Iterable[int], length: int) -> Iterator[bytes]:
    """Each number, the one before it and the one after it."""
    yield from (
        (number + step).to_bytes(length, "big") for number in (*numbers, 2 ** (8 * length) - 2) for step in (-1, 0, 1)
    )


def _encodings() -> Iterator[bytes]:
    """What stands in everything that is encoded."""
    yield from (*_HEADS, *_KEYS)
    yield from _around(_COUNTS, 4)


def _fields() -> Iterator[bytes]:
    """The fields of a sealed header that the target takes as they are."""
    yield from (b"\x0e" + number for number in _around(_COUNTS, 4))
    yield from (key for key in _KEYS if any(key))


def _stored() -> Iterator[bytes]:
    """What stands in a session's state."""
    yield from _encodings()
    yield from {standing.state.facts.session_id for standing in standings()}


DICTIONARIES: Final[dict[str, Callable[[], Iterable[bytes]]]] = {
    **dict.fromkeys(
        ("bundle", "initial_block", "initial_message", "message", "one_time_item", "prekey_ring", "reader"), _encodings
    ),
    **dict.fromkeys(("signed_bundle", "signed_item", "state_blob", "wire"), _encodings),
    "sealed_header": _fields,
    "sealed_state": _stored,
}


def text(name: str) -> str:
    """A dictionary as libFuzzer reads it."""
    tokens = dict.fromkeys(DICTIONARIES[name]())
    lines = ('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"' for token in tokens)
    return "# Written by fuzz/seed.py from ratchetlib/limits.py and the constants of the encodings.\n" + "".join(
        f"{line}\n" for line in lines
    )
