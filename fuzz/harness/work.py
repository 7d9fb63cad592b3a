"""How much a call computes: key derivations and agreements, counted."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

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


_COUNTED: Final = (
    (hashlib, "blake2b"),
    (kdf, "HKDF"),
    (nacl.bindings, "crypto_scalarmult"),
    (nacl.bindings, "crypto_scalarmult_base"),
)


@contextmanager
def metered() -> Iterator[Meter]:
    """Inside, every keyed hash, HKDF and X25519 of the library is counted."""
    meter = Meter()
    genuine = [getattr(owner, name) for owner, name in _COUNTED]
    for (owner, name), function in zip(_COUNTED, genuine, strict=True):
        setattr(owner, name, meter.counting(function))
    try:
        yield meter
    finally:
        for (owner, name), function in zip(_COUNTED, genuine, strict=True):
            setattr(owner, name, function)
