"""What the tests of the primitives share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nacl.bindings
import pytest

from ratchetlib.primitives import random

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.bad_sources import Generator


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> random._Source:
    """A random source that has seen nothing; the process's own comes back after the test."""
    fresh = random._Source()
    monkeypatch.setattr(random, "_source", fresh)
    return fresh


@pytest.fixture
def install(source: random._Source, monkeypatch: pytest.MonkeyPatch) -> Callable[[Generator], None]:
    """Put another generator below a fresh source."""
    assert random._source is source

    def replace(generator: Generator) -> None:
        monkeypatch.setattr(nacl.bindings, "randombytes", generator)

    return replace


@pytest.fixture
def no_call_into_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test where libsodium is called with a key from outside."""
    for name in ("crypto_scalarmult", "crypto_sign_open", "crypto_core_ed25519_is_valid_point"):
        monkeypatch.setattr(nacl.bindings, name, lambda *_: pytest.fail("reached libsodium"))
