"""A header opens to the fields that were sealed and is sealed to the same bytes again; no other string opens."""

from __future__ import annotations

from typing import Final

from harness.oracles import require, require_same

from ratchetlib.primitives import aead
from ratchetlib.primitives.aead import HeaderKey
from ratchetlib.ratchet.header import HEADER_LENGTH, SEALED_HEADER_LENGTH, open_header, seal_header

_KEY: Final = HeaderKey(bytes(range(32)))
_NONCE: Final = bytes(aead.NONCE_LENGTH)
_DATA: Final = b"associated"


def one_input(data: bytes) -> None:
    """The first 142 bytes in clear; what follows is laid over the sealed header."""
    clear = data[:HEADER_LENGTH].ljust(HEADER_LENGTH, b"\0")
    sealed = _KEY.seal(_NONCE, clear, _DATA)
    header = open_header(_KEY, _NONCE, sealed, _DATA)
    require(header is not None, "a sealed header does not open")
    if header is not None:
        require_same(sealed, seal_header(_KEY, _NONCE, header, _DATA))
    overlay = data[HEADER_LENGTH:].ljust(SEALED_HEADER_LENGTH, b"\0")
    altered = bytes(a ^ b for a, b in zip(sealed, overlay, strict=False))
    opened = open_header(_KEY, _NONCE, altered, _DATA)
    require((opened is not None) == (altered == sealed), "a header opens that nobody sealed")
