# INP001: a tool beside the documents, not a package. SLF001: replacing the private source is what it is for.
"""Randomness by script, for the specification's examples only.

The library has no hook for this. The module-private source and the class's encapsulation are replaced from outside, in
a process that does nothing else, and every draw is named and recorded.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from kyber_py.ml_kem import ML_KEM_768, ML_KEM_1024  # type: ignore[import-untyped]  # it has no types

from ratchetlib.keys import KemSecret
from ratchetlib.primitives import random
from ratchetlib.primitives.kem import Kem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratchetlib.keys import KemPublicKey

_STREAM_LENGTH: Final = 2**14
_MESSAGE_LENGTH: Final = 32
_SECOND_IMPLEMENTATION: Final = {"ML-KEM-768": ML_KEM_768, "ML-KEM-1024": ML_KEM_1024}


class Script:
    """A stream of bytes that stands in for the random source.

    Attributes:
        draws: what was drawn so far: for which step, in which role, the bytes.
    """

    def __init__(self, label: str) -> None:
        self.draws: list[dict[str, str]] = []
        self._stream = hashlib.shake_256(label.encode()).digest(_STREAM_LENGTH)
        self._position = 0
        self._step = ""
        self._roles: list[str] = []

    @contextmanager
    def step(self, name: str, *roles: str) -> Iterator[None]:
        """One step of the conversation, with the roles of its draws in order: no more, no fewer."""
        self._step, self._roles = name, list(roles)
        yield
        if self._roles:
            raise RuntimeError(f"{name}: never drawn: {self._roles}")

    def draw(self, length: int) -> bytes:
        """The next bytes of the stream."""
        role = self._roles.pop(0)
        drawn = self._stream[self._position : self._position + length]
        self._position += length
        if len(drawn) != length:
            raise RuntimeError("the stream is used up")
        self.draws.append({"step": self._step, "role": role, "bytes": drawn.hex()})
        return drawn

    def drawn(self, step: str, role: str) -> bytes:
        """What was drawn in that step in that role."""
        (found,) = (draw["bytes"] for draw in self.draws if (draw["step"], draw["role"]) == (step, role))
        return bytes.fromhex(found)


@contextmanager
def scripted(label: str) -> Iterator[Script]:
    """Draw everything from a stream that follows from `label`."""
    script = Script(label)

    def encapsulate(self: Kem, public: KemPublicKey) -> tuple[KemSecret, bytes]:
        secret, ciphertext = _SECOND_IMPLEMENTATION[self.name]._encaps_internal(public, script.draw(_MESSAGE_LENGTH))
        return KemSecret(secret), ciphertext

    with patch.object(random, "_source", script), patch.object(Kem, "encapsulate", encapsulate):
        yield script
