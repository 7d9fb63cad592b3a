"""How much a call computes: trials of header keys, key derivations, agreements and decapsulations, counted."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import nacl.bindings

from ratchetlib.primitives import aead, kdf, kem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


MAX_TRIALS: Final = 7
"""Of a message whose header does not open or is refused: keys of the open chain, the next one and five closed ones."""

MAX_WORK: Final = MAX_TRIALS + 1_000 + 8
"""Of a message: as many as may be skipped, its own key, an agreement, a root step, the seal, a finished chunk set."""

MAX_HANDSHAKE_WORK: Final = 16
"""Of a first message with number 0: four agreements, a decapsulation, key schedule, and a message on a new chain."""


class Meter:
    """Counts what is computed since the last reading."""

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


_COUNTED: Final = (
    (hashlib, "blake2b"),
    (kdf, "HKDF"),
    (nacl.bindings, "crypto_scalarmult"),
    (nacl.bindings, "crypto_scalarmult_base"),
    (kem.Kem, "decapsulate"),
    (aead.HeaderKey, "open"),
)


@contextmanager
def metered() -> Iterator[Meter]:
    """Inside, every keyed hash, HKDF, X25519, decapsulation and header trial of the library is counted."""
    meter = Meter()
    genuine = [getattr(owner, name) for owner, name in _COUNTED]
    for (owner, name), function in zip(_COUNTED, genuine, strict=True):
        setattr(owner, name, meter.counting(function))
    try:
        yield meter
    finally:
        for (owner, name), function in zip(_COUNTED, genuine, strict=True):
            setattr(owner, name, function)
