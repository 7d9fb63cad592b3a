"""The seeds of every target: made when they are needed, and never committed."""

from __future__ import annotations

import hashlib
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from seeds import scenes, vectors
from seeds.scripts import scripts

from ratchetlib import PrekeyRing, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_HEAD: Final = b"\0\0"
"""In front of a prefix the wire target reads two bytes of a message."""


def _wire() -> Iterable[bytes]:
    prefixes = (_HEAD + prefix for prefix in vectors.fields("wire", "Prefix", "encoded"))
    return chain(vectors.fields("wire", "Message", "message"), prefixes, scenes.first_messages())


def _headers() -> Iterable[bytes]:
    headers = list(vectors.fields("header_enc", "SealHeader", "header"))
    return chain(headers, (header + b"\1" for header in headers))


def _readers() -> Iterable[bytes]:
    return (
        bytes([9]) + bytes(range(first, first + 9)) + bytes(content) for first in range(9) for content in (0, 9, 99)
    )


SEEDS: Final[dict[str, Callable[[], Iterable[bytes]]]] = {
    "bundle": lambda: chain(vectors.fields("bundles", "PrekeyBundle", "encoded"), scenes.bundles()),
    "erasure": vectors.erasure,
    "fingerprint": vectors.fingerprints,
    "header": _headers,
    "identity": lambda: chain(
        vectors.fields("signatures", "Identity", "encoded"), vectors.fields("signatures", "IdentityOf", "encoded")
    ),
    "initial_block": scenes.blocks,
    "initial_message": lambda: chain(scenes.first_messages(), vectors.fields("handshake", "Handshake", "message")),
    "message": lambda: chain(scenes.due_messages(), (b"\0" + message for message in vectors.messages())),
    "one_time_item": lambda: chain(vectors.fields("bundles", "OneTimeItem", "encoded"), scenes.items()),
    "padding": vectors.paddings,
    "prekey_ring": lambda: chain(scenes.rings(), vectors.contents(PrekeyRing)),
    "reader": _readers,
    "reference": lambda: islice(scripts(), 0, None, 9),
    "sealed_body": scenes.bodies,
    "sealed_header": scenes.headers,
    "sealed_state": lambda: chain(scenes.states(), scenes.false_states(), vectors.contents(Session), vectors.loaded()),
    "session": scripts,
    "signed_bundle": scenes.unsigned_bundles,
    "signed_item": scenes.unsigned_items,
    "state_blob": lambda: chain(vectors.blobs(), scenes.sealed_blobs()),
    "wire": _wire,
}
_MAX_SEED: Final = 16_384
"""Bytes above which a seed is left out: the fuzzer would cut it."""


def of(name: str) -> list[bytes]:
    """A target's seeds, each once."""
    return sorted({seed for seed in SEEDS[name]() if len(seed) <= _MAX_SEED})


def write(name: str, folder: Path) -> Path:
    """Put a target's seeds into a folder below that one, each under the name that libFuzzer would give it."""
    seeds = folder / name
    seeds.mkdir(parents=True, exist_ok=True)
    for seed in of(name):
        (seeds / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
    return seeds
