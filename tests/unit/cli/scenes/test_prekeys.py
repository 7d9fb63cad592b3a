from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.pair import BOB, NOW

from ratchetlib import IdentityKeyPair, PrekeyBundle, PrekeyRing
from ratchetlib.cli.scenes import prekeys
from ratchetlib.cli.talk import Actor

if TYPE_CHECKING:
    from support.sheet import Sheet


@pytest.fixture
def bob() -> Actor:
    return Actor("Bob", BOB, IdentityKeyPair.generate())


def test_the_sizes_are_those_on_the_wire(page: Sheet, bob: Actor) -> None:
    ring, bundle = prekeys.play(page, bob, NOW)
    assert f"a signed bundle, {len(ring.signed_bundle()):,} B, and 20 one-time items" in page.lines[3]
    assert f"{len(bundle.to_bytes()):,} B" in page.lines[4]
    assert (page.checks, page.failures) == (2, 0)


def test_the_item_that_was_given_away_is_offered_no_more(page: Sheet, bob: Actor) -> None:
    ring, bundle = prekeys.play(page, bob, NOW)
    assert bundle.one_time is not None
    assert bundle.one_time.encoded not in ring.one_time_items()
    assert len(ring.one_time_items()) == 19


def test_a_bundle_without_an_item_fails(page: Sheet, bob: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    real = PrekeyRing.next_bundle
    monkeypatch.setattr(PrekeyRing, "next_bundle", lambda ring: PrekeyBundle(real(ring).signed, None))
    prekeys.play(page, bob, NOW)
    assert any(line.startswith(" ✗ download") for line in page.lines)


def test_a_forgery_that_is_accepted_fails(page: Sheet, bob: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    real = PrekeyBundle.from_bytes
    genuine: list[bytes] = []

    def gullible(encoded: bytes) -> PrekeyBundle:
        genuine.append(encoded)
        return real(genuine[0])

    monkeypatch.setattr(PrekeyBundle, "from_bytes", gullible)
    prekeys.play(page, bob, NOW)
    assert page.failures == 1
    assert "ACCEPTED" in page.lines[-1]
    assert genuine[0] != genuine[1]
