"""The draws of the vectors: each follows from its label alone."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from kyber_py.ml_kem import ML_KEM_768, ML_KEM_1024  # type: ignore[import-untyped]  # it has no types

from ratchetlib.cli.verify.draws import MESSAGE_LENGTH, Encapsulated

if TYPE_CHECKING:
    from ratchetlib.cli.verify.fields import Fields
    from ratchetlib.keys import KemSeed
    from ratchetlib.primitives.kem import Kem

_SECOND_IMPLEMENTATION: Final = {"ML-KEM-768": ML_KEM_768, "ML-KEM-1024": ML_KEM_1024}


class Stream:
    """SHAKE-256 of a label and a name."""

    def __init__(self, label: str) -> None:
        self._label = label

    def begin(self, fields: Fields) -> None:
        """Nothing depends on the event."""

    def drawn(self, name: str, length: int) -> bytes:
        """The bytes of that name."""
        return hashlib.shake_256(f"ratchetlib vectors 1/{self._label}/{name}".encode()).digest(length)

    def encapsulation(self, name: str, kem: Kem, public: bytes, seed: KemSeed | None) -> Encapsulated:
        """The encapsulation with the m of that name."""
        m = self.drawn(name, MESSAGE_LENGTH)
        secret, ciphertext = encapsulate(kem.name, public, m)
        if seed is not None and kem.decapsulate(seed, ciphertext).raw != secret:
            raise RuntimeError("two implementations of ML-KEM disagree")
        return Encapsulated(m, secret, ciphertext)


def encapsulate(kem: str, public: bytes, m: bytes) -> tuple[bytes, bytes]:
    """The secret and the ciphertext of a chosen m, which OpenSSL does not offer."""
    secret, ciphertext = _SECOND_IMPLEMENTATION[kem]._encaps_internal(public, m)
    return bytes(secret), bytes(ciphertext)
