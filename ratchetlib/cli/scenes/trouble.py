"""What a network or an attacker does to messages: late, lost, replayed, sent back, damaged."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from ratchetlib import AuthenticationError, DuplicateMessage, PeerError

if TYPE_CHECKING:
    from ratchetlib import Session
    from ratchetlib.cli.talk import Talk

_TEXTS: Final = ("one", "two", "three")
_INTACT: Final = "intact"


def play(talk: Talk) -> None:
    """Each message is read once or refused, and a refusal changes nothing."""
    talk.page.section(
        "Trouble", "Networks lose and delay, attackers replay and alter: a message is read once, or refused."
    )
    newest = _late_and_lost(talk)
    alice, bob = talk.alice.session, talk.bob.session
    talk.page.refused("replay", "the third once more, the same bytes", DuplicateMessage, lambda: bob.decrypt(newest))
    talk.page.refused("reflection", "it is sent back to Alice", AuthenticationError, lambda: alice.decrypt(newest))
    _damaged(talk)


def _late_and_lost(talk: Talk) -> bytes:
    page, bob = talk.page, talk.bob
    first, _lost, third = (talk.write(talk.alice, text)[0] for text in _TEXTS)
    page.row("late, lost", "Alice writes three messages, and only the third arrives")
    read = bob.reads(third, _TEXTS[2])
    kept = bob.session.health().skipped_stored
    page.check("", f"Bob reads it and keeps {kept} keys, for the two before it", held=read and kept == len(_TEXTS) - 1)
    read = bob.reads(first, _TEXTS[0])
    kept = bob.session.health().skipped_stored
    page.check("", f"the first arrives late and is read; {kept} key is left, for the lost one", held=read and kept == 1)
    return third


def _damaged(talk: Talk) -> None:
    page, bob = talk.page, talk.bob
    message, _ = talk.write(talk.alice, _INTACT)
    before = _state_digest(bob.session)
    refused = sum(_refuses(bob.session, with_a_bit_flipped(message, index)) for index in range(len(message)))
    text = f"a fourth, with a bit of each of its {len(message)} bytes flipped in turn: refused {refused} times"
    page.check("tampering", text, held=refused == len(message))
    page.check("", "Bob's state is what it was before, byte for byte", held=_state_digest(bob.session) == before)
    page.check("", "the fourth itself is then read", held=bob.reads(message, _INTACT))


def with_a_bit_flipped(message: bytes, index: int) -> bytes:
    """The message with one bit of one byte changed."""
    return message[:index] + bytes([message[index] ^ 1]) + message[index + 1 :]


def _refuses(session: Session, message: bytes) -> bool:
    try:
        session.decrypt(message)
    except PeerError:
        return True
    return False


def _state_digest(session: Session) -> bytes:
    # Two sealed blobs of one state differ in their nonces, so what is inside has to be compared.
    return hashlib.sha256(session._to_state()).digest()  # noqa: SLF001
