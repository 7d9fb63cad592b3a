"""Whatever parses as an identity is re-serialized to the same bytes; the same holds for an authentic key pair."""

from __future__ import annotations

from harness.oracles import parsed, require, require_same
from harness.sealed import content_of, read_content

from ratchetlib import IdentityKey, IdentityKeyPair
from ratchetlib.labels import SIGN_IDENTITY
from ratchetlib.primitives import signature

_SEALED = 64


def one_input(data: bytes) -> None:
    """The bytes as a public identity, and as the sealed content of a key pair."""
    public = parsed(IdentityKey.from_bytes, data)
    if public is not None:
        require_same(data, public.to_bytes())
        joined = signature.verifies(public.signing, SIGN_IDENTITY, public.agreement, data[64:])
        require(joined, "an identity parses whose halves nobody has joined")
    # Longer content is refused as well, but only after two keys are expanded from its beginning.
    pair = parsed(lambda content: read_content(IdentityKeyPair, content), data) if len(data) <= _SEALED else None
    if pair is not None:
        require_same(data, content_of(pair))
