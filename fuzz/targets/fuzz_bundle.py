"""Whatever parses as a prekey bundle is re-serialized to the same bytes and is signed by the identity in it."""

from __future__ import annotations

from harness import layouts
from harness.oracles import parsed, require, require_same

from ratchetlib import PrekeyBundle
from ratchetlib.labels import SIGN_BUNDLE, SIGN_ONE_TIME
from ratchetlib.primitives import signature
from ratchetlib.wire import lp


def one_input(data: bytes) -> None:
    """The bytes as they come from a server."""
    bundle = parsed(PrekeyBundle.from_bytes, data)
    if bundle is None:
        return
    require_same(data, bundle.to_bytes())
    signed, item, signer = bundle.signed, bundle.one_time, bundle.signed.identity.signing
    parts = [(SIGN_BUNDLE, layouts.signed_bundle(signed, signed.encoded[-64:]))]
    if item is not None:
        parts.append((SIGN_ONE_TIME, layouts.one_time_item(item, item.encoded[-64:])))
    for label, encoded in parts:
        require(signature.verifies(signer, label, encoded[:-64], encoded[-64:]), "a bundle that nobody signed parses")
    one_time = b"\0" + lp(b"") if item is None else b"\1" + lp(parts[1][1])
    require_same(data, lp(parts[0][1]) + one_time)
    repr((bundle, signed))
