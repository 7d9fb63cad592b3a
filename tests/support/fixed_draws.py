"""The same randomness for two calls, to see that two states behave alike."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

from ratchetlib.primitives import random
from ratchetlib.primitives.kem import Kem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ratchetlib.keys import KemPublicKey, KemSecret


class _Source:
    """Bytes that follow from a seed and the number of draws."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._draws = 0

    def draw(self, length: int) -> bytes:
        self._draws += 1
        return hashlib.shake_256(f"{self._seed} {self._draws}".encode()).digest(length)


def _remembered(encapsulate: Callable[[Kem, KemPublicKey], tuple[KemSecret, bytes]]) -> Callable[..., object]:
    """OpenSSL draws by itself in an encapsulation, so the second one to a key is the first one's."""
    known: dict[bytes, tuple[KemSecret, bytes]] = {}

    def once(kem: Kem, public: KemPublicKey) -> tuple[KemSecret, bytes]:
        if public not in known:
            known[public] = encapsulate(kem, public)
        return known[public]

    return once


@contextmanager
def twins() -> Iterator[Callable[[int], object]]:
    """A function that starts the randomness anew from a seed."""
    with patch.object(Kem, "encapsulate", _remembered(Kem.encapsulate)), patch.object(random, "_source", _Source(0)):

        def restart(seed: int) -> None:
            random._source = _Source(seed)  # type: ignore[assignment]

        yield restart
