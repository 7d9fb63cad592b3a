"""What the parsers of bundles and one-time items share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from ratchetlib.errors import BundleReason, BundleRejected, InvalidKey, MalformedMessage, UnsupportedVersion
from ratchetlib.primitives import signature
from ratchetlib.wire import VERSION, Reader, require_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratchetlib.identity import IdentityKey

PREKEY_ID_LENGTH: Final = 16
"""Bytes of a hash that names a bundle or an item: names are hashes, so none is ever given twice."""

_Key = TypeVar("_Key")


def read_versioned(encoded: bytes) -> Reader:
    """A reader placed behind the version byte.

    Raises:
        UsageError: not `bytes`.
        MalformedMessage: empty.
        UnsupportedVersion: of another protocol version.
    """
    require_bytes(encoded, "an encoded prekey")
    reader = Reader(encoded, MalformedMessage)
    version = reader.u8()
    if version != VERSION:
        raise UnsupportedVersion(f"version {version} of a prekey")
    return reader


def accept_key(parse: Callable[[bytes], _Key], raw: bytes) -> _Key:
    """Parse a public key of a bundle; `BundleRejected` where the protocol refuses it."""
    try:
        return parse(raw)
    except InvalidKey:
        pass
    raise BundleRejected(BundleReason.INVALID_KEY)


def require_signed(encoded: bytes, identity: IdentityKey, label: bytes) -> None:
    """`BundleRejected` unless the last 64 bytes are the identity's signature of what stands before them."""
    content, signed = encoded[: -signature.SIGNATURE_LENGTH], encoded[-signature.SIGNATURE_LENGTH :]
    if not signature.verifies(identity.signing, label, content, signed):
        raise BundleRejected(BundleReason.INVALID_SIGNATURE)
