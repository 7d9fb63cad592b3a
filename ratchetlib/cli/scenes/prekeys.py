"""What Bob publishes, so that Alice can write while he is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ratchetlib import BundleRejected, PrekeyBundle, PrekeyRing

if TYPE_CHECKING:
    from ratchetlib.cli.page import Page
    from ratchetlib.cli.talk import Actor

_ONE_TIME_ITEMS: Final = 20


def play(page: Page, bob: Actor, now: int) -> tuple[PrekeyRing, PrekeyBundle]:
    """Bob's ring, and the bundle as Alice got it from a server."""
    page.section(
        "Prekeys", "Bob leaves signed public keys on a server, so that others can write to him while he is away."
    )
    ring = PrekeyRing.generate(bob.identity, address=bob.address, now=now, one_time=_ONE_TIME_ITEMS)
    bundle_size, item_size = len(ring.signed_bundle()), len(ring.one_time_items()[0])
    page.row(
        "upload", f"a signed bundle, {bundle_size:,} B, and {_ONE_TIME_ITEMS} one-time items, {item_size:,} B each"
    )

    served = ring.next_bundle().to_bytes()
    bundle = PrekeyBundle.from_bytes(served)
    text = f"the bundle and one item, {len(served):,} B, both signed by Bob"
    page.check("download", text, held=bundle.signed.identity == bob.identity.public and bundle.one_time is not None)
    forged = served[:-1] + bytes([served[-1] ^ 1])
    text = "one bit of it changed by the server"
    page.refused("forged", text, BundleRejected, lambda: PrekeyBundle.from_bytes(forged))
    return ring, bundle
