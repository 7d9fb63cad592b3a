"""Under the owner's own signature any fields are refused or a bundle that begins a session if the policy says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import layouts
from harness.draws import deterministic
from harness.handshake import require_begun
from harness.oracles import parsed, require, require_same
from harness.people import ALICE, BOB, NOW, people

from ratchetlib import PrekeyBundle, Session
from ratchetlib.identity import sign_as
from ratchetlib.labels import SIGN_BUNDLE
from ratchetlib.prekeys.signed import SignedBundle

if TYPE_CHECKING:
    from ratchetlib import IdentityKey

_DAY = 86_400


@deterministic
def one_input(data: bytes) -> None:
    """The first byte is what the initiator demands; the rest everything before the signature of a hostile owner."""
    demands, content = data[0] if data else 0, data[1:]
    encoded = content + sign_as(people().bob, SIGN_BUNDLE, content)
    bundle = parsed(SignedBundle.from_bytes, encoded)
    if bundle is None:
        return
    require_same(encoded, bundle.to_bytes())
    require_same(encoded, layouts.signed_bundle(bundle, encoded[-64:]))
    require(bundle.identity == people().bob.public, "a bundle parses under another identity's signature")
    require(0 < bundle.not_after - bundle.not_before <= 14 * _DAY, "a bundle outlives its bound")
    require(1 <= len(bundle.address) <= 128, "an address is out of its bounds")
    _require_judged(bundle, demands)


def _require_judged(bundle: SignedBundle, demands: int) -> None:
    pinned: IdentityKey | None = (None, people().bob.public, people().alice.public, None)[demands & 3]
    ours = people().bob if demands & 3 == 3 else people().alice
    minimum, one_time = demands >> 3, bool(demands & 4)
    begun = parsed(
        lambda _: Session.initiate(
            ours,
            PrekeyBundle(bundle, None),
            our_address=ALICE,
            their_address=BOB,
            now=NOW,
            expected_identity=pinned,
            minimum_epoch=minimum,
            require_one_time=one_time,
        ),
        b"",
    )
    current = bundle.not_before <= NOW + _DAY and bundle.not_after >= NOW
    acceptable = bundle.address == BOB and current and bundle.epoch >= minimum and not one_time and demands & 3 < 2
    require((begun is not None) == acceptable, "the policy takes what it must not, or refuses what it may")
    if begun is not None:
        require_begun(begun, bundle, None)
