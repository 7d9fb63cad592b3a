"""Under the owner's genuine signature any fields are either refused or a bundle of the same bytes, valid 14 days."""

from __future__ import annotations

from harness import layouts
from harness.oracles import parsed, require, require_same
from harness.people import people

from ratchetlib.identity import sign_as
from ratchetlib.labels import SIGN_BUNDLE
from ratchetlib.limits import DAY
from ratchetlib.prekeys.signed import SignedBundle


def one_input(data: bytes) -> None:
    """Everything before the signature; a hostile owner signs it."""
    encoded = data + sign_as(people().bob, SIGN_BUNDLE, data)
    bundle = parsed(SignedBundle.from_bytes, encoded)
    if bundle is None:
        return
    require_same(encoded, bundle.to_bytes())
    require_same(encoded, layouts.signed_bundle(bundle, encoded[-64:]))
    require(bundle.identity == people().bob.public, "a bundle parses under another identity's signature")
    require(0 < bundle.not_after - bundle.not_before <= 14 * DAY, "a bundle outlives its bound")
    require(1 <= len(bundle.address) <= 128, "an address is out of its bounds")
