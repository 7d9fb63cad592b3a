"""A random source of the test's own in place of the process's, with the bytes that the test wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nacl.bindings

from ratchetlib.primitives import random

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def fresh_source(patch: pytest.MonkeyPatch) -> None:
    """Nothing drawn yet, nothing failed."""
    patch.setattr(random, "_source", random._Source())


def give(patch: pytest.MonkeyPatch, generator: Callable[[int], bytes]) -> None:
    """From now on libsodium gives this."""
    patch.setattr(nacl.bindings, "randombytes", generator)
