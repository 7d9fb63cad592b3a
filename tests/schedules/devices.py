"""The two devices of a bare ratchet and the messages between them, as values with one object each.

The real code runs on real states; a step is a pure function of a state and a message, so each is taken once and
remembered. Equal encodings are one device, because a state that is read back does what the state itself does: an
invariant (`device_invariants.restored_alike`, `restart_sends_alike`), checked with every step that is ever taken.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from schedules.draws import draws_of_send, no_draws
from support.spies import secrets_recorded

from ratchetlib import ratchet
from ratchetlib.errors import PeerError
from ratchetlib.keys import MessageKey
from ratchetlib.primitives import aead
from ratchetlib.ratchet import Binding, Direction, Frame, MessageType, RatchetKeyPair, RatchetState, codec
from ratchetlib.ratchet.header import open_header

if TYPE_CHECKING:
    from ratchetlib.ratchet.header import Header

SESSION_ID: Final = bytes(range(32))
DATA: Final = b"schedules"
"""Associated data of every message."""


class Party(StrEnum):
    """Who: Alice is the initiator."""

    ALICE = "alice"
    BOB = "bob"

    @property
    def peer(self) -> Party:
        return Party.BOB if self is Party.ALICE else Party.ALICE

    @property
    def sends(self) -> Binding:
        """What everything that this party sends is bound to."""
        return _BINDINGS[self]


_BINDINGS: Final = {
    party: Binding.of(SESSION_ID, direction, MessageType.ORDINARY, b"")
    for party, direction in zip(Party, Direction, strict=True)
}


class Place(NamedTuple):
    """Where a message stands by the rules of the protocol, derived from the schedule and not from the code.

    Attributes:
        chain: 1 for Alice's first chain, 2 for Bob's answer to it, and so on.
        number: N, from 0.
        previous_length: PN.
    """

    chain: int
    number: int
    previous_length: int


class Message:
    """A message that was sent. One object for equal ones, so that identity is equality.

    Attributes:
        sender: who sent it.
        text: 1 for the sender's first message, and so on; its plaintext says so too.
        place: where it must stand.
        header: what its header really says.
        frame: what travels.
        key: its message key.
    """

    __slots__ = ("frame", "header", "key", "place", "sender", "text")

    def __init__(self, sender: Party, text: int, place: Place, *, header: Header, frame: Frame, key: bytes) -> None:
        self.sender = sender
        self.text = text
        self.place = place
        self.header = header
        self.frame = frame
        self.key = key

    def __repr__(self) -> str:
        return f"{self.sender}#{self.text}@{self.place.chain}.{self.place.number}"

    @property
    def order(self) -> tuple[Party, int]:
        """A key to sort by."""
        return self.sender, self.text

    @property
    def plaintext(self) -> bytes:
        return plaintext(self.sender, self.text)


def plaintext(sender: Party, text: int) -> bytes:
    """What the sender's message of that number says."""
    return f"{sender} {text}".encode()


class Outcome(NamedTuple):
    """What became of a message.

    Attributes:
        device: afterwards; the same object if the message was refused.
        plaintext: None if it was refused.
        error: the refusal's type.
    """

    device: Device
    plaintext: bytes | None
    error: type[PeerError] | None


class Arena:
    """All devices and messages of an exploration, each once.

    Attributes:
        signed_prekey: Bob's first ratchet key pair, which his first receive is given.
    """

    def __init__(self, signed_prekey: RatchetKeyPair) -> None:
        self.signed_prekey = signed_prekey
        self._devices: dict[tuple[Party, bytes], Device] = {}
        self._messages: dict[tuple[Party, Place, bytes, bytes, bytes], Message] = {}

    @property
    def devices(self) -> tuple[Device, ...]:
        """Every device met so far."""
        return tuple(self._devices.values())

    def device(self, party: Party, state: RatchetState) -> Device:
        """The one device with that state."""
        encoding = codec.encode(state)
        known = self._devices.get((party, encoding))
        if known is None:
            known = self._devices[party, encoding] = Device(self, party, state, encoding)
        return known

    def message(self, message: Message) -> Message:
        """The one message like this."""
        identity = (message.sender, message.place, *message.frame)
        return self._messages.setdefault(identity, message)


class Device:
    """One side in one state. One object for equal ones, so that identity is equality.

    Attributes:
        arena: where it belongs.
        party: whose it is.
        state: of the real ratchet.
        encoding: its canonical encoding.
    """

    __slots__ = ("_received", "_sent", "arena", "encoding", "party", "state")

    def __init__(self, arena: Arena, party: Party, state: RatchetState, encoding: bytes) -> None:
        self.arena = arena
        self.party = party
        self.state = state
        self.encoding = encoding
        self._sent: dict[tuple[int, Place], tuple[Device, Message]] = {}
        self._received: dict[Message, Outcome] = {}

    @property
    def may_send(self) -> bool:
        """A responder has a session, and can send, only once it has accepted a first message."""
        return self.party is Party.ALICE or self.state.receiving is not None

    def send(self, text: int, place: Place) -> tuple[Device, Message]:
        """Send the message of that number."""
        known = self._sent.get((text, place))
        if known is None:
            known = self._sent[text, place] = self._send(text, place)
        return known

    def receive(self, message: Message) -> Outcome:
        """Take a message."""
        known = self._received.get(message)
        if known is None:
            known = self._received[message] = self.take(message.frame)
        return known

    def take(
        self, frame: Frame, *, state: RatchetState | None = None, sender: Party | None = None, data: bytes = DATA
    ) -> Outcome:
        """Take a frame, and remember nothing: in another state, as if from another sender, with other data."""
        first = self.party is Party.BOB and self.state.receiving is None
        prekey = self.arena.signed_prekey if first else None
        binding = (sender or self.party.peer).sends
        with no_draws():
            try:
                after, plain = ratchet.decrypt(state or self.state, frame, data, binding, prekey)
            except PeerError as error:
                return Outcome(self, None, type(error))
        return Outcome(self.arena.device(self.party, after), plain, None)

    def encrypt(self, text: int, *, state: RatchetState | None = None) -> tuple[RatchetState, bytes]:
        """Encrypt, and remember nothing: in another state."""
        before = state or self.state
        with draws_of_send(self.party, before):
            return ratchet.encrypt(before, plaintext(self.party, text), DATA, self.party.sends)

    def _send(self, text: int, place: Place) -> tuple[Device, Message]:
        with secrets_recorded() as made:
            state, sent = self.encrypt(text)
        (key,) = (raw for raw, role in made.items() if role is MessageKey)
        after, frame = self.arena.device(self.party, state), Frame.split(sent, 0)
        message = Message(self.party, text, place, header=after._header_of(frame), frame=frame, key=key)
        return after, self.arena.message(message)

    def _header_of(self, frame: Frame) -> Header:
        """What the header of a frame on the open chain says."""
        if self.state.sending is None:
            raise RuntimeError("a send leaves a sending chain open")
        nonce = frame.nonce[: aead.NONCE_LENGTH]
        header = open_header(self.state.sending.header_key, nonce, frame.header, self.party.sends.header)
        if header is None:
            raise RuntimeError("the sender itself cannot open its header")
        return header
