"""Alice's first message, from which Bob makes his side of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ratchetlib import Session, UnknownPrekey
from ratchetlib.cli.talk import Speaker, Talk, opened_a_chain

if TYPE_CHECKING:
    from ratchetlib import PrekeyBundle, PrekeyRing
    from ratchetlib.cli.page import Page
    from ratchetlib.cli.talk import Actor

# Fewer bytes than that can stand in random ones by chance.
_TELLING: Final = 8


def play(page: Page, alice: Actor, bob: Actor, ring: PrekeyRing, bundle: PrekeyBundle, text: str, now: int) -> Talk:
    """The two in a session."""
    page.section(
        "Handshake",
        "It travels with the first message: X25519 and ML-KEM-1024, so no later quantum computer reads it.",
    )
    session = Session.initiate(alice.identity, bundle, our_address=alice.address, their_address=bob.address, now=now)
    message = session.encrypt(text.encode())
    bob_session, plaintext = Session.accept(bob.identity, ring, message, our_address=bob.address, now=now)

    talk = Talk(page, Speaker(alice, session), Speaker(bob, bob_session))
    position = talk.position(talk.alice, opened=opened_a_chain(session))
    talk.show(talk.alice, talk.bob, text, len(message), position, held=plaintext == text.encode())
    same = session.session_id == bob_session.session_id
    page.check("session", f"both sides computed the same id, {session.session_id[:4].hex()}…", held=same)
    hidden = not any(part in message for part in _private_parts(alice, plaintext))
    page.check("observer", "sees whose prekeys are used; not Alice's name, not her keys, not the text", held=hidden)
    page.refused(
        "replay",
        "the first message once more; its one-time key is gone",
        UnknownPrekey,
        lambda: Session.accept(bob.identity, ring, message, our_address=bob.address, now=now),
    )
    return talk


def _private_parts(alice: Actor, plaintext: bytes) -> list[bytes]:
    public = alice.identity.public
    parts = [alice.address, public.signing, public.agreement, plaintext]
    return [part for part in parts if len(part) >= _TELLING]
