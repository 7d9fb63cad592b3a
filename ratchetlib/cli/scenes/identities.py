"""Who is who: two identities and their fingerprint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratchetlib import Fingerprint, FingerprintMismatch, IdentityKeyPair
from ratchetlib.cli.talk import Actor

if TYPE_CHECKING:
    from ratchetlib.cli.page import Page


def play(page: Page) -> tuple[Actor, Actor]:
    """Alice and Bob."""
    page.section(
        "Identities", "A device is its keys. If two people see the same fingerprint, nobody sits between them."
    )
    alice = Actor("Alice", b"alice/laptop", IdentityKeyPair.generate())
    bob = Actor("Bob", b"bob/phone", IdentityKeyPair.generate())
    impostor = Actor("Impostor", bob.address, IdentityKeyPair.generate())
    for actor in (alice, bob):
        page.row(actor.name, f"{actor.address.decode()}, identity key {actor.identity.public.signing[:4].hex()}…")

    seen_by_alice, seen_by_bob = _fingerprint(alice, bob), _fingerprint(bob, alice)
    groups = seen_by_alice.digits.split()
    page.row("fingerprint", " ".join(groups[:6]))
    page.row("", " ".join(groups[6:]))
    page.check("compared", "both devices show these 60 digits", held=seen_by_alice.digits == seen_by_bob.digits)
    code = _fingerprint(impostor, alice).to_bytes()
    text = "the QR code of somebody who pretends to be Bob"
    page.refused("impostor", text, FingerprintMismatch, lambda: seen_by_alice.verify(code))
    return alice, bob


def _fingerprint(ours: Actor, theirs: Actor) -> Fingerprint:
    return Fingerprint.between(ours.identity.public, ours.address, theirs.identity.public, theirs.address)
