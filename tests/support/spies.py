"""Watching what the library computes, without changing it."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import nacl.bindings

from ratchetlib.primitives import kdf
from ratchetlib.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def counted(owner: object, name: str) -> Iterator[list[str]]:
    """One entry for each call of `owner.name` made inside."""
    calls: list[str] = []
    genuine = getattr(owner, name)

    def recording(*args: object, **kwargs: object) -> Any:
        calls.append(name)
        return genuine(*args, **kwargs)

    with patch.object(owner, name, recording):
        yield calls


@contextmanager
def derivations() -> Iterator[list[str]]:
    """One entry for each key derivation and agreement made inside: keyed BLAKE2b, HKDF, X25519."""
    calls: list[str] = []
    blake2b = hashlib.blake2b

    def recording_blake2b(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("key"):  # the random source hashes without one
            calls.append("blake2b")
        return blake2b(*args, **kwargs)

    with (
        patch.object(hashlib, "blake2b", recording_blake2b),
        counted(kdf, "HKDF") as hkdf_calls,
        counted(nacl.bindings, "crypto_scalarmult") as agreements,
        counted(nacl.bindings, "crypto_scalarmult_base") as public_keys,
    ):
        try:
            yield calls
        finally:  # what is watched is mostly a refusal
            calls += hkdf_calls + agreements + public_keys


@contextmanager
def secrets_recorded() -> Iterator[dict[bytes, type[SecretBytes]]]:
    """The bytes and the role of every secret made inside."""
    made: dict[bytes, type[SecretBytes]] = {}
    genuine = SecretBytes.__init__

    def recording(self: SecretBytes, raw: bytes) -> None:
        genuine(self, raw)
        made[raw] = type(self)

    with patch.object(SecretBytes, "__init__", recording):
        yield made


def secrets_within(encoded: bytes, made: dict[bytes, type[SecretBytes]]) -> dict[bytes, type[SecretBytes]]:
    """The recorded secrets whose bytes stand anywhere in an encoding."""
    found = {}
    for length in {role.LENGTH for role in made.values()}:
        for start in range(len(encoded) - length + 1):
            window = encoded[start : start + length]
            if window in made:
                found[window] = made[window]
    return found
