"""Reading bytes as what happens in a conversation: two bytes an action, and what the action needs behind them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from harness.draws import fixed_draws
from harness.oracles import MANY
from harness.people import pair
from harness.positions import position, require_untouched, sides_of
from harness.talk import false_key_chunk

from ratchetlib import AuthenticationError, Session
from ratchetlib.ratchet.pq.chunks import NO_CHUNK, Chunk, ChunkKind
from ratchetlib.session.message import HEAD_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.model import Letter
    from harness.talk import Making, Talk

    from ratchetlib.ratchet.header import Header

MAX_ACTIONS: Final = 28
_MAX_HEAVY: Final = 2
"""Gaps, and restarts of large states, in one run: each costs as much as dozens of other actions."""

_GAPS: Final = (*(1, 2, 3, 4, 5, 7, 9, 12, 15, 20, 30, 45), *(998, 999, 1_000, 1_001))
_FRAME: Final = 24 + 158
"""Bytes of nonce and sealed header."""


class Script:
    """The bytes, read from front to back; behind their end everything is zero."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self._position >= len(self._data)

    def take(self, length: int) -> bytes:
        """The next bytes, fewer at the end."""
        start = self._position
        self._position += length
        return self._data[start : self._position]

    def byte(self) -> int:
        """The next byte."""
        taken = self.take(1)
        return taken[0] if taken else 0


class Player:
    """Plays a script on a conversation."""

    def __init__(self, script: Script, make: Making = Session, actions: int = MAX_ACTIONS) -> None:
        self._script = script
        self._actions = actions
        self._heavy = 0
        self._number = script.byte()
        self.talk: Talk = position(self._number, make)

    def play(self) -> Talk:
        """Everything the script says, as far as the bound on actions."""
        for _ in range(self._actions):
            if self._script.over:
                break
            action = ACTIONS[self._script.byte() % len(ACTIONS)]
            action(self, self._script.byte())
        self.talk.require_sound()
        for start in sides_of(self._number):
            require_untouched(start)
        return self.talk

    def _letter(self, number: int) -> Letter | None:
        """Counted from the newest, so that small numbers mean what has just happened."""
        letters = self.talk.letters
        return letters[-1 - number % len(letters)] if letters else None

    # --- honest ---------------------------------------------------------------------------------

    def send(self, argument: int) -> None:
        self.talk.send(argument & 1, bytes(argument >> 1))

    def deliver(self, argument: int) -> None:
        letter = self._letter(argument)
        if letter is not None:
            self.talk.deliver(letter)

    def exchange(self, argument: int) -> None:
        """A message that arrives at once."""
        self.talk.deliver(self.talk.send(argument & 1))

    def drop(self, argument: int) -> None:
        letter = self._letter(argument)
        if letter is not None:
            self.talk.letters.remove(letter)

    def lose(self, argument: int) -> None:
        self._heavy += 1
        if self._heavy <= _MAX_HEAVY:
            self.talk.lose(argument & 1, _GAPS[(argument >> 1) % len(_GAPS)])

    def restart(self, argument: int) -> None:
        seat = self.talk.seats[argument & 1]
        self._heavy += seat.side.stored >= MANY
        if self._heavy <= _MAX_HEAVY:
            seat.restart()

    def forget(self, argument: int) -> None:
        seat = self.talk.seats[argument & 1]
        seat.session.forget_skipped()
        seat.side.forget()

    def crash(self, argument: int) -> None:
        """A send or a receive whose state was never saved and whose result nobody has seen."""
        letter = self._letter(argument >> 1)
        who = argument & 1 if letter is None else letter.to
        seat, letters = self.talk.seats[who].copy(), list(self.talk.letters)
        if letter is None or argument & 1:
            self.talk.send(who)
        else:
            self.talk.deliver(letter)
        self.talk.seats[who], self.talk.letters = seat, letters

    # --- hostile --------------------------------------------------------------------------------

    def tamper(self, argument: int) -> None:
        letter = self._letter(argument)
        if letter is None:
            return
        message = letter.message
        place = int.from_bytes(self._script.take(2), "big") % (8 * len(message))
        altered = bytearray(message)
        altered[place // 8] ^= 1 << place % 8
        self.talk.require_refused(letter.to, bytes(altered))

    def cut(self, argument: int) -> None:
        letter = self._letter(argument)
        if letter is not None:
            length = self._script.byte()
            cut = letter.message[: -1 - length] if length < 128 else letter.message + bytes(length - 127)
            self.talk.require_refused(letter.to, cut)

    def splice(self, argument: int) -> None:
        """The header of one letter and the body of another."""
        letter, other = self._letter(argument), self._letter(self._script.byte())
        if letter is None or other is None or letter.message == other.message:
            return
        behind_header = len(letter.message) - len(_body(letter))
        spliced = letter.message[:behind_header] + _body(other)
        self.talk.require_refused(letter.to, spliced)

    def turn_around(self, argument: int) -> None:
        """A letter comes back to its sender."""
        letter = self._letter(argument)
        if letter is not None:
            self.talk.require_refused(1 - letter.to, letter.message, AuthenticationError)

    def misdeliver(self, argument: int) -> None:
        """A letter of another conversation."""
        self.talk.require_refused(argument & 1, of_another_session(argument & 1), AuthenticationError)

    def mislabel(self, argument: int) -> None:
        """The right letter with other associated data."""
        letter = self._letter(argument)
        if letter is not None:
            self.talk.require_refused(letter.to, letter.message, associated_data=b"other")

    def raw(self, argument: int) -> None:
        self.talk.require_refused(argument & 1, b"\x01\x02" + self._script.take(argument))

    def save(self, argument: int) -> None:
        self.talk.save(argument & 1)

    def restore(self, argument: int) -> None:
        """An older state, as from a backup."""
        if self.talk.saved:
            self.talk.restore(argument)

    def fork(self, argument: int) -> None:
        """A clone speaks for a side, unknown to it."""
        seat = self.talk.seats[argument & 1].copy()
        self.talk.split.add(argument & 1)
        self.talk.send(argument & 1, b"of the clone")
        self.talk.seats[argument & 1] = seat

    def twist(self, argument: int) -> None:
        """A chunk that the peer's own software would not send, in an authentic header."""
        twist, forbidden = TWISTS[(argument >> 1) % len(TWISTS)]
        self.talk.send_twisted(argument & 1, twist, forbidden=forbidden)


@cache
def of_another_session(to: int) -> bytes:
    """What the side across from `to` writes in another conversation of the same two."""
    others = pair(one_time=False)
    with fixed_draws(b"another session"):
        return Session(others.alice if to else others.bob).encrypt(b"of another session")


def _body(letter: Letter) -> bytes:
    """What follows the sealed header, whatever the type of the message."""
    start = HEAD_LENGTH + (1_975 if letter.message[1] == 1 else 0) + _FRAME
    return letter.message[start:]


def _kind_of(header: Header) -> int:
    """The kind that the header's sender may send in its epoch; a lost chunk has none."""
    return header.chunk.kind or ChunkKind.KEY


TWISTS: Final[tuple[tuple[Callable[[Header], Chunk], bool], ...]] = (
    (lambda _: NO_CHUNK, False),
    (lambda header: header.chunk._replace(data=bytes(96)) if header.chunk.kind else NO_CHUNK, False),
    (lambda header: header.chunk._replace(point=header.chunk.point ^ 1) if header.chunk.kind else NO_CHUNK, False),
    (lambda header: Chunk(_kind_of(header) + 2, 0, bytes(96)), True),
    (lambda header: Chunk(_kind_of(header), 64, bytes(96)), True),
    (lambda header: Chunk(_kind_of(header), 255, bytes(96)), True),
    (lambda _: Chunk(ChunkKind.NONE, 1, bytes(96)), True),
    (lambda _: Chunk(ChunkKind.NONE, 0, bytes(95) + b"\1"), True),
    (false_key_chunk, False),
)
"""Chunks in the place of the honest one, and whether the protocol forbids them whatever the phase."""

ACTIONS: Final = (
    Player.send,
    Player.deliver,
    Player.exchange,
    Player.drop,
    Player.lose,
    Player.restart,
    Player.forget,
    Player.crash,
    Player.tamper,
    Player.cut,
    Player.splice,
    Player.turn_around,
    Player.misdeliver,
    Player.mislabel,
    Player.raw,
    Player.save,
    Player.restore,
    Player.fork,
    Player.twist,
)
"""By the first byte of an action, modulo their number; append only, or the corpora mean something else."""
