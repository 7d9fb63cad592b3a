"""A conversation under the fuzzer's hand: two sessions, the letters between them, and a model that both must obey."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from harness.model import Letter, Side
from harness.oracles import Violation, digest, refusal, require, require_bounded
from harness.people import pair
from harness.sealed import at_rest

from ratchetlib import PeerError, Session
from ratchetlib.keys import KemPublicKey
from ratchetlib.primitives.kdf import chain_step
from ratchetlib.ratchet.header import seal_header
from ratchetlib.ratchet.pq.chunks import NO_CHUNK, Chunk, ChunkKind
from ratchetlib.ratchet.pq.streams import offer

if TYPE_CHECKING:
    from ratchetlib.primitives.aead import HeaderKey
    from ratchetlib.ratchet.header import Header
    from ratchetlib.session.state import SessionState

_ENCRYPT: Final = importlib.import_module("ratchetlib.ratchet.encrypt")
"""The module: the package's attribute of that name is the function."""


_FALSE_KEY: Final = offer(KemPublicKey(b"\xff" * 1_184))
"""Every coefficient is above the modulus."""

Making = Callable[["SessionState"], Session]
"""Makes a session of a state: the library's, or one that is compared with the reference at every call."""


class Seat:
    """One side: its session, its model, and what it has read.

    Attributes:
        make: makes the session.
        session: as it is now.
        side: the model.
        read: letters that this very line of states has decrypted.
    """

    __slots__ = ("make", "read", "session", "side")

    def __init__(
        self, state: SessionState, side: Side, read: frozenset[Letter] = frozenset(), make: Making = Session
    ) -> None:
        self.make = make
        self.session = make(state)
        self.side = side
        self.read = read

    def copy(self, make: Making | None = None) -> Seat:
        """A twin: what a saved state brings back."""
        return Seat(self.session._state, self.side.copy(), self.read, make or self.make)

    def restart(self) -> None:
        """From what the session has written."""
        self.session = self.make(at_rest(Session, Session(self.session._state))._state)


class Talk:
    """Two seats and the letters between them.

    Attributes:
        seats: the initiator's and the responder's.
        letters: every letter ever sent, delivered or not.
        saved: states kept aside, with whose they are.
        split: the sides that were ever restored or cloned. What they send may be refused where the model, which counts
            one line of states for each side, does not foresee it; and so may the chains that answer a lost line.
        lost: the sides that have read what a split or lost side has sent: their model counts no more.
    """

    __slots__ = ("letters", "lost", "saved", "seats", "split")

    def __init__(self, seats: list[Seat], letters: list[Letter]) -> None:
        self.seats = seats
        self.letters = letters
        self.saved: list[tuple[int, Seat]] = []
        self.split: set[int] = set()
        self.lost: set[int] = set()

    @classmethod
    def begun(cls) -> Talk:
        """After the first message, which has arrived."""
        start = pair()
        alice, bob = Side(), Side()
        alice.send()
        bob.take(Letter(b"", b"", 1, 0, 0, 0))
        return cls([Seat(start.alice, alice), Seat(start.bob, bob)], [])

    def copy(self, make: Making = Session) -> Talk:
        """The same position, to play on from, with sessions of that kind."""
        return Talk([seat.copy(make) for seat in self.seats], list(self.letters))

    # --- sending --------------------------------------------------------------------------------

    def send(self, who: int, plaintext: bytes = b"") -> Letter:
        """One message, on its way."""
        return self.post(who, self.seats[who].session.encrypt(plaintext), plaintext)

    def post(self, who: int, message: bytes, plaintext: bytes, *, forbidden: bool = False) -> Letter:
        """A message that the session of that side has just made."""
        side = self.seats[who].side
        side.send()
        letter = Letter(message, plaintext, 1 - who, side.sent, side.number - 1, side.previous, forbidden)
        self.letters.append(letter)
        return letter

    def send_twisted(self, who: int, twist: Callable[[Header], Chunk], *, forbidden: bool) -> None:
        """A message whose authentic header carries another chunk than the honest one."""

        def seal_twisted(key: HeaderKey, nonce: bytes, header: Header, data: bytes) -> bytes:
            return seal_header(key, nonce, header._replace(chunk=twist(header)), data)

        # A hostile peer runs software of its own, so whatever compares the session with a reference does not see this.
        session, sender = self.seats[who].session, Session(self.seats[who].session._state)
        with patch.object(_ENCRYPT, "seal_header", seal_twisted):
            message = sender.encrypt(b"twisted")
        session._state = sender._state
        self.post(who, message, b"twisted", forbidden=forbidden)

    def lose(self, who: int, count: int) -> None:
        """So many messages of an open chain that nobody will ever see."""
        seat = self.seats[who]
        state = seat.session._state
        sending = state.ratchet.sending
        if sending is None:
            return
        chain_key = sending.chain_key
        for _ in range(count):
            chain_key, _ = chain_step(chain_key)
        moved = sending._replace(chain_key=chain_key, number=sending.number + count)
        seat.session._state = state.moved(state.ratchet._replace(sending=moved))
        seat.side.number += count

    # --- receiving ------------------------------------------------------------------------------

    def deliver(self, letter: Letter) -> None:
        """The letter arrives, for the first time or again."""
        seat = self.seats[letter.to]
        who, sender = letter.to, 1 - letter.to
        uncertain = {sender} & (self.split | self.lost) or who in self.lost
        # A restored side still reads the chains that it knows, if what is sent on them is of one line.
        if uncertain or (who in self.split and letter.chain not in seat.side.chains):
            self._deliver_after_split(seat, letter, certain=not uncertain)
            return
        expected = seat.side.refusal(letter)
        if expected is None:
            require(seat.session.decrypt(letter.message) == letter.plaintext, "another plaintext than was sent")
            seat.side.take(letter)
            seat.read |= {letter}
            require(seat.side.stored == seat.session._state.ratchet.skipped_stored, "other skipped keys than missing")
        else:
            self.require_refused(letter.to, letter.message, expected)

    def _deliver_after_split(self, seat: Seat, letter: Letter, *, certain: bool) -> None:
        before = digest(seat.session._state)
        try:
            plaintext = seat.session.decrypt(letter.message)
        except PeerError:
            require(digest(seat.session._state) == before, "a refused message has changed the state")
            return
        require(plaintext == letter.plaintext and not letter.forbidden, "another plaintext than was sent")
        require(letter not in seat.read, "a message decrypts twice")
        seat.read |= {letter}
        if certain:
            seat.side.take(letter)
        else:
            self.lost.add(letter.to)

    def require_refused(
        self, who: int, message: bytes, expected: type[PeerError] = PeerError, associated_data: bytes = b""
    ) -> None:
        """Whatever this is, it is refused and leaves everything as it was."""
        session = self.seats[who].session
        before = digest(session._state)
        error = refusal(lambda: session.decrypt(message, associated_data=associated_data))
        if error is None:
            raise Violation("a message decrypts that must not")
        require(isinstance(error, expected), f"{type(error).__name__} instead of {expected.__name__}")
        require(digest(session._state) == before, "a refused message has changed the state")

    # --- storing --------------------------------------------------------------------------------

    def save(self, who: int) -> None:
        """Keep the state of now."""
        self.saved.append((who, self.seats[who].copy()))

    def restore(self, place: int) -> None:
        """A state from before takes the place of the one of now."""
        who, seat = self.saved[place % len(self.saved)]
        self.seats[who] = seat.copy()
        self.split.add(who)

    def require_sound(self) -> None:
        """What holds at the end of every conversation."""
        for seat in self.seats:
            require_bounded(seat.session._state)


def false_key_chunk(header: Header) -> Chunk:
    """Of a key that is none, under the right hash; whoever sends no key at the moment sends nothing."""
    if header.chunk.kind != ChunkKind.KEY:
        return NO_CHUNK
    return Chunk(ChunkKind.KEY, header.chunk.point, _FALSE_KEY.chunk(header.chunk.point))
