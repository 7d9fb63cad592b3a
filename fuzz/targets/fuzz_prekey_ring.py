"""Authentic content is a ring, written again as the same bytes, or refused: whatever the content is."""

from __future__ import annotations

from harness.draws import deterministic
from harness.oracles import parsed, refusal, require, require_same
from harness.people import NOW
from harness.sealed import content_of, opened_as

from ratchetlib import PrekeyRing


@deterministic
def one_input(data: bytes) -> None:
    """The content, sealed by the vault and opened again; a ring that is taken also serves."""
    ring = parsed(lambda content: opened_as(PrekeyRing, content), data)
    if ring is None:
        return
    require_same(data, content_of(ring))
    require(ring.status.bundles <= 8 and len(ring.one_time_ids) <= 1_000, "a ring holds more than it may")
    refusal(ring.next_bundle)
    require(refusal(lambda: ring.retire(NOW)) is None, "a ring does not retire")
