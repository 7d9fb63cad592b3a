"""Two devices that talk, and what each message did to the ratchet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ratchetlib import RatchetError
from ratchetlib.cli.text import quoted

if TYPE_CHECKING:
    from ratchetlib import IdentityKeyPair, Session
    from ratchetlib.cli.page import Page

_TEXT_COLUMNS: Final = 36


@dataclass(frozen=True, slots=True)
class Actor:
    """A device and its owner.

    Attributes:
        name: the owner's, for the page.
        address: the device's.
        identity: the device's.
    """

    name: str
    address: bytes
    identity: IdentityKeyPair


@dataclass(slots=True)
class Speaker:
    """An actor in a session.

    Attributes:
        actor: who speaks.
        session: its side.
        chain: its sending chain, counted from 1 over both sides.
        number: of its last message in that chain, counted from 0.
    """

    actor: Actor
    session: Session
    chain: int = 0
    number: int = 0

    def reads(self, message: bytes, text: str) -> bool:
        """Whether the message decrypts, and to this text."""
        try:
            return self.session.decrypt(message) == text.encode()
        except RatchetError:
            return False


@dataclass(slots=True)
class Talk:
    """A conversation on a page.

    Attributes:
        page: where it is shown.
        alice: who began.
        bob: who was written to.
    """

    page: Page
    alice: Speaker
    bob: Speaker
    _chains: int = field(default=0, init=False)

    def say(self, sender: Speaker, receiver: Speaker, text: str) -> None:
        """Encrypt, deliver and show one message."""
        message, position = self.write(sender, text)
        self.show(sender, receiver, text, len(message), position, held=receiver.reads(message, text))

    def write(self, sender: Speaker, text: str) -> tuple[bytes, str]:
        """Encrypt one message, and say where it stands."""
        message = sender.session.encrypt(text.encode())
        return message, self.position(sender, opened=opened_a_chain(sender.session))

    def show(self, sender: Speaker, receiver: Speaker, text: str, size: int, position: str, *, held: bool) -> None:
        """One line: who wrote what to whom, how long it is on the wire, where in the ratchet it stands."""
        label = f"{sender.actor.name} → {receiver.actor.name}"
        self.page.check(label, f"{quoted(text, _TEXT_COLUMNS)}{size:>11,} B   {position}", held=held)

    def position(self, sender: Speaker, *, opened: bool) -> str:
        """Where the message stands that the sender has just encrypted."""
        if opened:
            self._chains += 1
            sender.chain, sender.number = self._chains, 0
        else:
            sender.number += 1
        return f"{'new' if opened else '   '} chain {sender.chain}, message {sender.number}"


def opened_a_chain(session: Session) -> bool:
    """Whether the message that the session has just encrypted took a Diffie-Hellman step."""
    return session.health().messages_since_dh_step == 1
