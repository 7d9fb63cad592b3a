"""The limits of a run: the genuine ones, or small ones whose edges a few messages reach."""

from __future__ import annotations

import importlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple
from unittest.mock import patch

from ratchetlib import limits

if TYPE_CHECKING:
    from collections.abc import Iterator


class Bounds(NamedTuple):
    """What the model and the library are both held to.

    Attributes:
        skip: MAX_SKIP.
        stored: MAX_STORED_SKIPPED.
        closed: MAX_CLOSED_CHAINS.
        length: MAX_CHAIN_LENGTH.
        remembered: MAX_REMEMBERED_HANDSHAKES.
    """

    skip: int
    stored: int
    closed: int
    length: int
    remembered: int


_NAMES: Final = ("MAX_SKIP", "MAX_STORED_SKIPPED", "MAX_CLOSED_CHAINS", "MAX_CHAIN_LENGTH", "MAX_REMEMBERED_HANDSHAKES")
GENUINE: Final = Bounds(*(getattr(limits, name) for name in _NAMES))
SMALL: Final = Bounds(skip=6, stored=9, closed=2, length=14, remembered=2)

_MODULES: Final = [
    importlib.import_module(name)
    for name in (
        "ratchetlib.ratchet.chains",
        "ratchetlib.ratchet.codec",
        "ratchetlib.ratchet.decrypt",
        "ratchetlib.ratchet.encrypt",
        "ratchetlib.ratchet.skipped",
        "ratchetlib.prekeys.codec",
        "ratchetlib.prekeys.contents",
        "reference.ratchet",
        "reference.ring",
    )
]


@contextmanager
def applied(bounds: Bounds) -> Iterator[None]:
    """The library and the reference under these bounds, wherever they look them up."""
    with ExitStack() as stack:
        for name, value in zip(_NAMES, bounds, strict=True):
            for module in _MODULES:
                if hasattr(module, name):
                    stack.enter_context(patch.object(module, name, value))
        yield
