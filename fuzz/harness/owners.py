"""Rings whose owner is expanded once a process: two key expansions, a signature and its check are most of a parse.

What is remembered is what `IdentityKeyPair` itself has made of the same 64 bytes: a value, or its refusal. Every other
string goes through the library as it is, so no check is left out; the `identity` target fuzzes the expansion itself.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ratchetlib import IdentityKeyPair
from ratchetlib.errors import StateTampered
from ratchetlib.prekeys import codec
from ratchetlib.wire import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONTENT: Final = 64


class _Owners:
    """Stands where the ring's codec looks for `IdentityKeyPair`."""

    @staticmethod
    def _from_state(reader: Reader) -> IdentityKeyPair:
        return _expanded(reader.take(_CONTENT))


@lru_cache(maxsize=1_024)
def _expanded(content: bytes) -> IdentityKeyPair:
    return IdentityKeyPair._from_state(Reader(content, StateTampered))


@contextmanager
def remembered() -> Iterator[None]:
    """Inside, an owner that was expanded before is not expanded again."""
    genuine, codec.IdentityKeyPair = codec.IdentityKeyPair, _Owners  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        codec.IdentityKeyPair = genuine  # type: ignore[misc]
