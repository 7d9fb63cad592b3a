"""Draws that follow from the state that draws: two schedules which lead to one state lead to the same bytes."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest.mock import patch

from kyber_py.ml_kem import ML_KEM_768  # type: ignore[import-untyped]  # it has no types

from ratchetlib.keys import KemSecret
from ratchetlib.primitives import random
from ratchetlib.primitives.kem import Kem
from ratchetlib.wire import lp, u32

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratchetlib.keys import KemPublicKey
    from ratchetlib.ratchet import RatchetState


class _Following:
    """A source whose bytes follow from a context and the length: every draw of one send has a length of its own."""

    def __init__(self, context: bytes) -> None:
        self._context = context
        self._drawn: set[int] = set()

    def draw(self, length: int) -> bytes:
        if length in self._drawn:
            raise RuntimeError("the same bytes would be drawn twice")
        self._drawn.add(length)
        return _expand(b"draw", self._context, length)


class _Dry:
    """A source that nobody may draw from."""

    def draw(self, length: int) -> bytes:
        raise RuntimeError(f"{length} bytes drawn where nothing may be")


@contextmanager
def draws_of_send(party: str, state: RatchetState) -> Iterator[None]:
    """Inside, what is drawn is a function of the party, its root key and its place in the chain."""
    number = 0 if state.sending is None else state.sending.number
    context = lp(party.encode()) + state.turn.root_key.raw + u32(number)
    with patch.object(random, "_source", _Following(context)), patch.object(Kem, "encapsulate", _encapsulate):
        yield


@contextmanager
def no_draws() -> Iterator[None]:
    """Inside, nothing may be drawn. By hand: there are many, and `patch` would cost as much as what happens inside."""
    kept, random._source = random._source, _DRY  # type: ignore[assignment]
    try:
        yield
    finally:
        random._source = kept


_DRY = _Dry()


def _encapsulate(kem: Kem, public: KemPublicKey) -> tuple[KemSecret, bytes]:
    """The encapsulation whose message follows from the key. OpenSSL would draw it."""
    if kem.name != "ML-KEM-768":
        raise RuntimeError("only the ratchet encapsulates here")
    secret, ciphertext = ML_KEM_768._encaps_internal(public, _expand(b"encapsulation", public, 32))
    return KemSecret(secret), ciphertext


def _expand(purpose: bytes, context: bytes, length: int) -> bytes:
    return hashlib.shake_256(lp(purpose) + lp(context) + u32(length)).digest(length)
