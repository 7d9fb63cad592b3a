from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ratchetlib import Fingerprint
from ratchetlib.cli.scenes import identities

if TYPE_CHECKING:
    import pytest
    from support.sheet import Sheet

    from ratchetlib.cli.talk import Actor


def test_the_fingerprint_of_the_two_is_shown(page: Sheet) -> None:
    alice, bob = identities.play(page)
    computed = Fingerprint.between(bob.identity.public, bob.address, alice.identity.public, alice.address)
    shown = re.findall(r"\b\d{5}\b", "\n".join(page.lines))
    assert shown == computed.digits.split()
    assert (page.checks, page.failures) == (2, 0)


def test_two_fingerprints_that_differ_fail(page: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    real = identities._fingerprint

    def other_for_bob(ours: Actor, theirs: Actor) -> Fingerprint:
        return real(ours, ours) if ours.name == "Bob" else real(ours, theirs)

    monkeypatch.setattr(identities, "_fingerprint", other_for_bob)
    identities.play(page)
    assert " ✗ compared      both devices show these 60 digits" in page.lines


def test_an_impostor_who_is_taken_for_bob_fails(page: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fingerprint, "verify", lambda *_: None)
    identities.play(page)
    assert page.failures == 1
    assert "ACCEPTED" in page.lines[-1]
