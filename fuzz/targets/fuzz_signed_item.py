"""Under the owner's own signature any one-time item goes with its bundle and begins a session, or is refused."""

from __future__ import annotations

from harness import layouts
from harness.draws import deterministic
from harness.handshake import attempt, require_begun
from harness.oracles import parsed, require, require_same
from harness.people import ALICE, BOB, NOW, people

from ratchetlib import PrekeyBundle, Session
from ratchetlib.identity import sign_as
from ratchetlib.labels import SIGN_ONE_TIME
from ratchetlib.prekeys.one_time import OneTimeItem


@deterministic
def one_input(data: bytes) -> None:
    """Everything before the signature of a hostile owner."""
    encoded = data + sign_as(people().bob, SIGN_ONE_TIME, data)
    item = parsed(OneTimeItem.from_bytes, encoded)
    signed = attempt(one_time=False).record.bundle
    bundle = parsed(lambda part: PrekeyBundle.from_parts(signed.encoded, part), encoded)
    if item is None:
        require(bundle is None, "an item that does not parse goes with a bundle")
        return
    require_same(encoded, layouts.one_time_item(item, encoded[-64:]))
    require(1 <= len(item.address) <= 128, "an address is out of its bounds")
    belongs = item.address == signed.address and signed.epoch - 1 <= item.epoch <= signed.epoch
    require((bundle is not None) == belongs, "an item of another address or epoch, or one that belongs is refused")
    if bundle is not None:
        begun = Session.initiate(people().alice, bundle, our_address=ALICE, their_address=BOB, now=NOW)
        require_begun(begun, signed, item)
