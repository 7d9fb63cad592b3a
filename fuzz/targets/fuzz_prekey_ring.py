"""Authentic content is a ring, written again as the same bytes, or refused: whatever the content is."""

from __future__ import annotations

from harness.draws import deterministic
from harness.oracles import parsed, refusal, require, require_same
from harness.owners import remembered
from harness.people import NOW
from harness.sealed import content_of, opened_as
from harness.soundness import require_sound_ring as require_sound

from ratchetlib import PrekeyRing
from ratchetlib.prekeys.one_time import OneTimeItem

OPTIONS = ("-max_len=16384",)


@deterministic
def one_input(data: bytes) -> None:
    """The content, sealed by the vault and opened again; a ring that is taken also serves."""
    with remembered():
        ring = parsed(lambda content: opened_as(PrekeyRing, content), data)
    if ring is None:
        return
    require_same(data, content_of(ring))
    require(ring.status.bundles <= 8 and len(ring.one_time_ids) <= 1_000, "a ring holds more than it may")
    require_sound(ring._contents)
    _require_given_once(ring)
    require(refusal(lambda: ring.retire(NOW)) is None, "a ring does not retire")
    repr(ring)
    if ring.status.epoch < 2**63 and ring.status.bundles < 8 and len(ring.one_time_ids) < 1_000:
        ring.rotate(NOW)
        ring.replenish(1)
        require_sound(ring._contents)


def _require_given_once(ring: PrekeyRing) -> None:
    given = []
    for _ in range(2):
        if refusal(lambda: given.append(ring.next_bundle())) is not None:
            return  # the newest bundle was revoked
    items = [bundle.one_time.item_id for bundle in given if bundle.one_time is not None]
    require(len(items) == len(set(items)), "an item is given away twice")
    offered = {OneTimeItem.from_bytes(left).item_id for left in ring.one_time_items()}
    require(offered.isdisjoint(items), "an item is given away and still offered")
