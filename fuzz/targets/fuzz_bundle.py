"""Whatever parses as a prekey bundle is re-serialized to the same bytes and is signed by the identity in it."""

from __future__ import annotations

from harness.oracles import parsed, require, require_same

from ratchetlib import PrekeyBundle
from ratchetlib.labels import SIGN_BUNDLE, SIGN_ONE_TIME
from ratchetlib.primitives import signature


def one_input(data: bytes) -> None:
    """The bytes as they come from a server."""
    bundle = parsed(PrekeyBundle.from_bytes, data)
    if bundle is None:
        return
    require_same(data, bundle.to_bytes())
    signer = bundle.signed.identity.signing
    parts = [(SIGN_BUNDLE, bundle.signed.encoded)]
    if bundle.one_time is not None:
        parts.append((SIGN_ONE_TIME, bundle.one_time.encoded))
    for label, encoded in parts:
        require(signature.verifies(signer, label, encoded[:-64], encoded[-64:]), "a bundle that nobody signed parses")
