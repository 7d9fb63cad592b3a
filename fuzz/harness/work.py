"""How much a call computes: key derivations and agreements, counted."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import nacl.bindings

from ratchetlib.primitives import kdf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Meter:
    """Counts derivations since the last reading."""

    def __init__(self) -> None:
        self._count = 0

    def read(self) -> int:
        """The number since the last reading."""
        count, self._count = self._count, 0
        return count

    def counting(self, genuine: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted."""

        def counted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            self._count += 1
            return genuine(*arguments, **options)

        return counted


@contextmanager
def metered() -> Iterator[Meter]:
    """Inside, every keyed hash, HKDF and X25519 of the library is counted."""
    meter = Meter()
    with (
        patch.object(hashlib, "blake2b", meter.counting(hashlib.blake2b)),
        patch.object(kdf, "HKDF", meter.counting(kdf.HKDF)),
        patch.object(nacl.bindings, "crypto_scalarmult", meter.counting(nacl.bindings.crypto_scalarmult)),
        patch.object(nacl.bindings, "crypto_scalarmult_base", meter.counting(nacl.bindings.crypto_scalarmult_base)),
    ):
        yield meter
